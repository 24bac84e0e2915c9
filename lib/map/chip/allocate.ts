// Which layers get copies: duplicated weights share a layer's activations, so that no layer holds up the others.

import { MappingError, OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { checkInteger, checkLayers, type ChipLayer, layerActivations, layerArrays, layerLatency } from "./chip.ts";
import { fewestCycles } from "./knapsack.ts";
import { pipelineTimes } from "./schedule.ts";

/** What {@linkcode allocate} is given. */
export interface AllocateOptions {
  /** Arrays of the chip. */
  readonly arrays: number;
  /**
   * "interval" (default): the most images per second in a pipeline, and of all such allocations the one with the fewest arrays.
   * "latency": the least sum of the layers' cycles, for images that go through the layers one at a time; of those the one with the fewest arrays.
   */
  readonly objective?: "interval" | "latency";
}

/** The share of a chip that one layer gets. */
export interface LayerAllocation {
  /** Name of the layer. */
  readonly name: string;
  /** Copies of each of its groups of arrays. */
  readonly copies: readonly number[];
  /** Arrays, all copies counted. */
  readonly arrays: number;
  /** Cycles per image. */
  readonly latency: number;
  /** Array activations per image. */
  readonly activations: number;
  /** Activations / (arrays · interval of the pipeline), 0 … 1. */
  readonly utilisation: number;
}

/** Who gets which arrays of a chip, and how fast that is. */
export interface Allocation {
  /** One per layer, in order. */
  readonly layers: readonly LayerAllocation[];
  /** Arrays in use. */
  readonly arrays: number;
  /** Cycles between images in a pipeline: the slowest layer. */
  readonly interval: number;
  /** Cycles of one image through an empty pipeline: the longest path through the layers. */
  readonly latency: number;
  /** Images per million cycles in a pipeline. */
  readonly imagesPerMillionCycles: number;
  /** Activations / (arrays in use · interval), 0 … 1. */
  readonly utilisation: number;
}

const ACTION = "allocate arrays";

/**
 * Copies of each layer's arrays on a chip that holds the whole network.
 *
 * c copies of an array with n activations per image share them, so its busiest copy does ⌈n/c⌉; an array is copied or not whatever its neighbours do, and
 * arrays of equal n have equal use for copies. Both objectives are solved exactly.
 *
 * Interval: an allocation keeps the interval T if and only if every array has c ≥ n/T, that is c ≥ ⌈n/T⌉, copies. So with a(T) = Σ arrays · ⌈n/T⌉, an
 * allocation of interval at most T exists if and only if a(T) ≤ the chip's arrays, and none has fewer than a(T). a never grows with T: bisection finds the
 * least T, and copies of ⌈n/T⌉ are the fewest that reach it.
 *
 * Latency: a layer that is to take t cycles needs Σ arrays · ⌈n/t⌉ arrays, and only the t at which that changes are worth having; choosing one for each
 * layer is a knapsack, solved by dynamic programming over spare arrays.
 *
 * @throws {OptionError} if an option or a field of a layer is unknown or out of range.
 * @throws {MappingError} if one copy of every layer needs more arrays than there are; {@linkcode partition} then loads the network in parts.
 *
 * @example
 * ```ts
 * import { allocate } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const layers = [
 *   { name: "conv1", groups: [{ arrays: 1, activations: 1000 }] },
 *   { name: "conv2", groups: [{ arrays: 4, activations: 250 }] },
 * ];
 * const { interval, layers: [first, second] } = allocate(layers, { arrays: 8 });
 * assertEquals([interval, first?.copies, second?.copies], [250, [4], [1]]);
 * ```
 */
export function allocate(layers: readonly ChipLayer[], options: AllocateOptions): Allocation {
  checkOptions(ACTION, "allocate", options, ["arrays", "objective"]);
  const { arrays, objective = "interval" } = options;
  checkInteger(ACTION, "allocate.arrays", arrays, 1);
  if (objective !== "interval" && objective !== "latency") {
    throw new OptionError(ACTION, { where: "allocate.objective", got: objective, wanted: '"interval" or "latency"' });
  }
  const waits = checkLayers(ACTION, layers);
  const needed = layers.reduce((sum, layer) => sum + layerArrays(layer), 0);
  if (needed > arrays) {
    throw new MappingError(ACTION, {
      where: "allocate.arrays",
      got: arrays,
      wanted: `at least ${needed}, one copy of every layer`,
      hint: "partition() loads a larger network in parts.",
    });
  }
  const targets = objective === "latency"
    ? fewestCycles(layers, arrays)
    : new Array<number>(layers.length).fill(leastInterval(layers, arrays));
  return allocationAt(layers, waits, targets);
}

/** Arrays needed for every layer to take at most `target` cycles. */
export function arraysAt(layers: readonly ChipLayer[], target: number): number {
  let sum = 0;
  for (const { groups } of layers) {
    for (const { arrays, activations } of groups) sum += arrays * Math.ceil(activations / target);
  }
  return sum;
}

/** Least interval on `arrays` arrays, which hold at least one copy of every layer. */
export function leastInterval(layers: readonly ChipLayer[], arrays: number): number {
  let low = 1, high = layers.reduce((most, layer) => Math.max(most, layerLatency(layer)), 1);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (arraysAt(layers, middle) <= arrays) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The allocation with the fewest copies that let layer l take at most `targets[l]` cycles. */
export function allocationAt(layers: readonly ChipLayer[], waits: readonly (readonly number[])[], targets: readonly number[]): Allocation {
  const copies = layers.map(({ groups }, index) => groups.map(({ activations }) => Math.ceil(activations / targets[index]!)));
  const latencies = layers.map((layer, index) => layerLatency(layer, copies[index]));
  const { interval, latency } = pipelineTimes(latencies, waits, 1);
  const allocated = layers.map((layer, index): LayerAllocation => {
    const arrays = layer.groups.reduce((sum, group, number) => sum + group.arrays * copies[index]![number]!, 0);
    const activations = layerActivations(layer);
    return {
      name: layer.name,
      copies: copies[index]!,
      arrays,
      latency: latencies[index]!,
      activations,
      utilisation: activations / (arrays * interval),
    };
  });
  const arrays = allocated.reduce((sum, layer) => sum + layer.arrays, 0);
  const busy = allocated.reduce((sum, layer) => sum + layer.activations, 0);
  return {
    layers: allocated,
    arrays,
    interval,
    latency,
    imagesPerMillionCycles: 1e6 / interval,
    utilisation: busy / (arrays * interval),
  };
}
