// Write-verify of a mapped network's cells: which weights' cells go through the loop, and what writing all arrays of a chip takes.

import { cellDraw, type ChipCells } from "../device/array.ts";
import type { Device } from "../device/device.ts";
import { OptionError } from "../errors.ts";
import { visit } from "../map/executor.ts";
import { columnLayout, physicalColumn } from "../map/layout.ts";
import type { ArrayPlacement, MappedLayer, MappedNetwork } from "../map/mapped.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { hash, hashOn, normalOf } from "../random.ts";
import { stuckCells } from "./remedy.ts";
import { arrayGroups, magnitudeScores, randomScores, selectWeights } from "./select.ts";
import type { Scores, Selection } from "./selection.ts";
import { checkVerify, VERIFY_NAMES, type VerifyOptions, type WriteVerify } from "./verify_options.ts";
import { DISTURB, verifyCell, type WriteCost, writeCost } from "./write_verify.ts";

/** Ways to choose weights that need no scores. */
export const VERIFY_CHOICES = ["all", "magnitude", "random"] as const;

/** A name in {@linkcode VERIFY_CHOICES}. */
export type VerifyChoice = (typeof VERIFY_CHOICES)[number];

/** Write-verify of a network's cells. Tolerance and disturbance are shares of the highest conductance. */
export interface StageVerifyOptions extends VerifyOptions {
  /**
   * Weights whose cells are verified, with the reference columns they share: "all", by "magnitude" or at "random", the highest of scores by parameter name
   * (`sensitivityScores`), or a selection. Default "all".
   */
  readonly select?: VerifyChoice | Scores | Selection;
  /** Share of the weights on arrays, 0 to 1; default 1. Not with a selection. */
  readonly share?: number;
  /** Whether single weights, word lines or whole arrays are chosen; default "weight". Not with a selection. */
  readonly by?: "weight" | "row" | "array";
}

/** {@linkcode StageVerifyOptions} with defaults filled in, as plain data. */
export interface ResolvedStageVerify extends WriteVerify {
  /** How weights were chosen. */
  readonly select: VerifyChoice | "scores" | "selection";
  /** Pieces they were chosen in. */
  readonly by: "weight" | "row" | "array";
  /** Weights verified. */
  readonly count: number;
  /** Weights on arrays. */
  readonly total: number;
}

/** What a stage needs to know. */
export interface StageVerify {
  /** As plain data. */
  readonly options: ResolvedStageVerify;
  /** Weights verified. */
  readonly selection: Selection;
}

const ACTION = "program the network";

/** The network with only those weighted layers that stand on arrays. */
function onArrays({ layers, sliced: { quantized: { network } } }: MappedNetwork): Network {
  return { ...network, layers: network.layers.filter(({ name, op }) => (op !== "conv" && op !== "linear") || Object.hasOwn(layers, name)) };
}

/**
 * Checks options and chooses weights.
 *
 * @throws {OptionError} naming the field.
 * @throws {ShapeError} if scores or a selection do not fit the network.
 */
export function resolveVerify(mapped: MappedNetwork, options: StageVerifyOptions, seed: number): StageVerify {
  checkOptions(ACTION, "program.verify", options, [...VERIFY_NAMES, "select", "share", "by"]);
  const { select = "all", share, by = "weight", ...loop } = options, verify = checkVerify(ACTION, "program.verify", loop);
  if (by !== "weight" && by !== "row" && by !== "array") {
    throw new OptionError(ACTION, { where: "program.verify.by", got: by, wanted: '"weight", "row" or "array"' });
  }
  const network = onArrays(mapped);
  const done = (kind: ResolvedStageVerify["select"], selection: Selection): StageVerify => ({
    options: { ...verify, select: kind, by, count: selection.count, total: selection.total },
    selection,
  });
  if (typeof select === "object" && select !== null && "cells" in select) {
    const selection = select as Selection;
    if (share !== undefined || by !== "weight") {
      const where = share === undefined ? "by" : "share";
      throw new OptionError(ACTION, { where: `program.verify.${where}`, got: options[where], wanted: "nothing beside a selection" });
    }
    const none = selectWeights(network, magnitudeScores(network), { share: 0 }), cells: Record<string, Uint8Array> = {};
    for (const [name, { length }] of Object.entries(none.cells)) {
      const own = selection.cells[name];
      if (own?.length !== length) {
        throw new OptionError(ACTION, {
          where: `program.verify.select.cells.${name}`,
          got: own?.length ?? "nothing",
          wanted: `${length} weights`,
        });
      }
      cells[name] = own;
    }
    const count = Object.values(cells).reduce((sum, own) => own.reduce((some, depth) => some + (depth > 0 ? 1 : 0), sum), 0);
    return done("selection", { ...selection, cells, count, total: none.total });
  }
  const scores = select === "all" || select === "magnitude"
    ? magnitudeScores(network)
    : select === "random"
    ? randomScores(network, seed)
    : typeof select === "object" && select !== null
    ? select as Scores
    : undefined;
  if (scores === undefined) {
    throw new OptionError(ACTION, {
      where: "program.verify.select",
      got: select,
      wanted: `${VERIFY_CHOICES.join(", ")}, scores by parameter name, or a selection`,
    });
  }
  if (select === "all" && share !== undefined && share !== 1) {
    throw new OptionError(ACTION, { where: "program.verify.share", got: share, wanted: 'nothing, since program.verify.select is "all"' });
  }
  const groups = by === "weight" ? undefined : arrayGroups(network, by, { rows: mapped.rows, columns: mapped.columns });
  const selection = selectWeights(network, scores, { share: share ?? 1, ...(groups === undefined ? {} : { groups }) });
  return done(typeof select === "object" ? "scores" : select, selection);
}

/**
 * Cells of an array that are verified, `[rows][physical columns]`: 1 where they are. Reference columns are, if any cell of the array is; the two cells of a
 * pair, and slices of the same factor but for its sign, count as one.
 *
 * @param depths How many cells of each of the layer's weights, the most significant first.
 */
export function verifiedCells(layer: MappedLayer, array: ArrayPlacement, depths: Uint8Array): Float64Array {
  const layout = columnLayout(layer.sliced), { rows, physicalColumns: width } = array, cells = new Float64Array(rows * width);
  const factors = layer.sliced.sliceWeights.map(Math.abs), order = [...new Set(factors)].sort((a, b) => b - a);
  const rank = factors.map((factor) => order.indexOf(factor));
  let any = false;
  visit(layer, array, (row, column, weight) => {
    const depth = depths[weight]!;
    if (depth === 0) return;
    any = true;
    for (const slice of array.slices) {
      if (layout.unitOf[slice]! >= 0 || rank[slice]! >= depth) continue;
      const at = row * width + physicalColumn(layout, width, column, slice);
      for (let side = 0; side < layout.pair; side++) cells[at + side] = 1;
    }
  });
  if (any && layout.references > 0) {
    for (let row = 0; row < rows; row++) cells.fill(1, (row + 1) * width - layout.references, (row + 1) * width);
  }
  return cells;
}

/** Counter of a cell's pulses, apart from those of programming, drift and readings. */
const PULSES = 0x40000000;

/**
 * Verifies cells of an array that has been written open loop; readings are exact, and rows are gone through cell by cell.
 *
 * @param programmed `[rows][columns]` after the first pulse; changed in place.
 * @param chosen 1 where a cell is verified.
 * @returns What writing took, first pulses included.
 */
export function verifyArray(
  device: Device,
  programmed: Float64Array,
  targets: Float64Array,
  chosen: Float64Array,
  columns: number,
  verify: WriteVerify,
  cells: Required<ChipCells>,
): WriteCost {
  const count = targets.length, pulses = new Uint32Array(count), list: number[] = [];
  const stuck = verify.loop === "incremental" ? stuckCells(device, count, cells) : undefined;
  const key = hash(cells.seed, cells.layer, cells.array, PULSES);
  let failed = 0;
  for (let cell = 0; cell < count; cell++) {
    pulses[cell] = 1;
    if (chosen[cell] !== 1) continue;
    const target = targets[cell]!, first = programmed[cell]! - target;
    const dead = stuck !== undefined && stuck[cell] === stuck[cell];
    const redraw = (pulse: number) => (device.program?.(target, cellDraw(cells, cell, PULSES + pulse)) ?? target) - target;
    const { error, pulses: needed } = dead
      ? { error: first, pulses: Math.abs(first) < verify.tolerance ? 1 : verify.maxPulses }
      : verifyCell(first, verify, hashOn(key, cell), redraw);
    if (needed > 1) programmed[cell] = verify.loop === "redraw" ? target + error : Math.max(0, target + error);
    pulses[cell] = needed;
    list.push(needed);
    if (Math.abs(error) >= verify.tolerance) failed++;
  }
  if (verify.disturb > 0) {
    for (let start = 0; start < count; start += columns) {
      let later = 0;
      for (let cell = start + columns - 1; cell >= start; cell--) {
        if (chosen[cell] !== 1) continue;
        programmed[cell] = Math.max(
          0,
          programmed[cell]! + verify.disturb * Math.sqrt(later) * normalOf(hashOn(hashOn(key, DISTURB), cell)),
        );
        later += pulses[cell]!;
      }
    }
  }
  return writeCost(verify, { pulses: list, reads: list, failed, open: count - list.length });
}
