// How few activations any mapping of a layer can have: what a mapper's result is measured against.

import { type Axis, axisOf, outputsOf, pixelsOf } from "./axis.ts";
import type { Problem } from "./placement.ts";

/** A lower bound on the activations of a layer, and the arguments it is the best of. */
export interface Bound {
  /** The largest of `parts`. */
  readonly cycles: number;
  /** What each argument gives; see {@linkcode lowerBound}. */
  readonly parts: {
    /** Column slots: every output takes a column in so many activations. */
    readonly outputs: number;
    /** Row slots: every pixel takes a row in so many activations. */
    readonly pixels: number;
    /** Cells: every activation does at most rows · columns multiply-accumulates. */
    readonly cells: number;
    /** Column slots, where few outputs of an activation can be done at one go. */
    readonly windows: number;
    /** Row slots, where few pixels of an activation can be done at one go. */
    readonly footprints: number;
  };
}

/** Elements of one kind (outputs with their channels, or pixels with theirs) and what each is linked to. */
interface Side {
  /** Links of a position to positions of the other kind, and how many positions have so many. */
  readonly degrees: ReadonlyMap<number, number>;
  /** Elements of a position, and of one group of it. */
  readonly channels: number;
  readonly perGroup: number;
  /** Elements of the other kind at each position, within the group. */
  readonly depth: number;
  /** Slots of an activation for elements, and for elements of the other kind. */
  readonly slots: number;
  readonly across: number;
  /** Along each axis: the most links of a position, how far the links of neighbours are shifted, positions that share theirs. */
  readonly reach: readonly [Reach, Reach];
}

interface Reach {
  readonly most: number;
  readonly shift: number;
  readonly alike: number;
}

/**
 * A number of cycles that no mapping of the layer on arrays of this size goes below. Padding needs no rows; stride, dilation and groups are counted exactly.
 *
 * An activation drives at most R rows, each an input element (pixel and channel), and reads at most C columns, each adding to one output
 * element; the multiply-accumulates (MACs) it does are a set of linked pairs of those. All MACs must be done. Five arguments; the bound is the largest.
 *
 * - `outputs`: an output with D MACs gets at most R of them per activation, so takes part as a column in ⌈D / R⌉ activations at least; an activation has C columns. Sum over outputs, divide by C.
 * - `pixels`: the same for rows: an input element with D MACs takes part in ⌈D / C⌉ activations, and an activation has R rows.
 * - `cells`: an activation does at most R · C MACs.
 * - `windows`: let u be one less than the MACs of an output with a whole window, and charge an output ⌈t / u⌉ for an activation in which it gets t MACs: 1, or 2 if its whole window is
 *   done at one go. As ⌈a⌉ + ⌈b⌉ ≥ ⌈a + b⌉, an output with D MACs is charged ⌈D / u⌉ at least in all. An activation charges at most C + the outputs it does at one go, and if those lie at n
 *   positions all pixels of n whole windows are rows. Windows of n positions, in h rows with at most w in a row (n ≤ h · w), cover many pixels: one row of w covers k_y pixel rows of at
 *   least k_x + (w − 1)·m_x, with m = min(stride, kernel); each other row of v outputs has m_y pixel rows that no row nearer to that one reads, of k_x + (v − 1)·m_x pixels each. Sum:
 *   (k_y − m_y)·(k_x + (w − 1)·m_x) + m_y·(h·(k_x − m_x) + m_x·n); minimised over h, with w = ⌈n / h⌉, this may not exceed R / channels. Groups and, with dilation, residue
 *   classes share no pixels: taking them apart only adds.
 * - `footprints`: the same for rows: pixels whose outputs, all of them, are columns of one activation.
 *
 * @example
 * ```ts
 * import { lowerBound } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const geometry = {
 *   kernel: [3, 3], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, inputShape: [28, 28, 12], outputShape: [26, 26, 48],
 * } as const;
 * assertEquals(lowerBound({ geometry, rows: 256, columns: 512 }), {
 *   cycles: 82,
 *   parts: { outputs: 64, pixels: 37, cells: 27, windows: 82, footprints: 61 },
 * });
 * ```
 */
export function lowerBound(problem: Problem): Bound {
  const { geometry: { groups, inputShape, outputShape }, rows, columns } = problem;
  const axes = [axisOf(problem.geometry, 0), axisOf(problem.geometry, 1)] as const;
  const inputs = inputShape[2] / groups, outputs = outputShape[2] / groups;
  const columnSide: Side = {
    degrees: product(axes.map((axis) => count(axis.outputs, (output) => pixelsOf(axis, output, output).length))),
    channels: outputShape[2],
    perGroup: outputs,
    depth: inputs,
    slots: columns,
    across: rows,
    reach: [windowReach(axes[0]), windowReach(axes[1])],
  };
  const rowSide: Side = {
    degrees: product(axes.map((axis) => count(axis.pixels, (pixel) => outputsOf(axis, pixel).length))),
    channels: inputShape[2],
    perGroup: inputs,
    depth: outputs,
    slots: rows,
    across: columns,
    reach: [footprintReach(axes[0]), footprintReach(axes[1])],
  };
  let macs = 0;
  for (const [degree, positions] of columnSide.degrees) macs += degree * positions * inputs * outputShape[2];
  const parts = {
    outputs: Math.ceil(charge(columnSide, rows) / columns),
    pixels: Math.ceil(charge(rowSide, columns) / rows),
    cells: Math.ceil(macs / (rows * columns)),
    windows: atOneGo(columnSide),
    footprints: atOneGo(rowSide),
  };
  return { cycles: Math.max(...Object.values(parts)), parts };
}

/** Σ over elements of ⌈MACs / unit⌉. */
function charge({ degrees, channels, depth }: Side, unit: number): number {
  let sum = 0;
  for (const [degree, positions] of degrees) sum += positions * channels * Math.ceil(degree * depth / unit);
  return sum;
}

/** The bound that charges 2 for an element done at one go. */
function atOneGo(side: Side): number {
  const { depth, perGroup, slots, across, reach } = side;
  const unit = reach[0].most * reach[1].most * depth - 1;
  if (unit < 1) return 0;
  const whole = Math.min(slots, perGroup * positionsWithin(Math.floor(across / depth), reach, Math.ceil(slots / perGroup)));
  return Math.ceil(charge(side, unit) / (slots + whole));
}

/** The most positions whose links, all of them, lead to at most `room` positions of the other kind; not above `enough`. */
function positionsWithin(room: number, [y, x]: readonly [Reach, Reach], enough: number): number {
  const alike = y.alike * x.alike;
  let distinct = 0;
  while (distinct * alike < enough && covered(distinct + 1, y, x) <= room) distinct++;
  return distinct * alike;
}

/** The fewest positions that the links of n positions, no two with the same, lead to. */
function covered(n: number, y: Reach, x: Reach): number {
  let least = Infinity;
  for (let lines = 1; lines <= n; lines++) {
    const widest = Math.ceil(n / lines);
    const first = (y.most - y.shift) * (x.most + (widest - 1) * x.shift);
    least = Math.min(least, first + y.shift * (lines * (x.most - x.shift) + x.shift * n));
  }
  return least;
}

/** Stride as residue classes of a dilated axis see it. */
function step({ kernel, stride, dilation }: Axis): number {
  return kernel === 1 ? stride : stride / divisor(stride, dilation);
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

function windowReach(axis: Axis): Reach {
  return { most: axis.kernel, shift: Math.min(axis.kernel, step(axis)), alike: 1 };
}

/** A pixel is read by ⌈kernel / step⌉ outputs at most; so are as many pixels in a row as the last such output's taps leave. */
function footprintReach(axis: Axis): Reach {
  const most = Math.ceil(axis.kernel / step(axis));
  return { most, shift: 1, alike: axis.kernel - (most - 1) * step(axis) };
}

/** How often each value above 0 occurs. */
function count(length: number, value: (index: number) => number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let index = 0; index < length; index++) {
    const found = value(index);
    if (found > 0) counts.set(found, (counts.get(found) ?? 0) + 1);
  }
  return counts;
}

function product([y, x]: readonly ReadonlyMap<number, number>[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [a, m] of y!) for (const [b, n] of x!) counts.set(a * b, (counts.get(a * b) ?? 0) + m * n);
  return counts;
}
