// A network that does not fit is loaded in parts, each run over a whole batch of images before the next is programmed.

import { checkOptions } from "../../options.ts";
import { type Allocation, allocationAt, leastInterval } from "./allocate.ts";
import { checkChip, checkInteger, checkLayers, type Chip, type ChipLayer, layerArrays, layerLatency } from "./chip.ts";
import { loadOf, piecesOf } from "./pieces.ts";
import { pipelineTimes } from "./schedule.ts";

/** What {@linkcode partition} is given besides layers and chip. */
export interface PartitionOptions {
  /** Images that pass through one load before the next is programmed. Their intermediate results are kept outside the arrays. */
  readonly batch: number;
}

/** One load of the chip. */
export interface Segment {
  /** The layers it holds, or the part of a layer that is larger than the chip; `inputs` name only layers of the same load. */
  readonly layers: readonly ChipLayer[];
  /** Copies, interval and utilisation while it runs. */
  readonly allocation: Allocation;
  /** Cycles to program its arrays. */
  readonly programmingCycles: number;
  /** Cycles for the batch, filling and draining of the pipeline included. */
  readonly runCycles: number;
  /** Cells written, all copies counted. */
  readonly cells: number;
}

/** A network cut into loads of a chip. Times are of one batch that finds the chip blank. */
export interface Partition {
  /** The chip, defaults filled in. */
  readonly chip: Required<Chip>;
  /** Images per batch. */
  readonly batch: number;
  /** The loads, in order of time. With only one, later batches need no programming. */
  readonly segments: readonly Segment[];
  /** Times the chip is programmed anew after the first load, per batch. */
  readonly reloads: number;
  /** Arrays programmed per batch. */
  readonly arraysProgrammed: number;
  /** Cells written per batch. */
  readonly cells: number;
  /** Cycles spent programming. */
  readonly programmingCycles: number;
  /** Cycles spent on images. */
  readonly runCycles: number;
  /** Both. */
  readonly cycles: number;
  /** Cycles / batch. */
  readonly cyclesPerImage: number;
}

const ACTION = "partition the network";

/** The cheapest interval of one load. */
interface Choice {
  readonly target: number;
  readonly programming: number;
  readonly run: number;
}

/**
 * Cuts a list of layers into loads of a chip, for the fewest cycles per batch: programming of every array and copy, and the batch's way through each load's
 * pipeline.
 *
 * Layers run in the order of the list. A load takes ⌈arrays / writers⌉ · programmingCycles + its pipeline's time for the batch; a copy of a layer saves time
 * on every image but costs its programming, so copies are weighed too. Over all runs of layers as loads, and in each over every interval its pipeline can
 * have with the fewest arrays that keep it, the result is the least, by dynamic programming over the cuts. (For one interval, arrays beyond the fewest can
 * only shorten the filling of the pipeline: what that leaves on the table is less than one image's latency per load.) Layers that fit the chip are not cut;
 * larger ones fill whole chips, and the remainder may share a load with the layer before or behind. Programming does not overlap with work.
 *
 * @throws {OptionError} if a field of the chip, a layer or an option is unknown, missing or out of range.
 *
 * @example
 * ```ts
 * import { partition } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const layers = ["a", "b", "c"].map((name) => ({ name, groups: [{ arrays: 2, activations: 10, cells: 100 }] }));
 * const { segments, reloads, cells, cycles } = partition(layers, { arrays: 4, programmingCycles: 50 }, { batch: 100 });
 * assertEquals(segments.map(({ layers }) => layers.map(({ name }) => name).join()), ["a", "b,c"]);
 * assertEquals([reloads, cells], [1, 800]); // a twice: 100 cycles of programming save 500
 * assertEquals(cycles, 200 + 100 * 5 + 200 + (2 * 10 + 99 * 10));
 * ```
 */
export function partition(layers: readonly ChipLayer[], chip: Chip, options: PartitionOptions): Partition {
  const checked = checkChip(ACTION, chip);
  checkOptions(ACTION, "partition", options, ["batch"]);
  const { batch } = options;
  checkInteger(ACTION, "partition.batch", batch, 1);
  const waits = checkLayers(ACTION, layers);
  const pieces = piecesOf(layers, checked.arrays);

  // cost[end]: fewest cycles for the first `end` pieces; start[end]: where its last load begins.
  const cost = new Float64Array(pieces.length + 1).fill(Infinity), start = new Int32Array(pieces.length + 1);
  const choices = new Array<Choice | undefined>(pieces.length + 1);
  cost[0] = 0;
  for (let from = 0; from < pieces.length; from++) {
    let arrays = 0;
    for (let end = from + 1; end <= pieces.length; end++) {
      arrays += pieces[end - 1]!.to - pieces[end - 1]!.from;
      if (arrays > checked.arrays) break;
      const load = loadOf(layers, waits, pieces.slice(from, end));
      const choice = cheapest(load.layers, load.waits, checked, batch, cost[end]! - cost[from]!);
      if (choice === undefined) continue;
      cost[end] = cost[from]! + choice.programming + choice.run;
      start[end] = from;
      choices[end] = choice;
    }
  }

  const segments: Segment[] = [];
  for (let end = pieces.length; end > 0; end = start[end]!) {
    const load = loadOf(layers, waits, pieces.slice(start[end]!, end));
    const { target, programming, run } = choices[end]!;
    const allocation = allocationAt(load.layers, load.waits, new Array<number>(load.layers.length).fill(target));
    const cells = load.layers.reduce((sum, { groups }, layer) =>
      groups.reduce(
        (inner, group, number) => inner + (group.cells ?? 0) * group.arrays * allocation.layers[layer]!.copies[number]!,
        sum,
      ), 0);
    segments.unshift({ layers: load.layers, allocation, programmingCycles: programming, runCycles: run, cells });
  }
  const total = (value: (segment: Segment) => number) => segments.reduce((sum, segment) => sum + value(segment), 0);
  const cycles = total(({ programmingCycles, runCycles }) => programmingCycles + runCycles);
  return {
    chip: checked,
    batch,
    segments,
    reloads: segments.length - 1,
    arraysProgrammed: total(({ allocation }) => allocation.arrays),
    cells: total(({ cells }) => cells),
    programmingCycles: total(({ programmingCycles }) => programmingCycles),
    runCycles: total(({ runCycles }) => runCycles),
    cycles,
    cyclesPerImage: cycles / batch,
  };
}

/** The interval at which a load and its batch take the fewest cycles, the one with fewer arrays if there are several; undefined if all take `limit` or more. */
function cheapest(
  layers: readonly ChipLayer[],
  waits: readonly (readonly number[])[],
  { arrays, programmingCycles, writers }: Required<Chip>,
  batch: number,
  limit: number,
): Choice | undefined {
  const groups = layers.flatMap((layer) => layer.groups);
  const programming = (count: number) => Math.ceil(count / writers) * programmingCycles;
  const least = programming(layers.reduce((sum, layer) => sum + layerArrays(layer), 0));
  let best: Choice | undefined, bestCycles = limit;
  for (let target = leastInterval(layers, arrays); Number.isFinite(target);) {
    // The slowest layer alone takes target cycles for each image of the batch, and longer targets only more.
    if (least + batch * target > bestCycles) break;
    let next = Infinity, count = 0;
    for (const { arrays, activations } of groups) {
      const copies = Math.ceil(activations / target);
      count += arrays * copies;
      if (copies > 1) next = Math.min(next, Math.ceil(activations / (copies - 1)));
    }
    const latencies = layers.map((layer) => layerLatency(layer, layer.groups.map(({ activations }) => Math.ceil(activations / target))));
    const choice = { target, programming: programming(count), run: pipelineTimes(latencies, waits, batch).batch };
    const cycles = choice.programming + choice.run;
    if (best === undefined ? cycles < limit : cycles <= bestCycles) {
      best = choice;
      bestCycles = cycles;
    }
    target = next;
  }
  return best;
}
