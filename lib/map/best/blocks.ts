// Windows of pixels and outputs as arrays: how many they take, how they are cut, and the placement that a list of them makes.

import { tapOf } from "../activations.ts";
import type { Pattern, Placement, Problem } from "../placement.ts";
import type { Part } from "./staircase.ts";

/** Pixels and outputs whose links, all of them, are done together: the product of a part of each axis. */
export type Block = readonly [y: Part, x: Part];

/** Blocks of one shape. */
export interface Blocks {
  /** One of them. */
  readonly block: Block;
  /** How many there are. */
  readonly count: number;
}

/** How the rows and columns of a block are cut into arrays. */
export interface Layout {
  /** Positions line by line ("y" outermost) or column by column. */
  readonly outer: "y" | "x";
  /** Cuts of the rows, as in {@linkcode Pattern}. */
  readonly rowTiles: readonly number[];
  /** Cuts of the columns. */
  readonly columnTiles: readonly number[];
  /** Arrays in which some row and column have a weight. */
  readonly arrays: number;
}

/** Input and output channels of a group. */
export function channelsOf(
  { geometry: { groups, inputShape, outputShape } }: Problem,
): { inputs: number; outputs: number; groups: number } {
  return { inputs: inputShape[2] / groups, outputs: outputShape[2] / groups, groups };
}

const ceil = (a: number, b: number): number => Math.ceil(a / b);

/**
 * Arrays that a block of so many pixels and outputs takes at most: rows cut anywhere, columns cut anywhere, all pairs.
 * With groups the better of whole groups side by side, and of rows and columns cut wherever an array is full, where groups that straddle a cut need a second array.
 */
export function arrayCount(problem: Problem): (pixels: number, outputs: number) => number {
  const { rows, columns } = problem;
  const { inputs, outputs: perGroup, groups } = channelsOf(problem);
  if (groups === 1) return (pixels, outputs) => ceil(pixels * inputs, rows) * ceil(outputs * perGroup, columns);
  const known = new Map<number, number>();
  return (pixels, outputs) => {
    const key = pixels * 65536 + outputs;
    let count = known.get(key);
    if (count === undefined) {
      count = Math.min(aligned(problem, pixels * inputs, outputs * perGroup), flowing(problem, pixels * inputs, outputs * perGroup));
      known.set(key, count);
    }
    return count;
  };
}

/** Steps that counting the busy arrays of one block may take. */
const COUNTABLE = 1 << 17;

/** Steps that counting the busy arrays of a block of so many pixels and outputs takes, about. */
export function countingSteps(problem: Problem, pixels: number, outputs: number): number {
  const { inputs, outputs: perGroup, groups } = channelsOf(problem);
  const tall = ceil(pixels * inputs, problem.rows), wide = ceil(outputs * perGroup, problem.columns);
  return tall === 1 || wide === 1 ? groups * (tall + wide) : groups * (pixels + tall) * (outputs + wide);
}

/** Whether the busy arrays of a block of so many pixels and outputs can be counted quickly; else searches leave it out. */
export function countable(problem: Problem): (pixels: number, outputs: number) => boolean {
  return (pixels, outputs) => countingSteps(problem, pixels, outputs) <= COUNTABLE;
}

/** Groups of `tall` rows and `wide` columns each that fit on one array; 0 if not even one does. */
function together({ rows, columns }: Problem, tall: number, wide: number): number {
  return Math.min(Math.floor(rows / tall), Math.floor(columns / wide));
}

function aligned(problem: Problem, tall: number, wide: number): number {
  const { groups } = problem.geometry, fit = together(problem, tall, wide);
  return fit > 0 ? ceil(groups, fit) : groups * ceil(tall, problem.rows) * ceil(wide, problem.columns);
}

function flowing({ geometry: { groups }, rows, columns }: Problem, tall: number, wide: number): number {
  let count = 0, lastRow = -1, lastColumn = -1;
  for (let group = 0; group < groups; group++) {
    const r0 = Math.floor(group * tall / rows), r1 = Math.floor(((group + 1) * tall - 1) / rows);
    const c0 = Math.floor(group * wide / columns), c1 = Math.floor(((group + 1) * wide - 1) / columns);
    count += (r1 - r0 + 1) * (c1 - c0 + 1) - (r0 === lastRow && c0 === lastColumn ? 1 : 0);
    lastRow = r1;
    lastColumn = c1;
  }
  return count;
}

/** Cuts for a block of so many pixels and outputs that take no more arrays than {@linkcode arrayCount} says. */
export function cutsOf(problem: Problem, pixels: number, outputs: number): { rowTiles: number[]; columnTiles: number[] } {
  const { inputs, outputs: perGroup, groups } = channelsOf(problem);
  const tall = pixels * inputs, wide = outputs * perGroup;
  if (groups === 1 || flowing(problem, tall, wide) < aligned(problem, tall, wide)) {
    return { rowTiles: cuts(groups * tall, problem.rows), columnTiles: cuts(groups * wide, problem.columns) };
  }
  const fit = together(problem, tall, wide);
  if (fit > 0) return { rowTiles: cuts(groups * tall, fit * tall), columnTiles: cuts(groups * wide, fit * wide) };
  const each = (size: number, limit: number) =>
    Array.from({ length: groups }, (_, group) => cuts(size, limit).slice(0, -1).map((cut) => group * size + cut)).flat().concat(
      groups * size,
    );
  return { rowTiles: each(tall, problem.rows), columnTiles: each(wide, problem.columns) };
}

function cuts(total: number, step: number): number[] {
  const all: number[] = [];
  for (let cut = 0; cut < total; cut += step) all.push(cut);
  return [...all, total];
}

/** Which positions of a block a weight joins: those whose lines are joined along the outer axis, and whose places in the line along the inner. */
export interface Joins {
  /** 1 where a line of pixels and a line of outputs are joined, `[pixel lines][output lines]`. */
  readonly outer: Uint8Array;
  /** Lines of outputs. */
  readonly lines: number;
  /** 1 where a pixel and an output of joined lines are, `[pixels of a line][outputs of a line]`. */
  readonly inner: Uint8Array;
  /** Pixels of a line. */
  readonly pixels: number;
  /** Outputs of a line. */
  readonly outputs: number;
}

/** Pairs of a row tile and a column tile that hold a cell. Rows run over group, pixel, channel, columns over group, output, channel. */
export function busyPairs(problem: Problem, { rowTiles, columnTiles }: Pick<Layout, "rowTiles" | "columnTiles">, joins: Joins): number {
  const { inputs, outputs: perGroup } = channelsOf(problem);
  const { outer, lines: outputLines, inner, pixels, outputs } = joins;
  const tall = outer.length / outputLines * pixels * inputs, wide = outputLines * outputs * perGroup;
  let count = 0, from = 0;
  for (let a = 0; a + 1 < rowTiles.length; a++) {
    const firstGroup = Math.floor(rowTiles[a]! / tall), lastGroup = Math.floor((rowTiles[a + 1]! - 1) / tall);
    while (columnTiles[from + 1]! <= firstGroup * wide) from++;
    for (let b = from; b + 1 < columnTiles.length && columnTiles[b]! < (lastGroup + 1) * wide; b++) {
      if (busy(a, b, firstGroup, lastGroup)) count++;
    }
  }
  return count;

  function busy(a: number, b: number, firstGroup: number, lastGroup: number): boolean {
    for (let group = firstGroup; group <= lastGroup; group++) {
      const r0 = Math.max(rowTiles[a]! - group * tall, 0), r1 = Math.min(rowTiles[a + 1]! - group * tall, tall);
      const c0 = Math.max(columnTiles[b]! - group * wide, 0), c1 = Math.min(columnTiles[b + 1]! - group * wide, wide);
      if (r0 >= r1 || c0 >= c1) continue;
      if (met(Math.floor(r0 / inputs), Math.floor((r1 - 1) / inputs), Math.floor(c0 / perGroup), Math.floor((c1 - 1) / perGroup))) {
        return true;
      }
    }
    return false;
  }

  /** Whether pixels p0 … p1 and outputs o0 … o1 have a link. */
  function met(p0: number, p1: number, o0: number, o1: number): boolean {
    for (let line = Math.floor(p0 / pixels); line * pixels <= p1; line++) {
      const first = Math.max(p0 - line * pixels, 0), last = Math.min(p1 - line * pixels, pixels - 1);
      for (let other = Math.floor(o0 / outputs); other * outputs <= o1; other++) {
        if (outer[line * outputLines + other] === 0) continue;
        const begin = Math.max(o0 - other * outputs, 0), end = Math.min(o1 - other * outputs, outputs - 1);
        for (let pixel = first; pixel <= last; pixel++) {
          for (let output = begin; output <= end; output++) if (inner[pixel * outputs + output] === 1) return true;
        }
      }
    }
    return false;
  }
}

/** The better of the two orders of a block's positions, with its cuts; "y" where they tie. */
export function layoutOf(problem: Problem, [y, x]: Block): Layout {
  const pixels = y.pixels.length * x.pixels.length, outputs = y.outputs.length * x.outputs.length;
  const tiles = cutsOf(problem, pixels, outputs);
  const joinY = links(problem, 0, y), joinX = links(problem, 1, x);
  const byY = busyPairs(problem, tiles, {
    outer: joinY,
    lines: y.outputs.length,
    inner: joinX,
    pixels: x.pixels.length,
    outputs: x.outputs.length,
  });
  const least = Math.max(tiles.rowTiles.length, tiles.columnTiles.length) - 1;
  if (byY === least || tiles.rowTiles.length === 2 || tiles.columnTiles.length === 2) return { outer: "y", ...tiles, arrays: byY };
  const byX = busyPairs(problem, tiles, {
    outer: joinX,
    lines: x.outputs.length,
    inner: joinY,
    pixels: y.pixels.length,
    outputs: y.outputs.length,
  });
  return byX < byY ? { outer: "x", ...tiles, arrays: byX } : { outer: "y", ...tiles, arrays: byY };
}

/** 1 where a pixel and an output of a part are linked, `[pixels][outputs]`. */
function links({ geometry: { stride, padding, dilation, kernel } }: Problem, axis: 0 | 1, { pixels, outputs }: Part): Uint8Array {
  const joined = new Uint8Array(pixels.length * outputs.length);
  for (const [p, pixel] of pixels.entries()) {
    for (const [o, output] of outputs.entries()) {
      if (tapOf(pixel + padding[axis], output, stride[axis], dilation[axis], kernel[axis]) >= 0) joined[p * outputs.length + o] = 1;
    }
  }
  return joined;
}

/** What distinguishes a part of an axis from others, its place aside. */
export function shapeOf({ geometry: { stride } }: Problem, axis: 0 | 1, { pixels, outputs }: Part): string {
  const origin = outputs[0]!;
  return `${pixels.map((pixel) => pixel - origin * stride[axis])}/${outputs.map((output) => output - origin)}`;
}

/** Cycles of blocks, each given by an example and the number of its like. */
export function blockCycles(problem: Problem, shapes: Iterable<Blocks>): number {
  let cycles = 0;
  for (const { block, count } of shapes) cycles += count * layoutOf(problem, block).arrays;
  return cycles;
}

/** Blocks by shape. */
export function alike(problem: Problem, blocks: Iterable<Block>): (Blocks & { readonly origins: readonly number[] })[] {
  const keys = [new Map<Part, string>(), new Map<Part, string>()] as const;
  const keyOf = (axis: 0 | 1, part: Part): string => {
    let key = keys[axis].get(part);
    if (key === undefined) keys[axis].set(part, key = shapeOf(problem, axis, part));
    return key;
  };
  const found = new Map<string, { block: Block; count: number; origins: number[] }>();
  for (const block of blocks) {
    const key = `${keyOf(0, block[0])}|${keyOf(1, block[1])}`;
    let shape = found.get(key);
    if (shape === undefined) found.set(key, shape = { block, count: 0, origins: [] });
    shape.count++;
    shape.origins.push(block[0].outputs[0]!, block[1].outputs[0]!);
  }
  return [...found.values()];
}

/** The placement that does these blocks; blocks of one shape share a pattern. */
export function placeBlocks(problem: Problem, blocks: Iterable<Block>): Placement {
  const patterns = alike(problem, blocks).map(({ block, origins }) => patternOf(problem, block, layoutOf(problem, block), origins));
  return { geometry: problem.geometry, rows: problem.rows, columns: problem.columns, skipsIdle: true, patterns };
}

function patternOf(problem: Problem, [y, x]: Block, { outer, rowTiles, columnTiles }: Layout, origins: readonly number[]): Pattern {
  const { stride, padding } = problem.geometry, { inputs, outputs, groups } = channelsOf(problem);
  const [top, left] = [y.outputs[0]!, x.outputs[0]!];
  const down = y.pixels.map((pixel) => pixel + padding[0] - top * stride[0]),
    across = x.pixels.map((pixel) => pixel + padding[1] - left * stride[1]);
  return {
    rows: entries(down, across, outer, groups, inputs),
    columns: entries(y.outputs.map((output) => output - top), x.outputs.map((output) => output - left), outer, groups, outputs),
    rowTiles,
    columnTiles,
    origins: Int32Array.from(origins),
  };
}

/** Every pair of positions, channel by channel, group by group: `[entries][3]`. */
export function entries(ys: readonly number[], xs: readonly number[], outer: "y" | "x", groups: number, channels: number): Int32Array {
  const list = new Int32Array(3 * ys.length * xs.length * groups * channels);
  const places: (readonly [number, number])[] = outer === "y"
    ? ys.flatMap((y) => xs.map((x) => [y, x] as const))
    : xs.flatMap((x) => ys.map((y) => [y, x] as const));
  let at = 0;
  for (let group = 0; group < groups; group++) {
    for (const [y, x] of places) {
      for (let channel = 0; channel < channels; channel++) {
        list[at++] = y;
        list[at++] = x;
        list[at++] = group * channels + channel;
      }
    }
  }
  return list;
}
