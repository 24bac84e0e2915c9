// Observable Plot behind a surface of plain data: loaded when the first picture is drawn, never at start-up.

import { lazyPackage } from "../io/lazy_package.ts";

/** Marks of Observable Plot that charts are made of. */
export type MarkKind =
  | "line"
  | "areaY"
  | "dot"
  | "rect"
  | "ruleX"
  | "ruleY"
  | "text"
  | "image"
  | "axisX"
  | "axisY"
  | "gridX"
  | "gridY"
  | "frame";

/** One mark: its data, and its options as Observable Plot takes them. */
export interface Mark {
  /** Name of the mark. */
  readonly kind: MarkKind;
  /** One entry per drawn thing; not used by a frame. */
  readonly data: unknown;
  /** Channels and styles. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** One scale. */
export interface DrawnScale {
  /** Kind of the scale. */
  readonly type: "linear" | "log";
  /** Values at both ends. */
  readonly domain: readonly [number, number];
  /** Whether values grow against the screen's direction. */
  readonly reverse?: boolean;
}

/** A chart without its title and legend. */
export interface Drawing {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Pixels between the edge and the plot on each side. */
  readonly margin: { readonly top: number; readonly right: number; readonly bottom: number; readonly left: number };
  /** Pixels left free inside the plot, left and right. */
  readonly inset: number;
  /** Horizontal scale. */
  readonly x: DrawnScale;
  /** Vertical scale. */
  readonly y: DrawnScale;
  /** What is drawn, in order. */
  readonly marks: readonly Mark[];
}

/** What charts need of the plotting library. */
export interface PlotLibrary {
  /** Draws marks; gives the inside of an `<svg>` element of the drawing's size, free of styles, classes and ids. */
  draw(drawing: Drawing): string;
  /** Colours of a named scheme from its start to its end, as red, green and blue from 0 to 255. */
  ramp(scheme: "viridis" | "RdBu", count: number): readonly (readonly [number, number, number])[];
  /** Pixels of three bytes as the bytes of a PNG file. */
  png(pixels: Uint8Array, width: number, height: number): Uint8Array;
}

/**
 * Loads Observable Plot and linkedom, through Deno's npm client at first use. The URL is computed so that programs that draw nothing neither load
 * nor download them.
 *
 * @throws {BitlineError} if they cannot be had.
 */
export async function loadPlot(): Promise<PlotLibrary> {
  return await lazyPackage<PlotLibrary>(
    new URL("./plot_npm.ts", import.meta.url),
    "the plotting library",
    "@observablehq/plot and linkedom",
  );
}
