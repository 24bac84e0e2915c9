// A multi-macro accelerator as data: cores, macros, partitions, lines on at once, precisions, clock, reload bandwidth, energies. All defaults in one place.

import { MappingError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { GroupBlock } from "../prune/weight_groups.ts";

/** An SRAM macro: equal partitions of cells, each with its own drivers and readout. */
export interface MarsMacro {
  /** Partitions; default 8. */
  readonly partitions: number;
  /** Word lines of a partition; default 128. */
  readonly rows: number;
  /** Bit lines of a partition; default 64. */
  readonly columns: number;
  /** Word lines of a partition that are on at once; default 16. */
  readonly wordLines: number;
  /** Bit lines of a partition that are read at once; default 64. */
  readonly bitLines: number;
  /** Partitions that are activated at once, the groups of an activation; default 1. */
  readonly partitionsOn: number;
  /** Bits of a cell; default 1. */
  readonly cellBits: number;
}

/** Energies; pJ unless the name has another unit. */
export interface MarsEnergy {
  /** One activation of a partition, all its lines with one input digit, converters included; default 4.29. */
  readonly activationPj: number;
  /** One bit read from or written to the activation buffer; default 0.02. */
  readonly bufferBitPj: number;
  /** Adding one column's result to its partial sum, shift included; default 0.05. */
  readonly accumulatePj: number;
  /** Bias, rectifier and quantiser of one output; default 0.2. */
  readonly outputPj: number;
  /** Decoding one index bit; default 0.05. */
  readonly indexBitPj: number;
  /** Finding a group's inputs by its decoded index, per activation; default 0.1. */
  readonly selectPj: number;
  /** Moving one bit from weight SRAM into a macro; default 0.05. */
  readonly reloadBitPj: number;
  /** Controller, clock tree and leakage of the whole accelerator, mW; default 1. */
  readonly staticMw: number;
}

/** Index codes of kept groups: one bit a group, runs of pruned groups per column block, or whichever is shorter for a layer. */
export type IndexKind = "bitmap" | "runLength" | "auto";

/** The accelerator. Plain data, so that it can be written as JSON. */
export interface MarsAccelerator {
  /** CIM cores; default 4. */
  readonly cores: number;
  /** Macros of a core; default 2. */
  readonly macrosPerCore: number;
  /** Each macro. */
  readonly macro: MarsMacro;
  /** Bits of weights that a network does not fix itself; default 4. */
  readonly weightBits: number;
  /** Bits of activations that a network does not fix itself; default 4. Pixels have 8. */
  readonly activationBits: number;
  /** Input bits applied per activation (m); default 2. */
  readonly digitBits: number;
  /** Activations per microsecond; default 100. */
  readonly clockMhz: number;
  /** Whether one half of a macro's partitions computes while the other is loaded; default true. */
  readonly pingPong: boolean;
  /** Bits per cycle from a core's weight SRAM to its macros; default 256. */
  readonly reloadBits: number;
  /** Index codes; default "auto". */
  readonly index: IndexKind;
  /** Energies. */
  readonly energy: MarsEnergy;
}

/** Fields to change; all others are {@linkcode MARS}'s. */
export interface MarsChanges extends Partial<Omit<MarsAccelerator, "macro" | "energy">> {
  /** Fields of the macro. */
  readonly macro?: Partial<MarsMacro>;
  /** Energies. */
  readonly energy?: Partial<MarsEnergy>;
}

/**
 * Defaults. What is known of MARS (Sie et al., MARS: Multimacro Architecture SRAM CIM-Based Accelerator With Co-Designed Compressed Neural Networks, IEEE
 * TCAD 41(5), 2022) is four cores, macros in 8 partitions, ping-pong buffers and groups that respect the lines on at once. All else is ours: 64-kb macros and
 * 100 MHz as of a 28-nm 64-kb 6T macro with 4.1–8.4 ns access (Si et al., IEEE JSSC 56(9), 2021); 256 multiply-accumulates of 4-bit inputs and weights in two
 * activations of 4.29 pJ are the 59.7 TOPS/W of an 8T1C charge-domain macro (Chen et al., MC²-RAM, 2021). The macros named give from 3.74 pJ (68.4 TOPS/W,
 * the 6T one) to 8.86 pJ (28.9 TOPS/W, a 65-nm 7T macro, ISCAS 2022); the energies of buffers, adders and reloads are assumptions of the order usual at 28
 * nm.
 */
export const MARS: MarsAccelerator = {
  cores: 4,
  macrosPerCore: 2,
  macro: { partitions: 8, rows: 128, columns: 64, wordLines: 16, bitLines: 64, partitionsOn: 1, cellBits: 1 },
  weightBits: 4,
  activationBits: 4,
  digitBits: 2,
  clockMhz: 100,
  pingPong: true,
  reloadBits: 256,
  index: "auto",
  energy: {
    activationPj: 4.29,
    bufferBitPj: 0.02,
    accumulatePj: 0.05,
    outputPj: 0.2,
    indexBitPj: 0.05,
    selectPj: 0.1,
    reloadBitPj: 0.05,
    staticMw: 1,
  },
};

const ACTION = "describe the accelerator", WHERE = "mars";

/**
 * {@linkcode MARS} with some fields changed.
 *
 * @throws {OptionError} if a field is unknown or out of range.
 *
 * @example
 * ```ts
 * import { marsAccelerator } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const faster = marsAccelerator({ macro: { partitionsOn: 2 }, clockMhz: 200 });
 * assertEquals([faster.macro.partitionsOn, faster.macro.partitions, faster.cores], [2, 8, 4]);
 * ```
 */
export function marsAccelerator(changes: MarsChanges = {}): MarsAccelerator {
  checkOptions(ACTION, WHERE, changes, Object.keys(MARS));
  checkOptions(ACTION, `${WHERE}.macro`, changes.macro ?? {}, Object.keys(MARS.macro));
  checkOptions(ACTION, `${WHERE}.energy`, changes.energy ?? {}, Object.keys(MARS.energy));
  const full: MarsAccelerator = {
    ...MARS,
    ...changes,
    macro: { ...MARS.macro, ...changes.macro },
    energy: { ...MARS.energy, ...changes.energy },
  };
  const { macro, energy, cores, macrosPerCore, weightBits, activationBits, digitBits } = full;
  for (const [name, got] of Object.entries({ cores, macrosPerCore, ...path("macro", macro) })) integer(name, got, 1, Infinity);
  for (const [name, got] of Object.entries({ weightBits, activationBits, digitBits })) integer(name, got, 1, 8);
  integer("macro.wordLines", macro.wordLines, 1, macro.rows);
  integer("macro.bitLines", macro.bitLines, 1, macro.columns);
  if (full.pingPong !== true && full.pingPong !== false) refuse("pingPong", full.pingPong, "true or false");
  if (full.pingPong && macro.partitions < 2) refuse("macro.partitions", macro.partitions, "at least 2, for one half to be loaded");
  integer("macro.partitionsOn", macro.partitionsOn, 1, full.pingPong ? Math.floor(macro.partitions / 2) : macro.partitions);
  for (const name of ["clockMhz", "reloadBits"] as const) {
    if (!(Number.isFinite(full[name]) && full[name] > 0)) refuse(name, full[name], "a finite number above 0");
  }
  for (const [name, got] of Object.entries(path("energy", energy))) {
    if (!(Number.isFinite(got) && got >= 0)) refuse(name, got, "a finite number of at least 0");
  }
  if (!["bitmap", "runLength", "auto"].includes(full.index)) refuse("index", full.index, '"bitmap", "runLength" or "auto"');
  return full;
}

/**
 * The block of weights that one partition activates: the rows whose word lines are on by the output channels whose bit lines are read.
 *
 * @throws {MappingError} if a weight has more cells than there are bit lines.
 *
 * @example
 * ```ts
 * import { marsAccelerator, marsGroup } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(marsGroup(marsAccelerator(), 4), { rows: 16, columns: 16 });
 * assertEquals(marsGroup(marsAccelerator(), 8), { rows: 16, columns: 8 });
 * ```
 */
export function marsGroup({ macro }: MarsAccelerator, weightBits: number): GroupBlock {
  const cells = Math.ceil(weightBits / macro.cellBits), columns = Math.floor(macro.bitLines / cells);
  if (columns >= 1) return { rows: macro.wordLines, columns };
  throw new MappingError(ACTION, { where: `${WHERE}.macro.bitLines`, got: macro.bitLines, wanted: `at least ${cells}, for one weight` });
}

/** Groups that are resident in one bank: in half of a macro's partitions with ping-pong, else in all; full activations only. */
export function bankGroups({ macro, pingPong }: MarsAccelerator): number {
  const { partitions, rows, columns, wordLines, bitLines, partitionsOn } = macro;
  const each = Math.floor(rows / wordLines) * Math.floor(columns / bitLines);
  const slots = each * (pingPong ? Math.floor(partitions / 2) : partitions);
  return Math.floor(slots / partitionsOn) * partitionsOn;
}

function path(name: string, values: object): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${name}.${key}`, value]));
}

function integer(name: string, got: number, least: number, most: number): void {
  if (Number.isInteger(got) && got >= least && got <= most) return;
  refuse(name, got, most === Infinity ? `an integer of at least ${least}` : `an integer from ${least} to ${most}`);
}

function refuse(name: string, got: unknown, wanted: string): never {
  throw new OptionError(ACTION, { where: `${WHERE}.${name}`, got, wanted });
}
