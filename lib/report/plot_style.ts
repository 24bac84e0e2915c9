// How every chart looks: colours, symbols and text, kept apart so that they look alike.

import { NumericError, OptionError } from "../errors.ts";

/** Okabe and Ito's colours, told apart with any kind of colour vision, darkest on white first; yellow is left out. */
export const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"] as const;

/** Symbols by Observable Plot's names, so that series differ without colour too. */
export const SYMBOLS = ["circle", "square", "triangle", "diamond", "cross", "star"] as const;

/** Font of all text, as an attribute value. */
export const FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif";

/** Height of the letters on axes and legends, in pixels. */
export const TEXT = 12;

/** Colour of a series by number; past the palette's end it starts again with other symbols. */
export function colourOf(index: number): string {
  return PALETTE[index % PALETTE.length]!;
}

/** Symbol of a series by number. */
export function symbolOf(index: number): typeof SYMBOLS[number] {
  return SYMBOLS[index % SYMBOLS.length]!;
}

/** Text made safe inside an XML element or attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (symbol) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[symbol]!);
}

/** Drops the characters that an XML document cannot hold, however they are written. */
export function dropUnprintable(document: string): string {
  return document.toWellFormed().replace(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu, "");
}

/** Width of text in pixels, estimated for a wide sans-serif font. */
export function textWidth(text: string, size: number = TEXT): number {
  return 0.6 * size * [...text].length;
}

/** Text cut to a width, with an ellipsis where something is missing. */
export function fitText(text: string, width: number, size: number = TEXT): string {
  const letters = [...text], most = Math.max(1, Math.floor(width / (0.6 * size)));
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

/** Words laid out in lines of at most `width` pixels; the last of `most` lines is cut where it must be. */
export function wrapText(text: string, width: number, size: number, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    const last = lines.at(-1), longer = `${last} ${word}`;
    if (last !== undefined && (textWidth(longer, size) <= width || lines.length === most)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map((line) => fitText(line, width, size));
}

/** Refuses a missing or empty text. */
export function checkText(action: string, where: string, text: unknown): void {
  if (typeof text === "string" && text.trim() !== "") return;
  throw new OptionError(action, { where, got: text, wanted: "a text that is not empty" });
}

/** Refuses a list that is none, or has nothing in it. */
export function checkList(action: string, where: string, list: unknown): void {
  if (Array.isArray(list) && list.length > 0) return;
  throw new OptionError(action, { where, got: Array.isArray(list) ? "an empty list" : list, wanted: "a list of at least one entry" });
}

/** Refuses tuples of the wrong length, numbers that are not finite, and on logarithmic axes numbers at or below 0; `log` says which places are. */
export function checkTuples(action: string, where: string, tuples: unknown, log: readonly boolean[]): void {
  checkList(action, where, tuples);
  (tuples as readonly unknown[]).forEach((tuple, index) => {
    if (!Array.isArray(tuple) || tuple.length !== log.length) {
      throw new OptionError(action, { where: `${where}[${index}]`, got: tuple, wanted: `${log.length} numbers` });
    }
    tuple.forEach((value, place) => checkNumber(action, `${where}[${index}][${place}]`, value, log[place]!));
  });
}

/** Refuses a number that is not finite, or not above 0 where the axis is logarithmic. */
export function checkNumber(action: string, where: string, value: unknown, log: boolean): void {
  if (!Number.isFinite(value)) throw new NumericError(action, { where, got: value, wanted: "a finite number" });
  if (log && (value as number) <= 0) {
    throw new NumericError(action, { where, got: value, wanted: "a number above 0 on a logarithmic axis" });
  }
}
