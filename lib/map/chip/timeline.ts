// Which array does what when: a run of images through the loads of a chip, as rectangles of arrays by cycles.

import { MappingError, OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { checkChip, checkInteger, checkLayers, type Chip, type ChipLayer } from "./chip.ts";

/** A run of neighbouring arrays that do the same from `start` to `end` (exclusive, in cycles). */
export interface Span {
  /** First array of the chip, from 0. */
  readonly array: number;
  /** Arrays. */
  readonly arrays: number;
  /** First cycle. */
  readonly start: number;
  /** One past the last cycle. */
  readonly end: number;
  /** Whether the arrays are activated every cycle, or programmed. */
  readonly kind: "compute" | "program";
  /** Layer whose weights they hold. */
  readonly layer: string;
  /** Image they work on, from 0; −1 while they are programmed. */
  readonly image: number;
}

/** What a chip does over time. Arrays not named by a span are idle. */
export interface Timeline {
  /** Arrays of the chip. */
  readonly arrays: number;
  /** Images that pass. */
  readonly images: number;
  /** Cycles until the last image is done. */
  readonly cycles: number;
  /** In order of load, programming before work, then of image and layer. */
  readonly spans: readonly Span[];
}

/** Loads of a chip: a {@linkcode Partition} is one, and so is a single `{ layers, allocation }` from {@linkcode allocate}. */
export interface TimelinePlan {
  /** The chip. */
  readonly chip: Chip;
  /** Images per batch; default all. A single load is programmed once, whatever the batch. */
  readonly batch?: number;
  /** The loads in order of time. */
  readonly segments: readonly {
    /** Layers of the load. */
    readonly layers: readonly ChipLayer[];
    /** Copies of each of their groups. */
    readonly allocation: { readonly layers: readonly { readonly copies: readonly number[] }[] };
  }[];
}

/** What {@linkcode timeline} is given besides the plan. */
export interface TimelineOptions {
  /** Images to run. */
  readonly images: number;
}

const ACTION = "lay out the timeline";

/**
 * Runs images through the loads of a chip: programming, filling of the pipeline, steady state, draining, next load.
 *
 * A layer starts an image when it has finished the one before and the layers it waits for have finished this one. The arrays of a load stand side by side in
 * order of layer, group and copy; of c copies that share n activations, n mod c do ⌈n/c⌉ and the others ⌊n/c⌋. With several loads every batch
 * programs each of them anew.
 *
 * @throws {OptionError} if a field of the plan or an option is unknown, missing or out of range.
 * @throws {MappingError} if a load needs more arrays than the chip has.
 *
 * @example
 * ```ts
 * import { allocate, timeline } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const layers = [
 *   { name: "a", groups: [{ arrays: 1, activations: 6 }] },
 *   { name: "b", groups: [{ arrays: 1, activations: 3 }] },
 * ];
 * const chip = { arrays: 3, programmingCycles: 0 };
 * const load = { layers, allocation: allocate(layers, { arrays: 3 }) };
 * const { cycles, spans } = timeline({ chip, segments: [load] }, { images: 2 });
 * assertEquals(cycles, 9); // two copies of a: 3 cycles a layer, two images through two layers
 * assertEquals(spans[0], { array: 0, arrays: 2, start: 0, end: 3, kind: "compute", layer: "a", image: 0 });
 * ```
 */
export function timeline(plan: TimelinePlan, options: TimelineOptions): Timeline {
  checkOptions(ACTION, "timeline", options, ["images"]);
  const { images } = options;
  checkInteger(ACTION, "timeline.images", images, 1);
  const { arrays, programmingCycles, writers } = checkChip(ACTION, plan.chip);
  const loads = plan.segments.map(({ layers, allocation }, index) => layOut(layers, allocation.layers, arrays, `segments[${index}]`));
  if (loads.length === 0) throw new OptionError(ACTION, { where: "segments", got: "none", wanted: "at least one load" });
  checkInteger(ACTION, "batch", plan.batch ?? images, 1);
  const batch = loads.length === 1 ? images : Math.min(plan.batch ?? images, images);

  const spans: Span[] = [];
  let now = 0;
  for (let image = 0; image < images; image += batch) {
    for (const load of loads) {
      now = program(spans, load, now, programmingCycles, writers);
      now = run(spans, load, now, image, Math.min(image + batch, images));
    }
  }
  return { arrays, images, cycles: now, spans };
}

/** A layer on its arrays. */
interface Station {
  readonly layer: string;
  readonly waits: readonly number[];
  readonly latency: number;
  readonly array: number;
  readonly arrays: number;
  /** Arrays that work equally long on each image. */
  readonly lanes: readonly { readonly array: number; readonly arrays: number; readonly cycles: number }[];
}

function layOut(
  layers: readonly ChipLayer[],
  allocated: readonly { readonly copies: readonly number[] }[],
  arrays: number,
  where: string,
): Station[] {
  const waits = checkLayers(ACTION, layers);
  let at = 0;
  const stations = layers.map(({ name, groups }, index): Station => {
    const array = at, lanes: { array: number; arrays: number; cycles: number }[] = [];
    for (const [number, group] of groups.entries()) {
      const copies = allocated[index]?.copies[number];
      checkInteger(ACTION, `${where}.allocation.layers[${index}].copies[${number}]`, copies, 1);
      const short = Math.floor(group.activations / copies), longer = group.activations % copies;
      for (const [count, cycles] of [[longer, short + 1], [copies - longer, short]] as const) {
        if (count === 0) continue;
        if (cycles > 0) lanes.push({ array: at, arrays: count * group.arrays, cycles });
        at += count * group.arrays;
      }
    }
    const latency = lanes.reduce((most, { cycles }) => Math.max(most, cycles), 0);
    return { layer: name, waits: waits[index]!, latency, array, arrays: at - array, lanes };
  });
  if (at > arrays) throw new MappingError(ACTION, { where, got: `${at} arrays`, wanted: `at most ${arrays}, the arrays of the chip` });
  return stations;
}

/** Programs all arrays of a load, `writers` at a time, and returns the cycle after. */
function program(spans: Span[], load: readonly Station[], start: number, cycles: number, writers: number): number {
  if (cycles === 0) return start;
  let now = start;
  for (const { layer, array, arrays } of load) {
    for (let first = array; first < array + arrays;) {
      const slot = Math.floor(first / writers), end = Math.min((slot + 1) * writers, array + arrays);
      const begin = start + slot * cycles;
      spans.push({ array: first, arrays: end - first, start: begin, end: begin + cycles, kind: "program", layer, image: -1 });
      now = begin + cycles;
      first = end;
    }
  }
  return now;
}

/** Runs images `from` … `to` − 1 through a load, and returns the cycle after the last. */
function run(spans: Span[], load: readonly Station[], start: number, from: number, to: number): number {
  const done = new Array<number>(load.length).fill(start);
  for (let image = from; image < to; image++) {
    for (const [index, { layer, waits, latency, lanes }] of load.entries()) {
      const begin = waits.reduce((latest, input) => Math.max(latest, done[input]!), done[index]!);
      for (const { array, arrays, cycles } of lanes) {
        spans.push({ array, arrays, start: begin, end: begin + cycles, kind: "compute", layer, image });
      }
      done[index] = begin + latency;
    }
  }
  return Math.max(...done);
}

/** Spans of one array, in order of time. */
export function arraySpans({ spans }: Timeline, array: number): Span[] {
  return spans.filter((span) => span.array <= array && array < span.array + span.arrays).sort((a, b) => a.start - b.start);
}

/**
 * Share of all the chip's arrays that compute, in `bins` equal parts of the run: `[bins]`, 0 … 1.
 *
 * @throws {OptionError} if `bins` is no integer of at least 1.
 *
 * @example
 * ```ts
 * import { timelineUtilisation } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const span = { array: 0, arrays: 1, start: 0, end: 5, kind: "compute", layer: "a", image: 0 } as const;
 * assertEquals(timelineUtilisation({ arrays: 2, images: 1, cycles: 10, spans: [span] }, 2), Float64Array.of(0.5, 0));
 * ```
 */
export function timelineUtilisation({ arrays, cycles, spans }: Timeline, bins: number): Float64Array<ArrayBuffer> {
  checkInteger("measure the utilisation", "bins", bins, 1);
  const width = cycles / bins, busy = new Float64Array(bins);
  for (const span of spans) {
    if (span.kind !== "compute") continue;
    for (let bin = Math.floor(span.start / width); bin < bins && bin * width < span.end; bin++) {
      busy[bin]! += span.arrays * Math.max(0, Math.min(span.end, (bin + 1) * width) - Math.max(span.start, bin * width));
    }
  }
  return busy.map((sum) => sum / (arrays * width));
}
