// The circuits of a chip at its node, with the sizes and rates that area, energy and latency share.

import { type Circuit, circuit, leakageFactor, scaleFactors } from "./circuit.ts";
import { type Cell, entryOf, type Technology } from "./library.ts";
import type { LayerActivity, ResolvedEstimate } from "./options.ts";
import { DEFAULT_INPUT_ONES } from "./options.ts";
import type { LayerWork } from "./work.ts";

/** Everything about a chip that no layer changes. */
export interface Hardware {
  /** Options with defaults filled in. */
  readonly options: ResolvedEstimate;
  /** Word lines of an array. */
  readonly rows: number;
  /** Physical columns of an array. */
  readonly columns: number;
  /** The node. */
  readonly technology: Technology;
  /** The cell. */
  readonly cell: Cell;
  /** Area of a cell, µm². */
  readonly cellAreaUm2: number;
  /** Leakage of a cell, µW. */
  readonly cellLeakageUw: number;
  /** Row groups read one after the other. */
  readonly groups: number;
  /** Converters of an array. */
  readonly adcs: number;
  /** Quantities of the terms of array circuits and converters. */
  readonly quantities: Readonly<Record<string, number>>;
  /** Clock period, ns. */
  readonly clockNs: number;
  /** Shares of the components on the slowest path of the clock; they add up to 1. */
  readonly path: readonly (readonly [component: string, share: number])[];
  /** A component of the library at the node, worked out once. */
  circuit(name: string): Circuit;
}

/** Guard of the clock period over the slowest path. */
export const CLOCK_MARGIN = 1.4;

/**
 * Resolves the circuits and the clock: 1.4 · (max(word line, multiplexer + decoder) + precharge + converter with encoder).
 *
 * @param cellBits Most bits a cell holds.
 * @throws {OptionError} if the library lacks a part.
 */
export function hardware(options: ResolvedEstimate, rows: number, columns: number, cellBits: number): Hardware {
  const { library, node, temperatureK, cellSizeF, adc, columnsPerAdc, rowsInParallel, onResistanceOhm, offResistanceOhm, digitBits } =
    options;
  const technology = entryOf(library, "technology", node),
    cell = entryOf(library, "cells", options.cell),
    known = new Map<string, Circuit>();
  const take = (name: string): Circuit => {
    const made = known.get(name) ?? circuit(library, name, node, temperatureK);
    known.set(name, made);
    return made;
  };
  const featureUm = technology.featureNm / 1000, converter = take(adc.type);
  const drawn = entryOf(library, "technology", converter.component.node).featureNm / 1000;
  const stepUa = 1e6 * cell.readVoltageV * (1 / onResistanceOhm - 1 / offResistanceOhm) / (2 ** cellBits - 1) * rowsInParallel /
    2 ** adc.bits;
  const quantities = {
    ...{ rows, columns },
    bits: adc.bits,
    comparators: 2 ** adc.bits - 1,
    units: adc.bits + 1,
    digitBits,
    levels: 2 ** digitBits - 1,
    pitchUm: columnsPerAdc * cellSizeF[1] * drawn,
    sense: Math.log(1 + (converter.component.senseCurrentUa ?? 0) / stepUa),
  };
  const slowest = (names: readonly string[]) => {
    const timed = names.map((name) => [name, take(name).latency(quantities)] as const);
    return timed.length === 0 ? [] : [timed.reduce((most, each) => each[1] > most[1] ? each : most)];
  };
  const length = (parts: readonly (readonly [string, number])[]) => parts.reduce((sum, [, latencyNs]) => sum + latencyNs, 0);
  const drive = slowest(digitBits > 1 ? [...cell.rowLines, "dac"] : cell.rowLines);
  const select = [...slowest(["rowDecoder"]), ...slowest(cell.columnLines)];
  const parts = [...(length(drive) > length(select) ? drive : select), ...slowest(cell.conversionLines), ...slowest([adc.type])];
  return {
    ...{ options, rows, columns, technology, cell, quantities },
    cellAreaUm2: cellSizeF[0] * cellSizeF[1] * featureUm ** 2,
    cellLeakageUw: cellLeakage(cell, technology, entryOf(library, "technology", cell.node), temperatureK),
    groups: Math.ceil(rows / rowsInParallel),
    adcs: Math.ceil(columns / columnsPerAdc),
    clockNs: CLOCK_MARGIN * length(parts),
    path: parts.map(([name, latencyNs]) => [name, latencyNs / length(parts)]),
    circuit: take,
  };
}

function cellLeakage({ leakagePw }: Cell, to: Technology, from: Technology, temperatureK: number): number {
  const { leakage, logic } = scaleFactors(to, from);
  return leakagePw * 1e-6 * leakage * logic * leakageFactor(temperatureK);
}

/** Share of word lines that are active at an input digit: some bit of it is one, and the pixel lies inside the image. */
export function activeRows(hardware: Hardware, work: LayerWork): number {
  const { inputOnes = DEFAULT_INPUT_ONES } = layerActivity(hardware, work), { digitBits } = hardware.options;
  const mean = typeof inputOnes === "number" ? inputOnes : inputOnes.reduce((sum, share) => sum + share, 0) / Math.max(1, inputOnes.length);
  return work.inside * (1 - (1 - mean) ** Math.min(digitBits, work.inputBits));
}

/**
 * Energy that cells of a column take from its supply during a conversion, pJ: current times voltage while the converter looks, or the charge taken off
 * a precharged line.
 *
 * @param rowsPerTile Rows of an array in use.
 */
export function columnEnergy(hardware: Hardware, work: LayerWork, rowsPerTile: number): number {
  const { columnCurrentUa, cellShare = work.cellShare ?? 0.5 } = layerActivity(hardware, work), { cell, groups, quantities } = hardware;
  const { onResistanceOhm, offResistanceOhm, adc } = hardware.options, { readVoltageV, readChargeFc } = cell;
  const timeNs = hardware.circuit(adc.type).integration(quantities);
  if (columnCurrentUa !== undefined) return 1e-3 * readVoltageV * columnCurrentUa * timeNs;
  const active = rowsPerTile / groups * activeRows(hardware, work);
  if (readChargeFc !== undefined) return 1e-3 * readVoltageV * readChargeFc * cellShare * active;
  const conductance = cellShare / onResistanceOhm + (1 - cellShare) / offResistanceOhm;
  return 1e3 * readVoltageV ** 2 * conductance * active * timeNs;
}

function layerActivity({ options: { activity } }: Hardware, { name }: LayerWork): LayerActivity {
  const { layers, ...all } = activity;
  return { ...all, ...layers?.[name] };
}
