// Each axis cut by outputs (gather) or by pixels (scatter), or both in turn: all links of a strip of one axis with a strip of the other.

import { axisOf } from "../axis.ts";
import { lowerBound } from "../bound.ts";
import type { Mapping, Problem } from "../placement.ts";
import { arrayCount, type Block, blockCycles, type Blocks, countable, placeBlocks, shapeOf } from "./blocks.ts";
import { type Part, partOf, type Staircase, staircase, type Strip } from "./staircase.ts";

/** Strips of one size. */
interface Size {
  readonly pixels: number;
  readonly outputs: number;
  readonly count: number;
}

/** A way to cut one axis. */
interface Cut {
  readonly name: string;
  readonly strips: readonly Strip[];
  readonly sizes: readonly Size[];
}

/** Pairs of uniform cuts from which the improvement starts, rounds of improvement, and the most arrays a strip may take before longer ones are not tried. */
const SEARCH = { starts: 12, rounds: 3, arrays: 24 };

/**
 * Product of two cut axes. A gather strip is some outputs and all pixels they read; a scatter strip some pixels and all outputs that read them, whose sums
 * are added digitally; between a cut of one kind and the next of the other lies a strip that takes as many pixels as outputs.
 *
 * Uniform cuts of all kinds are compared in closed form; from the best of them each axis in turn is cut anew by a shortest path, exactly, borders
 * included, until neither changes. Stride, padding and dilation need no special case ({@linkcode Staircase}).
 */
export function productMapping(problem: Problem): Mapping | undefined {
  const stairs = [staircase(axisOf(problem.geometry, 0)), staircase(axisOf(problem.geometry, 1))] as const;
  if (stairs.some(({ outputs }) => outputs.length === 0)) return undefined;
  const count = arrayCount(problem), possible = countable(problem);
  const arrays = (pixels: number, outputs: number): number => possible(pixels, outputs) ? count(pixels, outputs) : Infinity;
  const cuts = [uniform(stairs[0]), uniform(stairs[1])] as const;
  let best: { cuts: readonly [Cut, Cut]; cycles: number } | undefined;
  const consider = (y: Cut, x: Cut): void => {
    const cycles = formula(arrays, y, x);
    if (best === undefined || cycles < best.cycles) best = { cuts: [y, x], cycles };
  };
  const known = [new Map<string, Cut>(), new Map<string, Cut>()] as const;
  const anew = (axis: 0 | 1, { sizes }: Cut): Cut => {
    const key = sizes.map((size) => Object.values(size).join()).sort().join(";");
    let cut = known[axis].get(key);
    if (cut === undefined) known[axis].set(key, cut = shortest(stairs[axis], sizes, arrays));
    return cut;
  };
  const bound = lowerBound(problem).cycles;
  for (const [y, x] of starts(arrays, cuts)) {
    consider(y, x);
    if (best!.cycles <= bound) break;
    for (const side of [0, 1] as const) {
      let pair: [Cut, Cut] = [y, x], cycles = Infinity;
      for (let round = 0; round < 2 * SEARCH.rounds; round++) {
        const axis = (round + side) % 2 as 0 | 1;
        const cut = anew(axis, pair[1 - axis]!);
        pair = axis === 0 ? [cut, pair[1]] : [pair[0], cut];
        const now = formula(arrays, ...pair);
        if (now >= cycles) break;
        cycles = now;
      }
      consider(...pair);
    }
  }
  const [y, x] = best!.cuts;
  const parts = [y.strips.map((strip) => partOf(stairs[0], strip)), x.strips.map((strip) => partOf(stairs[1], strip))] as const;
  return {
    method: "product",
    cycles: blockCycles(problem, shapes(problem, parts)),
    detail: { y: y.name, x: x.name, stripsY: y.strips.length, stripsX: x.strips.length },
    place: () => placeBlocks(problem, parts[0].flatMap((down) => parts[1].map((across): Block => [down, across]))),
  };
}

/** Cycles by size: every strip of one axis with every strip of the other. */
function formula(arrays: (pixels: number, outputs: number) => number, y: Cut, x: Cut): number {
  let cycles = 0;
  for (const down of y.sizes) {
    for (const across of x.sizes) cycles += down.count * across.count * arrays(down.pixels * across.pixels, down.outputs * across.outputs);
  }
  return cycles;
}

/** Pairs of uniform cuts with the fewest cycles, no cut of the first axis twice. */
function starts(arrays: (pixels: number, outputs: number) => number, [ys, xs]: readonly [readonly Cut[], readonly Cut[]]): [Cut, Cut][] {
  const widest = ({ strips, sizes }: Cut) => {
    const usual = sizes.reduce((a, b) => b.count > a.count ? b : a);
    return { strips: strips.length, pixels: usual.pixels, outputs: usual.outputs };
  };
  const down = ys.map(widest), across = xs.map(widest);
  const found: { pair: [Cut, Cut]; cycles: number }[] = [];
  for (const [i, y] of down.entries()) {
    let least = Infinity, at = 0;
    for (const [j, x] of across.entries()) {
      const cycles = y.strips * x.strips * arrays(y.pixels * x.pixels, y.outputs * x.outputs);
      if (cycles < least) {
        least = cycles;
        at = j;
      }
    }
    found.push({ pair: [ys[i]!, xs[at]!], cycles: least });
  }
  return found.sort((a, b) => a.cycles - b.cycles).slice(0, SEARCH.starts).map(({ pair }) => pair);
}

/** Cuts into equal strips: gather, scatter, and the two in turn. */
function uniform(stairs: Staircase): Cut[] {
  const { pixels, outputs, low, high, first, last } = stairs;
  const cuts = new Map<string, Cut>();
  const add = (name: string, strips: Strip[]): void => {
    const cut = { name, strips, sizes: sizesOf(strips) };
    const key = cut.sizes.map((size) => Object.values(size).join()).join(";");
    if (!cuts.has(key)) cuts.set(key, cut);
  };
  for (let count = 1; count <= outputs.length; count++) {
    const strips: Strip[] = [];
    for (let from = 0; from < outputs.length; from += count) {
      const to = Math.min(from + count, outputs.length);
      strips.push({ p0: low[from]!, p1: high[to - 1]! + 1, o0: from, o1: to });
    }
    add(`gather ${count}`, strips);
  }
  for (let count = 1; count <= pixels.length; count++) {
    const strips: Strip[] = [];
    for (let from = 0; from < pixels.length; from += count) {
      const to = Math.min(from + count, pixels.length);
      strips.push({ p0: from, p1: to, o0: first[from]!, o1: last[to - 1]! + 1 });
    }
    add(`scatter ${count}`, strips);
  }
  return [...cuts.values()];
}

function sizesOf(strips: readonly Strip[]): Size[] {
  const sizes = new Map<number, { pixels: number; outputs: number; count: number }>();
  for (const { p0, p1, o0, o1 } of strips) {
    const size = { pixels: p1 - p0, outputs: o1 - o0, count: 1 };
    const known = sizes.get(size.pixels * 65536 + size.outputs);
    if (known === undefined) sizes.set(size.pixels * 65536 + size.outputs, size);
    else known.count++;
  }
  return [...sizes.values()];
}

/**
 * The best way to cut an axis, strip by strip, for a given cut of the other: a shortest path over corners.
 *
 * What is left of the staircase after some strips is the links of outputs from o on with pixels from p on: the corner (o, p). From there a strip takes
 * the links of the next outputs, or of the next pixels.
 */
function shortest(stairs: Staircase, others: readonly Size[], arrays: (pixels: number, outputs: number) => number): Cut {
  const { pixels: { length: pixels }, outputs: { length: outputs }, low, high, first, last } = stairs;
  const width = stairs.taps, nodes = outputs * width + 1, end = nodes - 1;
  const cost = new Float64Array(nodes).fill(Infinity), from = new Int32Array(nodes), way = new Int32Array(nodes);
  const smallest = others.reduce((a, b) => b.pixels * b.outputs < a.pixels * a.outputs ? b : a);
  const price = (w: number, q: number): number => {
    let sum = 0;
    for (const size of others) sum += size.count * arrays(size.pixels * w, size.outputs * q);
    return sum;
  };
  cost[0] = 0;
  for (let node = 0; node < end; node++) {
    const before = cost[node]!;
    if (before === Infinity) continue;
    const o = Math.floor(node / width), p = low[o]! + node % width;
    const go = (to: number, w: number, q: number, cut: number): void => {
      const total = before + price(w, q);
      if (total >= cost[to]!) return;
      cost[to] = total;
      from[to] = node;
      way[to] = cut;
    };
    for (let cut = o + 1; cut <= outputs; cut++) {
      const w = high[cut - 1]! + 1 - p, q = cut - o;
      go(cut === outputs ? end : cut * width + Math.max(p - low[cut]!, 0), w, q, cut);
      if (q >= 4 && arrays(smallest.pixels * w, smallest.outputs * q) >= SEARCH.arrays) break;
    }
    for (let cut = p + 1; cut <= pixels; cut++) {
      const w = cut - p, q = last[cut - 1]! + 1 - o, next = cut === pixels ? outputs : Math.max(o, first[cut]!);
      go(cut === pixels ? end : next * width + cut - low[next]!, w, q, -cut);
      if (w >= 4 && arrays(smallest.pixels * w, smallest.outputs * q) >= SEARCH.arrays) break;
    }
  }
  const strips: Strip[] = [];
  for (let node = end; node !== 0; node = from[node]!) {
    const cut = way[node]!, start = from[node]!, o0 = Math.floor(start / width), p0 = low[o0]! + start % width;
    strips.push(cut > 0 ? { p0, p1: high[cut - 1]! + 1, o0, o1: cut } : { p0, p1: -cut, o0, o1: last[-cut - 1]! + 1 });
  }
  strips.reverse();
  return { name: "mixed", strips, sizes: sizesOf(strips) };
}

/** Distinct shapes of the product of two lists of parts. */
function shapes(problem: Problem, parts: readonly [readonly Part[], readonly Part[]]): Blocks[] {
  const [down, across] = parts.map((list, axis) => {
    const found = new Map<string, { part: Part; count: number }>();
    for (const part of list) {
      const key = shapeOf(problem, axis as 0 | 1, part), known = found.get(key);
      if (known === undefined) found.set(key, { part, count: 1 });
      else known.count++;
    }
    return [...found.values()];
  });
  return down!.flatMap((y) => across!.map((x) => ({ block: [y.part, x.part] as const, count: y.count * x.count })));
}
