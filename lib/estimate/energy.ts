// What an image costs: every circuit's actions counted from the same work as the latency, times its energy per action.

import { sumBits } from "./area.ts";
import { activeRows, columnEnergy, type Hardware } from "./hardware.ts";
import type { Category } from "./library.ts";
import type { LayerWork } from "./work.ts";

/** Energy of one kind of action. */
export interface Spent {
  /** Component of the library, or "cells". */
  readonly component: string;
  /** Which sum it belongs to. */
  readonly category: Category;
  /** Actions per image. */
  readonly actions: number;
  /** pJ per image. */
  readonly energyPj: number;
}

/** Levels of buffers a value passes: chip, tile, processing element. */
const BUFFER_LEVELS = 3;

/**
 * Dynamic energy of a layer per image.
 *
 * @param sideUm Side of a mean tile, µm, for the length of transfers.
 */
export function layerEnergy(hardware: Hardware, work: LayerWork, sideUm: number): Spent[] {
  const { options, cell, groups, quantities, technology } = hardware, { inputBits, windows, inputsPerWindow, outputsPerWindow } = work;
  const digits = Math.ceil(inputBits / options.digitBits), ones = activeRows(hardware, work), spent: Spent[] = [];
  const add = (component: string, category: Category, actions: number, each: number) => {
    if (actions > 0) spent.push({ component, category, actions, energyPj: actions * each });
  };
  const use = (name: string, actions: number, given: Readonly<Record<string, number>> = {}) => {
    const { component: { category }, energy } = hardware.circuit(name);
    add(name, category, actions, energy({ ...quantities, ...given }));
  };
  const bits = sumBits(hardware, inputBits);
  for (const { count, rows, columns, outputs, rowTiles, columnTiles, activations: each } of work.blocks) {
    const activations = count * each,
      lines = activations * rows * columnTiles * digits * ones,
      sensed = activations * rowTiles * columns * digits;
    const conversions = sensed * groups;
    for (const line of cell.rowLines) use(line, lines);
    if (options.digitBits > 1) use("dac", lines);
    for (const line of cell.columnLines) {
      const { component: { category }, columnEnergy: perColumn } = hardware.circuit(line);
      add(line, category, sensed, perColumn(quantities));
    }
    for (const line of cell.conversionLines) use(line, conversions);
    add("cells", "array", conversions, columnEnergy(hardware, work, rows / rowTiles));
    use(options.adc.type, conversions);
    use("shiftAdd", sensed, { bits });
    if (groups > 1) use("groupAccumulator", conversions, { bits: options.adc.bits + Math.ceil(Math.log2(groups)) });
    const sums = activations * (options.buffers === "bit" ? digits : 1);
    use("adder", sums * (columns * (rowTiles - 1) + columns - outputs), { bits: bits + Math.ceil(Math.log2(rowTiles)) });
  }
  const moved = windows * (inputsPerWindow + outputsPerWindow) * inputBits;
  use("sramBuffer", moved * BUFFER_LEVELS);
  const { distance = 0, repeaters = 1, category } = hardware.circuit(options.interconnect).component;
  // Half of the bits of a stream differ from the one before.
  const perBit = 0.5 * technology.wireCapacitanceFfUm * 1e-3 * repeaters * distance * sideUm * technology.supplyV ** 2;
  add(options.interconnect, category, moved, perBit);
  use("relu", work.outputSize, { bits: inputBits });
  use("maxPool", work.pooled, { bits: inputBits });
  return combined(spent);
}

function combined(spent: readonly Spent[]): Spent[] {
  const found = new Map<string, Spent>();
  for (const each of spent) {
    const known = found.get(each.component);
    found.set(
      each.component,
      known === undefined ? each : { ...known, actions: known.actions + each.actions, energyPj: known.energyPj + each.energyPj },
    );
  }
  return [...found.values()];
}
