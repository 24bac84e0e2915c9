// The cheapest way to spend spare arrays on copies when layers run one after the other: a knapsack over (arrays, cycles) choices of each layer.

import { type ChipLayer, layerArrays, layerLatency } from "./chip.ts";

/** The choices worth having for one layer: every further array must save cycles. */
interface Choices {
  /** Cycles per image, falling. */
  readonly cycles: readonly number[];
  /** Arrays beyond one copy of everything, rising from 0. */
  readonly spare: readonly number[];
}

/** Choices of a layer that need at most `most` arrays beyond the first copy. */
function choicesOf(layer: ChipLayer, most: number): Choices {
  const base = layerArrays(layer), cycles: number[] = [], spare: number[] = [];
  for (let target = layerLatency(layer); target >= 1;) {
    // The fewest copies that reach the target, the cycles they really take, and the next target they do not reach.
    let arrays = -base, reached = 0;
    for (const group of layer.groups) {
      const copies = Math.ceil(group.activations / target);
      arrays += group.arrays * copies;
      reached = Math.max(reached, Math.ceil(group.activations / copies));
    }
    if (arrays > most) break;
    cycles.push(reached);
    spare.push(arrays);
    target = reached - 1;
  }
  return { cycles, spare };
}

/**
 * Cycles of each layer, Σ cycles least on `arrays` arrays that hold at least one copy of everything; of several such the one with the fewest arrays.
 *
 * Dynamic programming over spare arrays: O(layers · spare · choices) time, where a layer of n activations has at most 2√n choices.
 */
export function fewestCycles(layers: readonly ChipLayer[], arrays: number): number[] {
  const spare = arrays - layers.reduce((sum, layer) => sum + layerArrays(layer), 0);
  const choices = layers.map((layer) => choicesOf(layer, spare));
  // More than every layer's most expensive choice is of no use, and only multiples of the common divisor of all prices can be spent.
  const unit = choices.reduce((divisor, one) => one.spare.reduce(gcd, divisor), 0) || 1;
  const useful = choices.reduce((sum, one) => sum + one.spare.at(-1)!, 0);
  const budget = Math.floor(Math.min(spare, useful) / unit);
  let best = new Float64Array(budget + 1);
  const taken: Uint32Array[] = [];
  for (const { cycles, spare: prices } of choices) {
    const next = new Float64Array(budget + 1).fill(Infinity), choice = new Uint32Array(budget + 1);
    for (let number = 0; number < cycles.length; number++) {
      const price = prices[number]! / unit, added = cycles[number]!;
      for (let used = price; used <= budget; used++) {
        const sum = best[used - price]! + added;
        if (sum < next[used]!) {
          next[used] = sum;
          choice[used] = number;
        }
      }
    }
    best = next;
    taken.push(choice);
  }
  // best[used] never rises with used: its first least entry has the fewest arrays.
  let used = budget;
  while (used > 0 && best[used - 1] === best[budget]) used--;
  const targets = new Array<number>(layers.length);
  for (let layer = layers.length - 1; layer >= 0; layer--) {
    const number = taken[layer]![used]!;
    targets[layer] = choices[layer]!.cycles[number]!;
    used -= choices[layer]!.spare[number]! / unit;
  }
  return targets;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
