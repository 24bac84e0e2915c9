// What a chip of a few arrays has to know about its layers: how many arrays, and how often each is activated per image.

import { MappingError, OptionError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { activations } from "../activations.ts";
import type { Placement } from "../placement.ts";

/** Arrays of a layer that are activated equally often. They work side by side: none waits for another. */
export interface ArrayGroup {
  /** Arrays, each with weights of its own. */
  readonly arrays: number;
  /** Activations (cycles) of each of them per image. */
  readonly activations: number;
  /** Cells written into each of them; default 0 (not counted). */
  readonly cells?: number;
}

/**
 * A layer as a chip sees it. With one copy of everything it takes the largest `activations` of its groups in cycles per image, and does
 * Σ arrays · activations array activations of work.
 */
export interface ChipLayer {
  /** Name, unique on the chip. */
  readonly name: string;
  /** Its arrays. */
  readonly groups: readonly ArrayGroup[];
  /** Earlier layers that must have finished an image before this one starts it; default: the layer before it in the list. None: it reads the image. */
  readonly inputs?: readonly string[];
}

/** A chip that holds a limited number of arrays. Plain data, so it can be written as JSON. */
export interface Chip {
  /** Arrays of the chip, all alike. */
  readonly arrays: number;
  /**
   * Cycles to program one array, a cycle being one activation. No default: it spans five orders of magnitude between SRAM written a word line a cycle
   * and RRAM under write-verify.
   */
  readonly programmingCycles: number;
  /** Arrays programmed at the same time; default 1, a single write circuit for the whole chip. */
  readonly writers?: number;
}

/** Refuses anything but an integer of at least `least`. */
export function checkInteger(action: string, where: string, value: unknown, least: number): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new OptionError(action, { where, got: value, wanted: `an integer of at least ${least}` });
}

/**
 * Checks a chip and fills in its defaults.
 *
 * @throws {OptionError} if a field is unknown, missing or out of range.
 */
export function checkChip(action: string, chip: Chip): Required<Chip> {
  checkOptions(action, "chip", chip, ["arrays", "programmingCycles", "writers"]);
  const { arrays, programmingCycles, writers = 1 } = chip;
  checkInteger(action, "chip.arrays", arrays, 1);
  checkInteger(action, "chip.programmingCycles", programmingCycles, 0);
  checkInteger(action, "chip.writers", writers, 1);
  return { arrays, programmingCycles, writers };
}

/**
 * Checks layers, and returns for each the positions in the list of the layers it waits for.
 *
 * @throws {OptionError} if there is no layer, a field is unknown or out of range, a name occurs twice, or an input is no earlier layer.
 */
export function checkLayers(action: string, layers: readonly ChipLayer[]): number[][] {
  if (layers.length === 0) throw new OptionError(action, { where: "layers", got: "none", wanted: "at least one layer" });
  const known = new Map<string, number>();
  return layers.map((layer, index) => {
    const where = `layers[${index}]`;
    checkOptions(action, where, layer, ["name", "groups", "inputs"]);
    const { name, groups, inputs } = layer;
    if (typeof name !== "string" || known.has(name)) {
      throw new OptionError(action, { where: `${where}.name`, got: name, wanted: "a name no other layer has" });
    }
    if (!Array.isArray(groups) || groups.length === 0) {
      throw new OptionError(action, { where: `${where}.groups`, got: groups, wanted: "at least one group of arrays" });
    }
    for (const [number, group] of (groups as readonly ArrayGroup[]).entries()) {
      const at = `${where}.groups[${number}]`;
      checkOptions(action, at, group, ["arrays", "activations", "cells"]);
      checkInteger(action, `${at}.arrays`, group.arrays, 1);
      checkInteger(action, `${at}.activations`, group.activations, 1);
      checkInteger(action, `${at}.cells`, group.cells ?? 0, 0);
    }
    const waits = inputs?.map((input) => {
      const found = known.get(input);
      if (found === undefined) {
        throw new OptionError(action, { where: `${where}.inputs`, got: input, wanted: "the name of an earlier layer" });
      }
      return found;
    });
    known.set(name, index);
    return waits ?? (index === 0 ? [] : [index - 1]);
  });
}

/** Arrays that one copy of a layer needs. */
export function layerArrays({ groups }: ChipLayer): number {
  return groups.reduce((sum, { arrays }) => sum + arrays, 0);
}

/** Array activations of a layer per image, however many copies share them. */
export function layerActivations({ groups }: ChipLayer): number {
  return groups.reduce((sum, { arrays, activations }) => sum + arrays * activations, 0);
}

/** Cycles a layer takes per image with `copies[g]` copies of group g: the busiest copy of group g does ⌈activations / copies⌉ of them. */
export function layerLatency({ groups }: ChipLayer, copies?: readonly number[]): number {
  return groups.reduce((most, { activations }, group) => Math.max(most, Math.ceil(activations / (copies?.[group] ?? 1))), 0);
}

/** What {@linkcode chipLayer} can be told beyond the placement. */
export interface ChipLayerOptions {
  /** Cells (physical columns) per logical column; default 1. */
  readonly cellsPerWeight?: number;
  /** Earlier layers it waits for; default: the layer before it in the list. */
  readonly inputs?: readonly string[];
}

/**
 * The arrays a placement needs and how often each is activated per image.
 *
 * All arrays of a pattern work at the same time, and so do different patterns, since each has arrays of its own: the layer takes as long as its busiest
 * array. Arrays that are activated equally often and hold equally many cells make one group. Every cell in the rectangle of an array's rows and columns is
 * written, the unused ones with zero.
 *
 * @throws {OptionError} if an option is unknown or `cellsPerWeight` is no integer of at least 1.
 * @throws {MappingError} if no array is ever activated.
 *
 * @example
 * ```ts
 * import { chipLayer } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * // A linear layer, 3 inputs by 2 outputs, on arrays of 2 rows: two arrays, one activation each.
 * const geometry = {
 *   kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, inputShape: [1, 1, 3], outputShape: [1, 1, 2],
 * } as const;
 * const pattern = {
 *   rows: Int32Array.of(0, 0, 0, 0, 0, 1, 0, 0, 2),
 *   columns: Int32Array.of(0, 0, 0, 0, 0, 1),
 *   rowTiles: [0, 2, 3],
 *   columnTiles: [0, 2],
 *   origins: Int32Array.of(0, 0),
 * };
 * const layer = chipLayer("fc", { geometry, rows: 2, columns: 2, skipsIdle: false, patterns: [pattern] });
 * assertEquals(layer, { name: "fc", groups: [{ arrays: 1, activations: 1, cells: 4 }, { arrays: 1, activations: 1, cells: 2 }] });
 * ```
 */
export function chipLayer(name: string, placement: Placement, options: ChipLayerOptions = {}): ChipLayer {
  const action = "describe the layer to a chip";
  checkOptions(action, "chipLayer", options, ["cellsPerWeight", "inputs"]);
  const { cellsPerWeight = 1, inputs } = options;
  checkInteger(action, "chipLayer.cellsPerWeight", cellsPerWeight, 1);
  const groups = new Map<string, { arrays: number; activations: number; cells: number }>();
  const counts = placement.skipsIdle ? countActivations(placement) : undefined;
  for (const [index, { rowTiles, columnTiles, origins }] of placement.patterns.entries()) {
    const acrossTiles = columnTiles.length - 1;
    for (let a = 0; a + 1 < rowTiles.length; a++) {
      for (let b = 0; b < acrossTiles; b++) {
        const count = counts === undefined ? origins.length / 2 : counts[index]![a * acrossTiles + b]!;
        if (count === 0) continue;
        const cells = (rowTiles[a + 1]! - rowTiles[a]!) * (columnTiles[b + 1]! - columnTiles[b]!) * cellsPerWeight;
        const key = `${count},${cells}`, known = groups.get(key);
        if (known === undefined) groups.set(key, { arrays: 1, activations: count, cells });
        else known.arrays++;
      }
    }
  }
  if (groups.size === 0) throw new MappingError(action, { where: name, got: "no activation", wanted: "a placement with at least one" });
  return { name, groups: [...groups.values()], ...(inputs === undefined ? {} : { inputs }) };
}

/** Activations of every array, `[pattern][row tile · column tiles + column tile]`, idle ones left out. */
function countActivations(placement: Placement): Int32Array[] {
  const counts = placement.patterns.map(({ rowTiles, columnTiles }) => new Int32Array((rowTiles.length - 1) * (columnTiles.length - 1)));
  for (const { pattern, index, rowTile, columnTile } of activations(placement)) {
    counts[index]![rowTile * (pattern.columnTiles.length - 1) + columnTile]!++;
  }
  return counts;
}
