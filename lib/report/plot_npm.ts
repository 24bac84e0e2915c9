// The only module that imports the plotting library; loaded by plot_library.ts when a picture is asked for.

import * as Plot from "@observablehq/plot";
import { encode } from "fast-png";
import { parseHTML } from "linkedom";
import type { Drawing, PlotLibrary } from "./plot_library.ts";

/** What is used of the elements drawn; the library is checked without the browser's types. */
interface Drawn {
  readonly innerHTML: string;
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>;
  querySelectorAll(selector: string): Iterable<Drawn>;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  remove(): void;
}

/** See {@linkcode PlotLibrary.draw}. */
export const draw: PlotLibrary["draw"] = ({ width, height, margin, inset, x, y, marks }: Drawing) => {
  const { document } = parseHTML("<!doctype html><html><body></body></html>") as unknown as { document: Plot.PlotOptions["document"] };
  const picture = Plot.plot({
    document,
    width,
    height,
    marginTop: margin.top,
    marginRight: margin.right,
    marginBottom: margin.bottom,
    marginLeft: margin.left,
    insetLeft: inset,
    insetRight: inset,
    x: { ...x, domain: [...x.domain], axis: null },
    y: { ...y, domain: [...y.domain], axis: null },
    color: { type: "identity" },
    marks: marks.map(({ kind, data, options }) =>
      kind === "frame" ? Plot.frame(options) : (Plot[kind] as (data: unknown, options: unknown) => Plot.Markish)(data, options)
    ),
  }) as unknown as Drawn;
  for (const style of picture.querySelectorAll("style")) style.remove();
  for (const element of picture.querySelectorAll("*")) standalone(element);
  return picture.innerHTML;
};

/** See {@linkcode PlotLibrary.ramp}. */
export const ramp: PlotLibrary["ramp"] = (scheme, count) => {
  const scale = Plot.scale({ color: { type: "linear", scheme, domain: [0, Math.max(1, count - 1)] } });
  return Array.from({ length: count }, (_, index) => channels(String(scale.apply(index))));
};

/** See {@linkcode PlotLibrary.png}. */
export const png: PlotLibrary["png"] = (pixels, width, height) => encode({ width, height, data: pixels, channels: 3, depth: 8 });

/** Red, green and blue, 0 to 255, of "#rrggbb" or "rgb(r, g, b)". */
function channels(colour: string): readonly [number, number, number] {
  const numbers = colour.startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16))
    : (colour.match(/\d+/g) ?? []).map(Number);
  return [numbers[0]!, numbers[1]!, numbers[2]!];
}

/** Gives an element colours that do not depend on the page around it, and coordinates to a hundredth of a pixel. */
function standalone(element: Drawn): void {
  for (const { name, value } of [...element.attributes]) {
    if (name.startsWith("aria-") || name === "class") element.removeAttribute(name);
    else if (value === "currentColor") element.setAttribute(name, "#333");
    else element.setAttribute(name, value.replace(/-?\d+\.\d{3,}(e-\d+)?/g, (number) => String(Math.round(Number(number) * 100) / 100)));
  }
}
