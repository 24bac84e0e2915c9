// SMD: the same kernels several times on one array, each copy with an output position of its own.

import type { Mapping, Pattern, Placement, Problem } from "../placement.ts";
import { im2colMapping } from "./im2col.ts";
import { grid, type Layer, layerOf } from "./window.ts";

/**
 * Sub-matrix duplication: d = min(⌊R / (K² · IC)⌋, ⌊C′ / OC⌋) copies in disjoint rows and columns, ⌈Oh · Ow / d⌉ cycles; im2col if d is 0.
 *
 * As described and counted by J. Rhe, S. Moon, J. H. Ko, “VW-SDK: Efficient Convolutional Weight Mapping Using Variable Windows for
 * Processing-In-Memory Architectures”, DATE 2022.
 * Groups are not in the paper: of the d kernels (of one group each) that fit, p different groups stand beside ⌊d / p⌋ copies, which takes
 * ⌈groups / p⌉ · ⌈Oh · Ow / ⌊d / p⌋⌉ cycles; p is the best there is, the largest among equals.
 *
 * `detail`: dup (copies, 1 with `fallback: "im2col"` if not even one kernel fits), packed (groups per array).
 *
 * The placement takes a rectangle of output positions where that is as fast as the formula, otherwise runs of consecutive positions;
 * runs that wrap round the image's edge are patterns of their own, though the cells hold the same.
 *
 * @throws {MappingError} if an array has no rows or no columns.
 *
 * @example
 * ```ts
 * import { smdMapping } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const window = { kernel: [3, 3], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
 * const geometry = { ...window, inputShape: [224, 224, 3], outputShape: [222, 222, 64] } as const;
 * const { cycles, detail } = smdMapping({ geometry, rows: 512, columns: 512 });
 * assertEquals([cycles, detail.dup], [6161, 8]); // ⌈222² / 8⌉
 * ```
 */
export function smdMapping(problem: Problem): Mapping {
  const layer = layerOf(problem, "SMD");
  const { area, inputs, outputs, positions } = layer;
  const { groups } = problem.geometry;
  const fit = Math.min(Math.floor(problem.rows / (area * inputs)), Math.floor(problem.columns / outputs));
  if (fit < 1) {
    const start = im2colMapping(problem);
    return { ...start, method: "smd", detail: { dup: 1, packed: 1, fallback: "im2col" } };
  }
  let best = { cycles: Infinity, dup: fit, packed: 1 };
  for (let packed = 1; packed <= Math.min(groups, fit); packed++) {
    const dup = Math.floor(fit / packed);
    const cycles = Math.ceil(groups / packed) * Math.ceil(positions / dup);
    if (cycles <= best.cycles) best = { cycles, dup, packed };
  }
  const { cycles, dup, packed } = best;
  return { method: "smd", cycles, detail: { dup, packed }, place: () => place(layer, dup, packed) };
}

/** Output positions relative to an origin, and the origins they are used at. */
interface Run {
  readonly positions: readonly (readonly [dy: number, dx: number])[];
  readonly origins: Int32Array;
}

function place(layer: Layer, dup: number, packed: number): Placement {
  const { problem: { geometry, rows, columns } } = layer;
  const [height, width] = [layer.axes[0].outputs, layer.axes[1].outputs];
  const all = rectangle(height, width, dup) ?? runs(height, width, dup);
  const patterns: Pattern[] = [];
  for (let group = 0; group < geometry.groups; group += packed) {
    for (const run of all) patterns.push(copies(layer, run, group, Math.min(geometry.groups, group + packed)));
  }
  return { geometry, rows, columns, skipsIdle: false, patterns };
}

/** A rectangle of at most `dup` positions that covers the image in ⌈height · width / dup⌉ steps, if there is one. */
function rectangle(height: number, width: number, dup: number): Run[] | undefined {
  const steps = Math.ceil(height * width / dup);
  for (let down = 1; down <= Math.min(dup, height); down++) {
    const across = Math.min(width, Math.floor(dup / down));
    if (Math.ceil(height / down) * Math.ceil(width / across) !== steps) continue;
    const positions = Array.from({ length: down * across }, (_, at) => [Math.floor(at / across), at % across] as const);
    return [{ positions, origins: grid([height, width], [down, across]) }];
  }
  return undefined;
}

/** Runs of `dup` consecutive positions in raster order, those that wrap alike together; the last run may end below the image. */
function runs(height: number, width: number, dup: number): Run[] {
  const byWrap = new Map<number, number[]>();
  for (let start = 0; start < height * width; start += dup) {
    const x = start % width;
    const wrap = Math.min(width - x, dup);
    const origins = byWrap.get(wrap) ?? [];
    if (origins.length === 0) byWrap.set(wrap, origins);
    origins.push(Math.floor(start / width), x);
  }
  return [...byWrap.values()].map((origins) => {
    const x = origins[1]!;
    const positions = Array.from({ length: dup }, (_, at) => [Math.floor((x + at) / width), (x + at) % width - x] as const);
    return { positions, origins: Int32Array.from(origins) };
  });
}

/** One block of rows and columns per position of a run, each holding groups `first` … `end` − 1. */
function copies({ problem, inputs, outputs, area }: Layer, { positions, origins }: Run, first: number, end: number): Pattern {
  const { kernel, stride, dilation } = problem.geometry;
  const rows: number[] = [], columns: number[] = [];
  for (const [dy, dx] of positions) {
    for (let group = first; group < end; group++) {
      for (let tap = 0; tap < area; tap++) {
        const y = dy * stride[0] + Math.floor(tap / kernel[1]) * dilation[0], x = dx * stride[1] + tap % kernel[1] * dilation[1];
        for (let channel = 0; channel < inputs; channel++) rows.push(y, x, group * inputs + channel);
      }
      for (let channel = 0; channel < outputs; channel++) columns.push(dy, dx, group * outputs + channel);
    }
  }
  const blocks = (list: readonly number[]) =>
    Uint16Array.from({ length: list.length / 3 }, (_, at) => Math.floor(at * positions.length / (list.length / 3)));
  return {
    rows: Int32Array.from(rows),
    columns: Int32Array.from(columns),
    rowTiles: [0, rows.length / 3],
    columnTiles: [0, columns.length / 3],
    blocks: { rows: blocks(rows), columns: blocks(columns) },
    origins,
  };
}
