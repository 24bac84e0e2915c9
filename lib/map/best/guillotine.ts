// Windows of many shapes: the plane of links is cut across, the halves are cut across, and so on; the cheapest way by dynamic programming.

import { axisOf } from "../axis.ts";
import type { Mapping, Problem } from "../placement.ts";
import { alike, arrayCount, type Block, blockCycles, channelsOf, countable, placeBlocks } from "./blocks.ts";
import { type CutRule, type Kinds, kindsOf, wholeOf } from "./cuts.ts";
import { type Part, partOf, type Staircase, staircases, type Strip } from "./staircase.ts";

/** Rules of cutting, the richest first, how fine they are, and the most kinds of strips of an axis, about, for which each is used. */
const RULES: readonly { readonly rule: CutRule; readonly fine: number; readonly most: number }[] = [
  { rule: "any", fine: 32, most: 400 },
  { rule: "any", fine: 8, most: 900 },
  { rule: "gather", fine: 32, most: Infinity },
];

/** Cycles of windows left out: more than any layer has, and twice as many still an integer of 32 bits. */
const NEVER = 2 ** 30 - 1;

/** A table of least cycles over kinds of strips of both axes. */
interface Table {
  readonly rule: CutRule;
  readonly y: Kinds;
  readonly x: Kinds;
  readonly least: Int32Array;
}

/**
 * The exact minimum over all guillotine partitions: a window costs its row tiles times its column tiles, any cut goes right across.
 *
 * Cuts before an output make gather windows, which overlap in pixels; cuts before a pixel make scatter windows, which overlap in outputs; where the table
 * stays small both kinds of cut are used, else gather cuts alone. At the borders a window has only the rows inside the image. With dilation each
 * residue class of outputs is a plane of its own.
 */
export function guillotineMapping(problem: Problem): Mapping | undefined {
  const planes = [planesOf(problem, 0), planesOf(problem, 1)] as const;
  if (planes.some(({ length }) => length === 0)) return undefined;
  const count = arrayCount(problem), possible = countable(problem);
  const arrays = (pixels: number, outputs: number): number => possible(pixels, outputs) ? count(pixels, outputs) : NEVER;
  const kinds = kindsByShape();
  const tables = new Map<string, Table>();
  const parts: Found[] = [];
  for (const y of planes[0]) {
    for (const x of planes[1]) {
      const key = `${shape(y)}|${shape(x)}`;
      const table = memo(tables, key, () => {
        const both = kinds([y, x]);
        return { ...both, least: fill(both.y, both.x, arrays) };
      });
      parts.push({ y, x, table });
    }
  }
  let cycles = 0, blocks: Block[] | undefined;
  for (const { table } of parts) cycles += table.least[table.y.whole * table.x.splits.length + table.x.whole]!;
  if (parts.some(({ table }) => !settled(problem, table, arrays))) {
    blocks = parts.flatMap(blocksOf(arrays));
    cycles = blockCycles(problem, alike(problem, blocks));
  }
  return {
    method: "guillotine",
    cycles,
    detail: { cuts: parts[0]!.table.rule, planes: parts.length },
    place: () => placeBlocks(problem, blocks ?? parts.flatMap(blocksOf(arrays))),
  };
}

/** A plane and its table. */
interface Found {
  readonly y: Staircase;
  readonly x: Staircase;
  readonly table: Table;
}

function planesOf({ geometry }: Problem, axis: 0 | 1): Staircase[] {
  return staircases(axisOf(geometry, axis));
}

/** Key of staircases that differ in place only. */
function shape({ pixels, outputs, low, high, from, taps }: Staircase): string {
  const gaps = (list: readonly number[]) => list.map((value) => value - list[0]!);
  return `${gaps(pixels)};${gaps(outputs)};${low};${high};${from[0]};${taps}`;
}

/** Kinds of strips by the first rule that is affordable on both axes, found once per shape. */
function kindsByShape(): (stairs: readonly [Staircase, Staircase]) => { rule: CutRule; y: Kinds; x: Kinds } {
  const known = new Map<string, Kinds>();
  return (stairs) => {
    const many = Math.max(...stairs.map(({ outputs, taps }) => outputs.length * taps * (taps + 1) / 2));
    const { rule, fine } = RULES.find(({ most }) => many <= most)!;
    const [y, x] = stairs.map((one) => memo(known, `${rule};${fine};${shape(one)}`, () => kindsOf(one, rule, fine)));
    return { rule, y: y!, x: x! };
  };
}

/** least[a · kinds of x + b]: fewest cycles for a strip of kind a across a strip of kind b. Where both axes are alike so are a, b and b, a. */
function fill(y: Kinds, x: Kinds, arrays: (pixels: number, outputs: number) => number): Int32Array {
  const width = x.splits.length, square = y === x;
  const least = new Int32Array(y.splits.length * width);
  const across = (row: number, b: number): void => {
    const splits = x.splits[b]!;
    let lowest = least[row + b]!;
    for (let split = 0; split < splits.length; split += 2) {
      const sum = least[row + splits[split]!]! + least[row + splits[split + 1]!]!;
      if (sum < lowest) lowest = sum;
    }
    least[row + b] = lowest;
  };
  const down = (a: number, from: number, to: number): void => {
    const row = a * width, splits = y.splits[a]!;
    for (let split = 0; split < splits.length; split += 2) {
      const one = splits[split]! * width, other = splits[split + 1]! * width;
      for (let b = from; b < to; b++) {
        const sum = least[one + b]! + least[other + b]!;
        if (sum < least[row + b]!) least[row + b] = sum;
      }
    }
  };
  for (let a = 0; a < y.splits.length; a++) {
    const row = a * width, columns = square ? a : width;
    for (let b = 0; b < (square ? a + 1 : width); b++) least[row + b] = arrays(y.pixels[a]! * x.pixels[b]!, y.outputs[a]! * x.outputs[b]!);
    down(a, 0, columns);
    for (let b = 0; b < columns; b++) across(row, b);
    if (!square) continue;
    for (let b = 0; b < a; b++) least[b * width + a] = least[row + b]!;
    down(a, a, a + 1);
    across(row, a);
  }
  return least;
}

/** How a strip across a strip is best treated: as one window, or cut along an axis into strips of two kinds. */
type Choice = { readonly axis: 0 | 1; readonly kinds: readonly [number, number] } | undefined;

function choiceOf({ y, x, least }: Table, arrays: (pixels: number, outputs: number) => number, a: number, b: number): Choice {
  const width = x.splits.length, goal = least[a * width + b]!;
  if (arrays(y.pixels[a]! * x.pixels[b]!, y.outputs[a]! * x.outputs[b]!) === goal) return undefined;
  for (const axis of [0, 1] as const) {
    const splits = axis === 0 ? y.splits[a]! : x.splits[b]!;
    for (let split = 0; split < splits.length; split += 2) {
      const one = splits[split]!, other = splits[split + 1]!;
      const sum = axis === 0 ? least[one * width + b]! + least[other * width + b]! : least[a * width + one]! + least[a * width + other]!;
      if (sum === goal) return { axis, kinds: [one, other] };
    }
  }
  return undefined;
}

/** Whether every window of the partition takes all its arrays, having one row tile or one column tile. Then the table's cycles are exact. */
function settled(problem: Problem, table: Table, arrays: (pixels: number, outputs: number) => number): boolean {
  const { y, x } = table, { inputs, outputs, groups } = channelsOf(problem);
  const open: [number, number][] = [[y.whole, x.whole]], seen = new Set<number>();
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [a, b] = at, key = a * x.splits.length + b;
    if (seen.has(key)) continue;
    seen.add(key);
    const choice = choiceOf(table, arrays, a, b);
    if (choice !== undefined) {
      for (const kind of choice.kinds) open.push(choice.axis === 0 ? [kind, b] : [a, kind]);
      continue;
    }
    const pixels = y.pixels[a]! * x.pixels[b]!, made = y.outputs[a]! * x.outputs[b]!;
    if (pixels * inputs > problem.rows && made * outputs > problem.columns || groups > 1 && arrays(pixels, made) > 1) return false;
  }
  return true;
}

/** Walks the partition of a plane. */
function blocksOf(arrays: (pixels: number, outputs: number) => number): (found: Found) => Block[] {
  return ({ y, x, table }) => {
    const stairs = [y, x] as const, kinds = [table.y, table.x] as const;
    const choices = new Map<number, { choice: Choice }>();
    const numbers = [new Map<Strip, number>(), new Map<Strip, number>()] as const;
    const halves = [new Map<Strip, Map<number, [Strip, Strip]>>(), new Map<Strip, Map<number, [Strip, Strip]>>()] as const;
    const parts = [new Map<Strip, Part>(), new Map<Strip, Part>()] as const;
    const blocks: Block[] = [];
    const visit = (strips: readonly [Strip, Strip]): void => {
      const [a, b] = strips.map((strip, axis) => memo(numbers[axis]!, strip, () => kinds[axis]!.kindOf(strip))) as [number, number];
      const { choice } = memo(choices, a * table.x.splits.length + b, () => ({ choice: choiceOf(table, arrays, a, b) }));
      if (choice === undefined) {
        const part = (axis: 0 | 1) => memo(parts[axis], strips[axis], () => partOf(stairs[axis], strips[axis]));
        blocks.push([part(0), part(1)]);
        return;
      }
      const { axis, kinds: [one, other] } = choice, strip = strips[axis];
      const both = memo(
        memo(halves[axis], strip, () => new Map<number, [Strip, Strip]>()),
        one * 65536 + other,
        () =>
          kinds[axis].cuts(strip).find(([first, rest]) => {
            const kind = kinds[axis].kindOf(first);
            return (kind === one || kind === other) && kinds[axis].kindOf(rest) === (kind === one ? other : one);
          })!,
      );
      for (const half of both) visit(axis === 0 ? [half, strips[1]] : [strips[0], half]);
    };
    visit([wholeOf(y), wholeOf(x)]);
    return blocks;
  };
}

function memo<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
