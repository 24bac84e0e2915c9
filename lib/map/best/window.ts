// One window shape for the whole layer, its rows and columns cut anywhere: never worse than im2col, SDK or VW-SDK, which take whole channels.

import { tapOf } from "../activations.ts";
import { axisOf } from "../axis.ts";
import { lowerBound } from "../bound.ts";
import type { Mapping, Placement, Problem } from "../placement.ts";
import { arrayCount, busyPairs, channelsOf, countable, countingSteps, cutsOf, entries } from "./blocks.ts";

/** Windows along one axis: so many outputs, `step` apart, and the pixels they read. */
interface Side {
  readonly outputs: number;
  readonly step: number;
  /** Offsets from the first padded pixel of the window. */
  readonly pixels: readonly number[];
  /** First output of each window. */
  readonly origins: readonly number[];
}

/** Windows that meet the image's borders alike. */
interface Kind {
  readonly pixels: Uint8Array;
  readonly outputs: Uint8Array;
  readonly count: number;
}

/** How many window shapes have their idle activations counted out, and the steps that may take, about. */
const EXACT = { shapes: 24, steps: 1 << 17 };

/**
 * Element-granular gather windows: i · j outputs and all the pixels they read, rows cut at R and columns at C′, min over i and j of windows · row tiles · column tiles.
 *
 * Activations in which no cell, pixel and output meet are left out and decide between shapes of like cost. With dilation, windows of outputs of
 * one residue class are tried as well. Groups stand side by side.
 */
export function windowMapping(problem: Problem): Mapping | undefined {
  const sides = [sidesOf(problem, 0), sidesOf(problem, 1)] as const;
  const arrays = arrayCount(problem);
  const { inputs, outputs: perGroup, groups } = channelsOf(problem);
  const bound = lowerBound(problem).cycles;
  const possible = countable(problem);
  const most = (y: Side, x: Side): number => {
    const pixels = y.pixels.length * x.pixels.length, outputs = y.outputs * x.outputs;
    return possible(pixels, outputs) ? y.origins.length * x.origins.length * arrays(pixels, outputs) : Infinity;
  };
  // Were every row and every column tile to meet just one of the other: not reached by border windows that lie in padding, so it guides and proves nothing.
  const least = (y: Side, x: Side): number => {
    const tall = groups * y.pixels.length * x.pixels.length * inputs, wide = groups * y.outputs * x.outputs * perGroup;
    return y.origins.length * x.origins.length * Math.max(Math.ceil(tall / problem.rows), Math.ceil(wide / problem.columns));
  };
  let best = Infinity;
  for (const y of sides[0]) for (const x of sides[1]) best = Math.min(best, most(y, x));
  const promising: { y: Side; x: Side; most: number; least: number }[] = [];
  for (const y of sides[0]) {
    for (const x of sides[1]) {
      const high = most(y, x);
      if (high === Infinity || high > best && (best <= bound || least(y, x) >= best)) continue;
      promising.push({ y, x, most: high, least: least(y, x) });
    }
  }
  const steps = (y: Side, x: Side): number => countingSteps(problem, y.pixels.length * x.pixels.length, y.outputs * x.outputs);
  promising.sort((a, b) => a.most - b.most || a.least - b.least || steps(a.y, a.x) - steps(b.y, b.x));
  let left = EXACT.steps;
  let choice: { y: Side; x: Side; outer: "y" | "x"; cycles: number } | undefined;
  for (const { y, x, most, least } of promising.slice(0, EXACT.shapes)) {
    if (choice !== undefined && (choice.cycles <= bound || most > best && least >= choice.cycles)) continue;
    left -= steps(y, x);
    if (choice !== undefined && left < 0) continue;
    for (const outer of ["y", "x"] as const) {
      const cycles = count(problem, y, x, outer);
      if (choice === undefined || cycles < choice.cycles) choice = { y, x, outer, cycles };
    }
  }
  if (choice === undefined) return undefined;
  const { y, x, outer, cycles } = choice;
  return {
    method: "window",
    cycles,
    detail: {
      outputsY: y.outputs,
      outputsX: x.outputs,
      pixelsY: y.pixels.length,
      pixelsX: x.pixels.length,
      stepY: y.step,
      stepX: x.step,
      outer,
    },
    place: () => place(problem, y, x, outer),
  };
}

function sidesOf({ geometry }: Problem, axis: 0 | 1): Side[] {
  const { stride, dilation, kernel, outputs } = axisOf(geometry, axis);
  const apart = kernel === 1 ? 1 : dilation / divisor(dilation, stride);
  const sides: Side[] = [];
  for (const step of apart === 1 ? [1] : [1, apart]) {
    for (let count = step === 1 ? 1 : 2; (count - 1) * step < outputs; count++) {
      const pixels = new Set<number>();
      for (let output = 0; output < count; output++) {
        for (let tap = 0; tap < kernel; tap++) pixels.add(output * step * stride + tap * dilation);
      }
      const origins: number[] = [];
      for (let residue = 0; residue < step; residue++) {
        for (let first = residue; first < outputs; first += count * step) origins.push(first);
      }
      sides.push({ outputs: count, step, pixels: [...pixels].sort((a, b) => a - b), origins });
    }
  }
  return sides;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** Activations that are not idle. */
function count(problem: Problem, y: Side, x: Side, outer: "y" | "x"): number {
  const tiles = cutsOf(problem, y.pixels.length * x.pixels.length, y.outputs * x.outputs);
  const kinds = [kindsOf(problem, 0, y), kindsOf(problem, 1, x)] as const;
  const joined = [links(problem, 0, y), links(problem, 1, x)] as const;
  let cycles = 0;
  for (const down of kinds[0]) {
    const inY = inside(joined[0], down);
    for (const across of kinds[1]) {
      const inX = inside(joined[1], across);
      const joins = outer === "y"
        ? { outer: inY, lines: y.outputs, inner: inX, pixels: x.pixels.length, outputs: x.outputs }
        : { outer: inX, lines: x.outputs, inner: inY, pixels: y.pixels.length, outputs: y.outputs };
      cycles += down.count * across.count * busyPairs(problem, tiles, joins);
    }
  }
  return cycles;
}

/** Links whose pixel and output lie inside the image, `[pixels][outputs]`. */
function inside(joined: Uint8Array, { pixels, outputs }: Kind): Uint8Array {
  return joined.map((link, at) => link & pixels[Math.floor(at / outputs.length)]! & outputs[at % outputs.length]!);
}

function links({ geometry }: Problem, axis: 0 | 1, { pixels, outputs, step }: Side): Uint8Array {
  const { stride, dilation, kernel } = axisOf(geometry, axis);
  const joined = new Uint8Array(pixels.length * outputs);
  for (const [p, pixel] of pixels.entries()) {
    for (let output = 0; output < outputs; output++) {
      if (tapOf(pixel, output * step, stride, dilation, kernel) >= 0) joined[p * outputs + output] = 1;
    }
  }
  return joined;
}

function kindsOf({ geometry }: Problem, axis: 0 | 1, side: Side): Kind[] {
  const { pixels, outputs, stride, padding } = axisOf(geometry, axis);
  const kinds = new Map<string, { pixels: Uint8Array; outputs: Uint8Array; count: number }>();
  for (const origin of side.origins) {
    const read = Uint8Array.from(side.pixels, (offset) => {
      const pixel = origin * stride - padding + offset;
      return pixel >= 0 && pixel < pixels ? 1 : 0;
    });
    const made = Uint8Array.from({ length: side.outputs }, (_, index) => origin + index * side.step < outputs ? 1 : 0);
    const key = `${read.join("")}/${made.join("")}`;
    const known = kinds.get(key);
    if (known === undefined) kinds.set(key, { pixels: read, outputs: made, count: 1 });
    else known.count++;
  }
  return [...kinds.values()];
}

function place(problem: Problem, y: Side, x: Side, outer: "y" | "x"): Placement {
  const { inputs, outputs, groups } = channelsOf(problem);
  const made = ({ outputs, step }: Side) => Array.from({ length: outputs }, (_, index) => index * step);
  const origins = new Int32Array(2 * y.origins.length * x.origins.length);
  let at = 0;
  for (const top of y.origins) {
    for (const left of x.origins) {
      origins[at++] = top;
      origins[at++] = left;
    }
  }
  const pattern = {
    rows: entries(y.pixels, x.pixels, outer, groups, inputs),
    columns: entries(made(y), made(x), outer, groups, outputs),
    ...cutsOf(problem, y.pixels.length * x.pixels.length, y.outputs * x.outputs),
    origins,
  };
  return { geometry: problem.geometry, rows: problem.rows, columns: problem.columns, skipsIdle: true, patterns: [pattern] };
}
