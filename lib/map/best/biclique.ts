// Biclique cover: pairs of outputs that share pairs of pixels, for arrays that hold two pixels' inputs and two outputs' columns.

import { axisOf } from "../axis.ts";
import type { Mapping, Pattern, Placement, Problem } from "../placement.ts";
import { linesOf, restrict } from "./line.ts";
import { type Piece, streamOf } from "./stream.ts";
import { cutStream } from "./stream_cut.ts";
import { streamPlacement } from "./stream_placement.ts";

/** Rows and columns of a biclique by position, and the outputs at which it stands. */
interface Biclique {
  /** [dy, dx] in pixels. */
  readonly pixels: readonly (readonly [number, number])[];
  /** [dy, dx] in outputs. */
  readonly outputs: readonly (readonly [number, number])[];
  /** [y, x], idle ones left out. */
  readonly origins: readonly (readonly [number, number])[];
}

/** The one tap that an output has left. */
interface Corner {
  readonly y: number;
  readonly x: number;
  /** Tap, vertical then horizontal. */
  readonly ky: number;
  readonly kx: number;
}

/**
 * Kernels of odd height and width, stride 1, one group: two outputs side by side share Kw − 1 pixels of each line, taken two at a time; two
 * outputs on top of each other share Kh − 1 of what is left, likewise; the one tap left of each output is done ⌊R / IC⌋ or ⌊C′ / OC⌋
 * outputs at a time, in blocks. That is (Kh·Kw + 1) / 4 activations per output, the least there is for R = 2·IC and C′ = 2·OC: each output
 * needs ⌈Kh·Kw / 2⌉ of two column slots. What only meets padding is left out; an odd last line or column of outputs is streamed.
 *
 * `detail`: `pairs` activations of the bicliques, `corners` of the single taps, `remainder` of the odd line and column.
 *
 * @returns Nothing for other layers, and for arrays that hold less than two pixels or two outputs.
 */
export function bicliqueMapping(problem: Problem): Mapping | undefined {
  const { geometry, rows, columns } = problem;
  const { kernel: [kh, kw], stride, dilation, groups, inputShape, outputShape: [height, width, out] } = geometry;
  const inputs = inputShape[2];
  if (kh % 2 === 0 || kw % 2 === 0 || kh * kw === 1 || groups !== 1) return undefined;
  if ([...stride, ...dilation].some((step) => step !== 1) || rows < 2 * inputs || columns < 2 * out) return undefined;
  const even = [height - height % 2, width - width % 2] as const;
  if (even[0] === 0 || even[1] === 0) return undefined;
  const remainder = remainderOf(problem, even);
  if (remainder === undefined) return undefined;
  const pairs = pairsOf(problem, even), corners = cornersOf(problem, even);
  const together = Math.min(Math.floor(rows / inputs), Math.floor(columns / out));
  const counts = {
    pairs: pairs.reduce((sum, { origins }) => sum + origins.length, 0),
    corners: Math.ceil(corners.length / together),
    remainder: remainder.cycles,
  };
  return {
    method: "biclique",
    cycles: counts.pairs + counts.corners + counts.remainder,
    detail: counts,
    place: () => ({
      geometry,
      rows,
      columns,
      skipsIdle: true,
      patterns: [
        ...pairs.filter(({ origins }) => origins.length > 0).map((biclique) => patternOf(problem, biclique)),
        ...cornerPatterns(problem, corners, together),
        ...remainder.place().flatMap(({ patterns }) => patterns),
      ],
    }),
  };
}

/** Whether a line of the image is there, its coordinate counted from the padding's edge. */
function present({ geometry: { inputShape, padding } }: Problem, axis: 0 | 1, at: number): boolean {
  return at >= padding[axis] && at < padding[axis] + inputShape[axis];
}

function pairsOf(problem: Problem, [height, width]: readonly [number, number]): Biclique[] {
  const [kh, kw] = problem.geometry.kernel;
  const all: Biclique[] = [];
  const add = (pixels: Biclique["pixels"], outputs: Biclique["outputs"], from: number, steps: readonly [number, number]) => {
    const origins: [number, number][] = [];
    for (let y = 0; y < height; y += steps[0]) {
      for (let x = from; x < width; x += steps[1]) {
        if (pixels.some(([dy, dx]) => present(problem, 0, y + dy) && present(problem, 1, x + dx))) origins.push([y, x]);
      }
    }
    all.push({ pixels, outputs, origins });
  };
  for (let ky = 0; ky < kh; ky++) {
    for (let dx = 1; dx < kw; dx += 2) add([[ky, dx], [ky, dx + 1]], [[0, 0], [0, 1]], 0, [1, 2]);
  }
  for (const [parity, dx] of [[0, 0], [1, kw - 1]] as const) {
    for (let dy = 1; dy < kh; dy += 2) add([[dy, dx], [dy + 1, dx]], [[0, 0], [1, 0]], parity, [2, 2]);
  }
  return all;
}

function cornersOf(problem: Problem, [height, width]: readonly [number, number]): Corner[] {
  const [kh, kw] = problem.geometry.kernel;
  const corners: Corner[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const ky = y % 2 === 0 ? 0 : kh - 1, kx = x % 2 === 0 ? 0 : kw - 1;
      if (present(problem, 0, y + ky) && present(problem, 1, x + kx)) corners.push({ y, x, ky, kx });
    }
  }
  return corners;
}

/** Rows or columns: all channels of each position. */
function entries(positions: readonly (readonly [number, number])[], channels: number): Int32Array {
  const all = new Int32Array(3 * positions.length * channels);
  for (let at = 0; 3 * at < all.length; at++) {
    const [dy, dx] = positions[Math.floor(at / channels)]!;
    all.set([dy, dx, at % channels], 3 * at);
  }
  return all;
}

function patternOf({ geometry }: Problem, { pixels, outputs, origins }: Biclique): Pattern {
  const rows = entries(pixels, geometry.inputShape[2]), columns = entries(outputs, geometry.outputShape[2]);
  return { rows, columns, rowTiles: [0, rows.length / 3], columnTiles: [0, columns.length / 3], origins: Int32Array.from(origins.flat()) };
}

function cornerPatterns(problem: Problem, corners: readonly Corner[], together: number): Pattern[] {
  const inputs = problem.geometry.inputShape[2], outputs = problem.geometry.outputShape[2];
  const found = new Map<string, { pixels: [number, number][]; outputs: [number, number][]; origins: [number, number][] }>();
  for (let at = 0; at < corners.length; at += together) {
    const held = corners.slice(at, at + together), { y, x } = held[0]!;
    const pixels = held.map((corner): [number, number] => [corner.y - y + corner.ky, corner.x - x + corner.kx]);
    const made = held.map((corner): [number, number] => [corner.y - y, corner.x - x]);
    const key = `${pixels}|${made}`, known = found.get(key) ?? { pixels, outputs: made, origins: [] };
    known.origins.push([y, x]);
    found.set(key, known);
  }
  return [...found.values()].map((biclique) => {
    const pattern = patternOf(problem, biclique);
    const blocks = {
      rows: Uint16Array.from({ length: pattern.rows.length / 3 }, (_, row) => Math.floor(row / inputs)),
      columns: Uint16Array.from({ length: pattern.columns.length / 3 }, (_, column) => Math.floor(column / outputs)),
    };
    return { ...pattern, blocks };
  });
}

/** The last column and the last line of outputs where their number is odd, as streams. */
function remainderOf(problem: Problem, even: readonly [number, number]): { cycles: number; place: () => Placement[] } | undefined {
  const { geometry, rows, columns } = problem;
  const lines = [linesOf(axisOf(geometry, 0))[0], linesOf(axisOf(geometry, 1))[0]] as const;
  const counts = [geometry.outputShape[0], geometry.outputShape[1]] as const;
  const part = (axis: 0 | 1, from: number, to: number) => {
    const line = lines[axis]!, [, { first, last }] = line;
    return restrict(line, [first[from]!, last[to - 1]! + 1], [from, to]);
  };
  if (lines.some((line, axis) => line?.[1].at.length !== counts[axis as 0 | 1])) return undefined;
  const strips: { outerAxis: 0 | 1; piece: Piece }[] = [];
  if (even[1] < counts[1]) strips.push({ outerAxis: 1, piece: { outer: part(1, even[1], counts[1]), inner: lines[0]!, group: 0 } });
  if (even[0] < counts[0]) {
    strips.push({ outerAxis: 0, piece: { outer: part(0, even[0], counts[0]), inner: part(1, 0, even[1]), group: 0 } });
  }
  const cut = strips.map(({ outerAxis, piece }) => {
    const stream = streamOf([piece], [geometry.inputShape[2], geometry.outputShape[2]], [rows, columns]);
    return { outerAxis, stream, found: cutStream(stream, "mixed", { trace: true }) };
  });
  let cycles = 0;
  for (const { found } of cut) cycles += found?.cycles ?? Infinity;
  if (cycles === Infinity) return undefined;
  return {
    cycles,
    place: () => cut.map(({ outerAxis, stream, found }) => streamPlacement(problem, [{ stream, steps: found!.steps }], outerAxis)),
  };
}
