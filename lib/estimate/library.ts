// The component library: technology nodes, cells and circuits as plain data that users can replace part by part.

import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import cells from "./library/cells.json" with { type: "json" };
import components from "./library/components.json" with { type: "json" };
import technology from "./library/technology.json" with { type: "json" };

/** A technology node. Resistances and capacitances are those of low standby power transistors and of semi-global wires. */
export interface Technology {
  /** F, the unit of cell sizes, nm. */
  readonly featureNm: number;
  /** Kind of transistor. */
  readonly transistor: "planar" | "FinFET";
  /** Supply voltage, V. */
  readonly supplyV: number;
  /** Contacted gate pitch, nm. */
  readonly gatePitchNm: number;
  /** Smallest metal pitch, nm. */
  readonly metalPitchNm: number;
  /** Gate capacitance per width, fF/µm. */
  readonly gateCapacitanceFfUm: number;
  /** On-resistance times width, kΩ·µm. */
  readonly onResistanceKohmUm: number;
  /** Off-current per width at 300 K, nA/µm. */
  readonly leakageNaUm: number;
  /** Wire resistance, Ω/µm. */
  readonly wireResistanceOhmUm: number;
  /** Wire capacitance, fF/µm. */
  readonly wireCapacitanceFfUm: number;
  /** Where the numbers come from. */
  readonly source: string;
}

/** A memory cell and the lines that serve it. */
export interface Cell {
  /** What one of it is. */
  readonly unit: string;
  /** Node of its leakage. */
  readonly node: string;
  /** Width along a word line, in F. */
  readonly widthF: number;
  /** Height along a bit line, in F. */
  readonly heightF: number;
  /** Voltage across a conducting cell, V. */
  readonly readVoltageV: number;
  /** Resistance of the highest level, Ω. */
  readonly onResistanceOhm: number;
  /** Resistance of the lowest level, Ω. */
  readonly offResistanceOhm: number;
  /** Most bits of a cell. */
  readonly maxBits: number;
  /** Charge that a cell at its highest level takes off a precharged line, fC; absent where current flows as long as the converter looks. */
  readonly readChargeFc?: number;
  /** Leakage of a cell, pW. */
  readonly leakagePw: number;
  /** Components, one per row. */
  readonly rowLines: readonly string[];
  /** Components, one per column. */
  readonly columnLines: readonly string[];
  /** Components, one per column, used at each conversion and waited for before it. */
  readonly conversionLines: readonly string[];
  /** Where the numbers come from. */
  readonly source: string;
}

/** A summand: `value` times the product of the named quantities. */
export interface Term {
  /** Factor, in the unit of the field it stands in. */
  readonly value: number;
  /** Quantities: bits, comparators, pitchUm, units (bits + 1), sense, rows, columns, digitBits, levels (2^digitBits − 1). */
  readonly per?: readonly string[];
}

/** Which sum a component belongs to. */
export type Category = "array" | "adc" | "accumulation" | "buffer" | "interconnect" | "digital";

/** A circuit at its reference node; every figure is a sum of terms. */
export interface Component {
  /** Which sum it belongs to. */
  readonly category: Category;
  /** What one of it is. */
  readonly unit: string;
  /** Node of the figures. */
  readonly node: string;
  /** How area follows the node: with gate and metal pitch, with F alone (thick-oxide devices), or as wires of the node. */
  readonly scaling: "logic" | "highVoltage" | "wire";
  /** Leakage at 300 K, nW per µm². */
  readonly leakageNwPerUm2: number;
  /** Area, µm². */
  readonly areaUm2?: readonly Term[];
  /** Energy of an action, pJ. */
  readonly energyPj?: readonly Term[];
  /** Energy per column and input digit of a line component used along columns, pJ. */
  readonly columnEnergyPj?: readonly Term[];
  /** Latency of an action, ns. */
  readonly latencyNs?: readonly Term[];
  /** Converters: current I₀ of `sense` = ln(1 + I₀ / ΔI), µA. */
  readonly senseCurrentUa?: number;
  /** Converters: time for which cells conduct, ns. */
  readonly integrationNs?: readonly Term[];
  /** Wires: pitch of a wire in metal pitches. */
  readonly wirePitches?: number;
  /** Wires: capacitance with repeaters over that without. */
  readonly repeaters?: number;
  /** Wires: mean distance of a transfer in sides of a mean tile. */
  readonly distance?: number;
  /** Wires: bits of a bus of the chip, each way. */
  readonly widthBits?: number;
  /** Wires: bits of a bus inside a tile, each way. */
  readonly localBits?: number;
  /** Wires: factor on the cycles of a transfer. */
  readonly serialisation?: number;
  /** Wires: part of a bus that each tile across the chip takes where all layers work at the same time; from a sum of 1 on transfers wait. */
  readonly sharing?: number;
  /** Buffers: words of a core, the cycles of a sweep through it. */
  readonly depth?: number;
  /** Buffers: cycles of an access to the chip's buffer, there and back. */
  readonly accessCycles?: number;
  /** Where the numbers come from. */
  readonly source: string;
}

/** All parts an estimate is made of. Plain data, so it can be written as JSON. */
export interface Library {
  /** Technology nodes, by name: "22", "22-ptm" … */
  readonly technology: Readonly<Record<string, Technology>>;
  /** Memory cells, by name. */
  readonly cells: Readonly<Record<string, Cell>>;
  /** Circuits, by name. */
  readonly components: Readonly<Record<string, Component>>;
}

/** Parts to add or to replace: whole new entries, or single fields of those there are. */
export interface LibraryChanges {
  /** Technology nodes. */
  readonly technology?: Readonly<Record<string, Partial<Technology>>>;
  /** Memory cells. */
  readonly cells?: Readonly<Record<string, Partial<Cell>>>;
  /** Circuits. */
  readonly components?: Readonly<Record<string, Partial<Component>>>;
}

/** Nodes 130 to 7 nm; SRAM, RRAM, PCM and FeFET cells; the circuits around them. Each entry names its source. */
export const defaultLibrary: Library = { technology, cells, components } as Library;

const ACTION = "extend the component library";

/** Fields of each kind of entry; true where the entry must have it. */
const FIELDS: Readonly<Record<keyof Library, Readonly<Record<string, boolean>>>> = {
  technology: {
    featureNm: true,
    transistor: true,
    supplyV: true,
    gatePitchNm: true,
    metalPitchNm: true,
    gateCapacitanceFfUm: true,
    onResistanceKohmUm: true,
    leakageNaUm: true,
    wireResistanceOhmUm: true,
    wireCapacitanceFfUm: true,
    source: true,
  },
  cells: {
    unit: true,
    node: true,
    widthF: true,
    heightF: true,
    readVoltageV: true,
    onResistanceOhm: true,
    offResistanceOhm: true,
    maxBits: true,
    readChargeFc: false,
    leakagePw: true,
    rowLines: true,
    columnLines: true,
    conversionLines: true,
    source: true,
  },
  components: {
    category: true,
    unit: true,
    node: true,
    scaling: true,
    leakageNwPerUm2: true,
    areaUm2: false,
    energyPj: false,
    columnEnergyPj: false,
    latencyNs: false,
    senseCurrentUa: false,
    integrationNs: false,
    wirePitches: false,
    repeaters: false,
    distance: false,
    widthBits: false,
    localBits: false,
    serialisation: false,
    sharing: false,
    depth: false,
    accessCycles: false,
    source: true,
  },
};

/**
 * A library with parts added or replaced. An entry of a known name keeps the fields that are not given.
 *
 * @throws {OptionError} if a field is unknown, no finite number where one is wanted, or missing in a new entry; the message names it.
 *
 * @example
 * ```ts
 * import { defaultLibrary, extendLibrary } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const ours = extendLibrary(defaultLibrary, { cells: { RRAM: { onResistanceOhm: 20e3, source: "measured" } } });
 * assertEquals(ours.cells.RRAM!.onResistanceOhm, 20e3);
 * assertEquals(ours.cells.RRAM!.widthF, defaultLibrary.cells.RRAM!.widthF);
 * ```
 */
export function extendLibrary(base: Library, changes: LibraryChanges): Library {
  checkOptions(ACTION, "library", changes, ["technology", "cells", "components"]);
  const merge = <Entry extends object>(part: keyof Library, known: Readonly<Record<string, Entry>>): Record<string, Entry> => {
    const merged: Record<string, Entry> = { ...known };
    for (const [name, change] of Object.entries(changes[part] ?? {})) {
      const where = `library.${part}.${name}`, fields = FIELDS[part];
      checkOptions(ACTION, where, change, Object.keys(fields));
      const entry = { ...known[name], ...change } as Record<string, unknown>;
      for (const [field, wanted] of Object.entries(fields)) checkField(`${where}.${field}`, field, entry[field], wanted);
      merged[name] = entry as Entry;
    }
    return merged;
  };
  return {
    technology: merge("technology", base.technology),
    cells: merge("cells", base.cells),
    components: merge("components", base.components),
  };
}

const TEXTS = ["source", "unit", "node", "transistor", "category", "scaling"], LISTS = ["rowLines", "columnLines", "conversionLines"];
const TERMS = ["areaUm2", "energyPj", "columnEnergyPj", "latencyNs", "integrationNs"];

function checkField(where: string, field: string, value: unknown, wanted: boolean): void {
  if (value === undefined && !wanted) return;
  const number = (each: unknown): boolean => typeof each === "number" && Number.isFinite(each) && each >= 0;
  const text = (each: unknown): boolean => typeof each === "string";
  const [good, kind] = TEXTS.includes(field)
    ? [text(value), "a text"]
    : LISTS.includes(field)
    ? [Array.isArray(value) && value.every(text), "a list of component names"]
    : TERMS.includes(field)
    ? [Array.isArray(value) && value.every((term) => number(term?.value) && (term.per === undefined || term.per.every(text))), "terms"]
    : [number(value), "a finite number of at least 0"];
  if (!good) throw new OptionError(ACTION, { where, got: value ?? "nothing", wanted: kind as string });
}

/**
 * An entry of a library.
 *
 * @throws {OptionError} if there is none of that name; the message lists those that there are.
 */
export function entryOf<Part extends keyof Library>(library: Library, part: Part, name: string): Library[Part][string] {
  const entries = library[part] as Readonly<Record<string, Library[Part][string]>>, entry = entries[name];
  if (entry !== undefined && Object.hasOwn(entries, name)) return entry;
  const known = Object.keys(entries).join(", ");
  throw new OptionError("estimate the chip", { where: `library.${part}.${name}`, got: "no such entry", wanted: `one of ${known}` });
}
