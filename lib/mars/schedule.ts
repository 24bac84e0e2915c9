// Which macro computes and loads what when: groups dealt to macros, banks loaded while others compute, layers one after another.

import { checkOptions } from "../options.ts";
import { checkInteger } from "../map/chip/chip.ts";
import type { Span, Timeline } from "../map/chip/timeline.ts";
import { bankGroups, type MarsAccelerator } from "./accelerator.ts";
import { encodeIndex } from "./index_codes.ts";
import { groupBits, groupCycles, keptGroups, type MarsLayer } from "./layers.ts";

/** Options of {@linkcode marsSchedule}. */
export interface MarsScheduleOptions {
  /** Whether pruned groups are computed and stored all the same, without index; default false. */
  readonly dense?: boolean;
  /** Images or batches that follow each other; default 1. */
  readonly images?: number;
  /** Images that pass a layer before the next layer's groups are loaded; default 1. */
  readonly batch?: number;
}

/** A layer in the schedule, per batch. */
export interface ScheduledLayer {
  /** Name of the layer. */
  readonly name: string;
  /** Groups in all. */
  readonly groups: number;
  /** Groups computed: the kept ones, or all. */
  readonly kept: number;
  /** ⌈kept / (macros · groups per activation)⌉ · ⌈a / m⌉ · height · width · batch. */
  readonly compute: number;
  /** Cycles of the last batch in which the layer waits for weights. */
  readonly stall: number;
  /** Bits of its stored groups. */
  readonly weightBits: number;
  /** Bits of its index codes. */
  readonly indexBits: number;
}

/** A schedule of {@linkcode marsSchedule}. */
export interface MarsSchedule {
  /** Layers in order. */
  readonly layers: readonly ScheduledLayer[];
  /** Whether all groups fit the macros together, so that they are loaded before the first image and never again. */
  readonly resident: boolean;
  /** Cycles from the first load to the last result. */
  readonly cycles: number;
  /** Cycles between the ends of the last two batches; for a single one, all. */
  readonly interval: number;
  /** Cycles that each macro computes and is loaded, and the share of cycles it computes. */
  readonly macros: readonly { readonly compute: number; readonly reload: number; readonly utilisation: number }[];
  /** Banks of a macro: 2 with ping-pong, else 1. */
  readonly banks: number;
  /** A row per bank: `banks` · macro + bank. For `timelineSvg`. */
  readonly timeline: Timeline;
}

/** State of a macro. */
interface Macro {
  readonly core: number;
  /** When each bank may be overwritten. */
  readonly free: number[];
  /** When it stops computing. */
  done: number;
  turn: number;
  compute: number;
  reload: number;
}

const ACTION = "schedule the accelerator";

/**
 * Runs batches of images through the macros, layer by layer.
 *
 * The groups of a layer are dealt evenly to all macros. A macro takes as many as fit a bank, and computes each for all input digits and output positions while
 * the next are loaded into its other bank over the core's bus, those of the next layer included; without ping-pong it waits. A layer starts when the one before
 * is done on all macros. Index codes travel with the groups. Groups that all fit the macros at once are loaded before time 0.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 *
 * @example
 * ```ts
 * import { lenet, marsAccelerator, marsLayers, marsSchedule } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const accelerator = marsAccelerator(), layers = marsLayers(lenet(), accelerator);
 * const { layers: [, conv2], resident } = marsSchedule(layers, accelerator);
 * // 150 rows by 16 channels are 10 groups, two rounds of the 8 macros: 2 · ⌈4 / 2⌉ · 10 · 10 cycles.
 * assertEquals([conv2!.groups, conv2!.compute, resident], [10, 400, true]);
 * ```
 */
export function marsSchedule(layers: readonly MarsLayer[], accelerator: MarsAccelerator, options: MarsScheduleOptions = {}): MarsSchedule {
  checkOptions(ACTION, "marsSchedule", options, ["dense", "images", "batch"]);
  const { dense = false, images = 1, batch = 1 } = options;
  checkInteger(ACTION, "marsSchedule.images", images, 1);
  checkInteger(ACTION, "marsSchedule.batch", batch, 1);
  const { cores, macrosPerCore, macro: { partitionsOn }, pingPong, reloadBits } = accelerator;
  const banks = pingPong ? 2 : 1, room = bankGroups(accelerator), count = cores * macrosPerCore;
  const macros = Array.from({ length: count }, (_, index): Macro => ({
    core: Math.floor(index / macrosPerCore),
    free: new Array<number>(banks).fill(0),
    done: 0,
    turn: 0,
    compute: 0,
    reload: 0,
  }));
  const work = layers.map((layer) => {
    const kept = dense ? layer.kept.length : keptGroups(layer), each = groupCycles(layer, accelerator) * batch;
    return {
      name: layer.name,
      groups: layer.kept.length,
      kept,
      each,
      compute: Math.ceil(kept / (count * partitionsOn)) * each,
      bits: groupBits(layer),
      indexBits: dense ? 0 : encodeIndex(layer.kept, layer.rowBlocks, accelerator.index).bits,
    };
  });
  const resident = work.reduce((sum, { kept }) => sum + Math.ceil(kept / count), 0) <= room * banks;
  const bus = new Array<number>(cores).fill(0), spans: Span[] = [], stalls = new Array<number>(work.length).fill(0);
  let barrier = 0, before = 0;
  for (let image = 0; image < images; image++) {
    before = barrier;
    for (const [number, { name, kept, each, compute, bits, indexBits }] of work.entries()) {
      let end = barrier;
      const rounds = Math.ceil(Math.ceil(kept / count) / room);
      for (let round = 0; round < rounds; round++) {
        for (const [index, macro] of macros.entries()) {
          const own = Math.floor(kept / count) + (index < kept % count ? 1 : 0), groups = Math.min(room, own - round * room);
          if (groups <= 0) continue;
          const bank = macro.turn++ % banks, array = index * banks + bank;
          let ready = barrier;
          if (!resident) {
            const start = Math.max(macro.free[bank]!, bus[macro.core]!);
            ready = start + Math.ceil((groups * bits + indexBits * groups / kept) / reloadBits);
            bus[macro.core] = ready;
            macro.reload += ready - start;
            spans.push({ array, arrays: 1, start, end: ready, kind: "program", layer: name, image: -1 });
          }
          const start = Math.max(ready, macro.done, barrier), cycles = Math.ceil(groups / partitionsOn) * each;
          macro.done = macro.free[bank] = start + cycles;
          macro.compute += cycles;
          end = Math.max(end, macro.done);
          spans.push({ array, arrays: 1, start, end: macro.done, kind: "compute", layer: name, image });
        }
      }
      stalls[number] = end - barrier - compute;
      barrier = end;
    }
  }
  return {
    layers: work.map(({ name, groups, kept, compute, bits, indexBits }, number) => ({
      name,
      groups,
      kept,
      compute,
      stall: stalls[number]!,
      weightBits: kept * bits,
      indexBits,
    })),
    resident,
    cycles: barrier,
    interval: barrier - before,
    macros: macros.map(({ compute, reload }) => ({ compute, reload, utilisation: barrier === 0 ? 0 : compute / barrier })),
    banks,
    timeline: { arrays: count * banks, images, cycles: barrier, spans },
  };
}

/**
 * Share of time that each macro computes, in `bins` equal parts of the run: `[macros][bins]`, 0 … 1.
 *
 * @throws {OptionError} if `bins` is no integer of at least 1.
 */
export function marsUtilisation({ timeline: { spans, cycles }, banks, macros }: MarsSchedule, bins: number): Float64Array[] {
  checkInteger("measure the utilisation", "bins", bins, 1);
  const width = cycles / bins, busy = macros.map(() => new Float64Array(bins));
  for (const { array, kind, start, end } of spans) {
    if (kind !== "compute") continue;
    const own = busy[Math.floor(array / banks)]!;
    for (let bin = Math.floor(start / width); bin < bins && bin * width < end; bin++) {
      own[bin]! += Math.max(0, Math.min(end, (bin + 1) * width) - Math.max(start, bin * width)) / width;
    }
  }
  return busy;
}
