// The chip as a picture: its tiles row by row, coloured by layer, with their processing elements.

import { checkInteger } from "../map/chip/chip.ts";
import { checkOptions } from "../options.ts";
import { colourOf, escapeXml, fitText, FONT, PALETTE, TEXT } from "../report/plot_style.ts";
import type { Estimate } from "./result.ts";

/** Size of the picture of {@linkcode floorplanSvg}. */
export interface FloorplanSvgOptions {
  /** Pixels, legend included; default 720, at least 320. */
  readonly width?: number;
}

const MARGIN = 16, HEAD = 30, LEGEND = 250, LINE = 20;

/**
 * Draws the floorplan of an estimate as SVG text: a square per tile in network order, one colour per layer, darker for every other set of copies, and
 * in it a small square per processing element, filled by the layer's utilisation.
 *
 * The same estimate gives the same text.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { estimate, floorplanSvg, layerWork } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const window = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
 * const geometry = { ...window, inputShape: [1, 1, 512], outputShape: [1, 1, 100] } as const;
 * const layer = layerWork({ name: "fc", geometry, rows: 128, columns: 128, cellsPerWeight: 4, cellBits: 1, inputBits: 4 });
 * assert(floorplanSvg(estimate({ rows: 128, columns: 128, layers: [layer] })).startsWith("<svg"));
 * ```
 */
export function floorplanSvg(
  { chip, floorplan, layers }: Pick<Estimate, "chip" | "floorplan" | "layers">,
  options: FloorplanSvgOptions = {},
): string {
  checkOptions("draw the floorplan", "floorplanSvg", options, ["width"]);
  const { width = 720 } = options;
  checkInteger("draw the floorplan", "floorplanSvg.width", width, 320);
  const [across, down] = floorplan.grid, side = (width - LEGEND - 2 * MARGIN) / across;
  const height = Math.ceil(HEAD + Math.max(down * side, layers.length * LINE) + MARGIN);
  const title = `${short(chip.areaUm2 / 1e6)} mm², ${floorplan.tiles} tiles, ${floorplan.arrays} arrays`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${
      escapeXml(FONT)
    }" font-size="${TEXT}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${MARGIN}" y="20">${escapeXml(title)}</text>`,
  ];
  let place = 0;
  for (const [index, { plan }] of layers.entries()) {
    const across = Math.ceil(Math.sqrt(plan.pesPerTile)), pe = side * 0.84 / across, filled = pe * 0.82 * Math.sqrt(plan.utilisation);
    for (let number = 0; number < plan.tiles; number++, place++) {
      const x = MARGIN + place % floorplan.grid[0] * side, y = HEAD + Math.floor(place / floorplan.grid[0]) * side;
      const opacity = Math.floor(number / plan.tilesPerSet) % 2 === 0 ? 0.28 : 0.45;
      parts.push(rect(x + side * 0.03, y + side * 0.03, side * 0.94, fillOf(index), opacity));
      for (let each = 0; each < plan.pesPerTile; each++) {
        const left = x + side * 0.08 + each % across * pe, top = y + side * 0.08 + Math.floor(each / across) * pe;
        parts.push(rect(left, top, filled, fillOf(index), 1));
      }
    }
    const at = HEAD + index * LINE, left = width - LEGEND;
    const text = `${layers[index]!.name}: ${plan.tiles} tiles, ${plan.copies} copies, ${Math.round(100 * plan.utilisation)} %`;
    parts.push(rect(left, at, 12, fillOf(index), 1));
    parts.push(`<text x="${left + 18}" y="${at + 10}">${escapeXml(fitText(text, LEGEND - 18))}</text>`);
  }
  parts.push("</svg>");
  return parts.join("\n") + "\n";
}

/** Colours of the palette, then paler ones: neighbours always differ. */
function fillOf(index: number): string {
  const round = Math.floor(index / PALETTE.length) % 3;
  if (round === 0) return colourOf(index);
  const part = (at: number) => {
    const value = parseInt(colourOf(index).slice(at, at + 2), 16);
    return Math.round(value + (235 - value) * 0.3 * round).toString(16).padStart(2, "0");
  };
  return `#${part(1)}${part(3)}${part(5)}`;
}

function rect(x: number, y: number, side: number, fill: string, opacity: number): string {
  const shade = opacity === 1 ? "" : ` fill-opacity="${opacity}"`;
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(side)}" height="${round(side)}" fill="${fill}"${shade}/>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
