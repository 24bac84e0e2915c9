// What is said about the chip a mapped network is written to, checked once with the field named.

import { checkWires, type WireOptions } from "../circuit/wires/options.ts";
import type { Device, DeviceDescription, Json } from "../device/device.ts";
import { genericDevice } from "../device/generic.ts";
import { device, DEVICE_MODELS } from "../device/models.ts";
import { OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { isOhmic, type IvOptions, type ResolvedIv, resolveIv } from "./iv.ts";
import type { WriteVerify } from "./verify_options.ts";
import type { ResolvedStageVerify, StageVerifyOptions } from "./verify_stage.ts";
import type { ChipArray } from "./write.ts";
import type { WriteCost } from "./write_verify.ts";

/**
 * How a known common drift is taken out: "none", one factor per array ("global"), or one per physical column ("column"), as an analog gain in front of
 * the converters.
 */
export const COMPENSATIONS = ["none", "global", "column"] as const;

/** A name in {@linkcode COMPENSATIONS}. */
export type Compensation = (typeof COMPENSATIONS)[number];

/** What cells and wires of a layer are. */
export interface LayerProgramOptions {
  /** Cell model: a device, its description, or the name of a model with its defaults. Default an ideal cell of infinite on/off ratio. */
  readonly device?: Device | DeviceDescription | string;
  /** Seconds since programming, 0 for no drift. Default 0. */
  readonly time?: number;
  /** Resistances of the lines in Ω; 0 for a perfect conductor. Default all perfect. Interleaved rows are refused: pairs stand in neighbouring columns here. */
  readonly wires?: WireOptions;
  /**
   * How a cell's current grows with the voltage of its word line. Digits of several bits are applied as voltages, digit / largest digit · readVoltage;
   * with one bit at a time all word lines that are on have the read voltage. Not with `wires`, unless it is Ohm's law. Default Ohm's law.
   */
  readonly iv?: IvOptions;
  /** Conductance of the highest state in µS, which wires need; default the device's own. */
  readonly gMax?: number;
  /** Drift compensation. Factors are measured by reading with all word lines on, against the freshly programmed values. Default "none". */
  readonly compensation?: Compensation;
  /**
   * Redundant columns beside those of each array. The columns that suffer most from stuck cells move to the spares that suffer less; a spare's cells
   * are as faulty as any. Default 0.
   */
  readonly spareColumns?: number;
  /** Whether the rows of each array trade places so that stuck cells meet the weights that suffer least; its drivers must be able to. Default false. */
  readonly remap?: boolean;
}

/** Options of `program`. */
export interface ProgramOptions extends LayerProgramOptions {
  /** Write-verify of the cells of chosen weights; all others are written open loop. Default none. */
  readonly verify?: StageVerifyOptions;
  /** Seed of the chips; chip number c of a seed is always the same. Default 1. */
  readonly seed?: number;
  /** Other options for some layers, by name or by a pattern in which `*` stands for any text; names go before patterns, later ones before earlier ones. */
  readonly layers?: Readonly<Record<string, LayerProgramOptions>>;
}

/** Options of a layer with defaults filled in, as plain data. */
export interface ResolvedLayerProgram {
  /** The cell model. */
  readonly device: DeviceDescription;
  /** Seconds since programming. */
  readonly time: number;
  /** Law of the cells' currents; Ohm's if absent. */
  readonly iv?: ResolvedIv;
  /** Resistances in Ω; absent for perfect conductors. */
  readonly wires?: Required<WireOptions>;
  /** Conductance of the highest state in µS; with wires only. */
  readonly gMax?: number;
  /** Drift compensation. */
  readonly compensation: Compensation;
  /** Redundant columns per array. */
  readonly spareColumns: number;
  /** Whether rows trade places. */
  readonly remap: boolean;
}

/** Options of `program` with defaults filled in, as plain data. */
export interface ResolvedProgram extends ResolvedLayerProgram {
  /** Seed of the chips. */
  readonly seed: number;
  /** Write-verify; absent where all cells are written open loop. */
  readonly verify?: ResolvedStageVerify;
  /** What holds for layers that differ, by layer. */
  readonly layers: Readonly<Record<string, ResolvedLayerProgram>>;
}

/** A layer's cells and wires, ready to be used. */
export interface LayerPhysics extends Omit<ResolvedLayerProgram, "device"> {
  /** The cell model. */
  readonly device: Device;
  /**
   * Write-verify of this layer's cells: the loop, and how many cells of each weight it is for, most significant first. `wrote` is told whenever an array has
   * been written.
   */
  readonly verify?: {
    readonly loop: WriteVerify;
    readonly cells: Uint8Array;
    readonly wrote?: (array: ChipArray, cost: WriteCost) => void;
  };
}

/** What is attempted, in messages of this folder. */
export const ACTION = "program the network";

const NAMES = ["device", "time", "iv", "wires", "gMax", "compensation", "spareColumns", "remap"] as const;

/**
 * Checks options and fills in defaults, for every layer apart.
 *
 * @param layers Names of the layers on arrays.
 * @throws {OptionError} naming the field.
 */
export function resolveProgram(
  options: Omit<ProgramOptions, "verify">,
  layers: readonly string[],
): { readonly options: ResolvedProgram; readonly layers: Readonly<Record<string, LayerPhysics>> } {
  checkOptions(ACTION, "program", options, [...NAMES, "seed", "layers"]);
  const { seed = 1, layers: overrides = {}, ...base } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new OptionError(ACTION, { where: "program.seed", got: seed, wanted: "an integer from 0 to 2^32 − 1" });
  }
  const common = resolveLayer(base, "program"),
    found: Record<string, LayerPhysics> = {},
    special: Record<string, ResolvedLayerProgram> = {};
  checkOptions(ACTION, "program.layers", overrides, Object.keys(overrides ?? {}));
  const entries = Object.entries(overrides), exact = ([pattern]: readonly [string, unknown]) => layers.includes(pattern);
  const ordered = [...entries.filter((entry) => !exact(entry)), ...entries.filter(exact)];
  for (const [pattern, override] of ordered) {
    checkOptions(ACTION, `program.layers.${pattern}`, override, NAMES);
    if (!layers.some((name) => matches(pattern, name))) {
      throw new OptionError(ACTION, { where: `program.layers.${pattern}`, got: "no such layer", wanted: `one of ${layers.join(", ")}` });
    }
  }
  for (const name of layers) {
    const own = ordered.filter(([pattern]) => matches(pattern, name));
    const merged = own.reduce<LayerProgramOptions>((all, [, override]) => {
      const { gMax: _scale, ...rest } = all; // the scale of another device
      const given = Object.fromEntries(Object.entries(override).filter(([, value]) => value !== undefined));
      return { ...(override.device === undefined ? all : rest), ...given };
    }, base);
    found[name] = own.length === 0 ? common : resolveLayer(merged, `program.layers.${own.at(-1)![0]}`);
    if (own.length > 0) special[name] = plain(found[name]);
  }
  return { options: { ...plain(common), seed, layers: special }, layers: found };
}

function plain({ device, verify: _verify, ...rest }: LayerPhysics): ResolvedLayerProgram {
  return { device: device.description, ...rest };
}

function matches(pattern: string, name: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(name);
}

function resolveLayer(options: LayerProgramOptions, where: string): LayerPhysics {
  const { time = 0, compensation = "none", spareColumns = 0, remap = false } = options;
  const cell = readDevice(options.device, `${where}.device`);
  if (typeof time !== "number" || !Number.isFinite(time) || time < 0) {
    throw new OptionError(ACTION, { where: `${where}.time`, got: time, wanted: "a time of at least 0 s" });
  }
  if (!COMPENSATIONS.includes(compensation)) {
    throw new OptionError(ACTION, { where: `${where}.compensation`, got: compensation, wanted: `one of ${COMPENSATIONS.join(", ")}` });
  }
  if (!Number.isInteger(spareColumns) || spareColumns < 0 || spareColumns > 1024) {
    throw new OptionError(ACTION, { where: `${where}.spareColumns`, got: spareColumns, wanted: "an integer from 0 to 1024" });
  }
  if (typeof remap !== "boolean") throw new OptionError(ACTION, { where: `${where}.remap`, got: remap, wanted: "true or false" });
  // Models known for a limited time say so here rather than in the middle of a run.
  if (time > 0) checkTime(cell, time, `${where}.time`);
  const iv = options.iv === undefined ? undefined : resolveIv(ACTION, options.iv, `${where}.iv`);
  const shared = { device: cell, time, ...(iv === undefined ? {} : { iv }), compensation, spareColumns, remap };
  if (options.wires === undefined) {
    if (options.gMax === undefined) return shared;
    throw new OptionError(ACTION, { where: `${where}.gMax`, got: options.gMax, wanted: `nothing: only ${where}.wires needs a scale` });
  }
  const wires = checkWires(options.wires, `${where}.wires`);
  if (iv !== undefined && !isOhmic(iv)) {
    // Even with one read voltage for all, what reaches a cell depends on the other word lines.
    throw new OptionError(ACTION, {
      where: `${where}.iv`,
      got: `a ${iv.law} law together with ${where}.wires`,
      wanted: "one of them: wires fold into effective conductances only where currents are proportional to voltages",
      hint: "Solve arrays one by one with solveNonlinearWires.",
    });
  }
  if (wires.interleaved) {
    throw new OptionError(ACTION, {
      where: `${where}.wires.interleaved`,
      got: true,
      wanted: "false: the cells of a pair stand in neighbouring columns, not in rows driven by x and −x",
    });
  }
  const gMax = options.gMax ?? microsiemens(cell);
  if (typeof gMax !== "number" || !Number.isFinite(gMax) || gMax <= 0) {
    throw new OptionError(ACTION, {
      where: `${where}.gMax`,
      got: gMax ?? "nothing",
      wanted: `the highest conductance in µS, above 0, since ${where}.wires is given and the device "${cell.name}" has no such scale`,
    });
  }
  return { ...shared, wires, gMax };
}

function checkTime({ name, drift }: Device, time: number, where: string): void {
  try {
    drift?.(1, 1, time, (kind) => kind === "normal" ? 0 : 0.5);
  } catch (cause) {
    if (!(cause instanceof OptionError)) throw cause;
    throw new OptionError(ACTION, { where, got: time, wanted: `for the device "${name}" ${cause.wanted}`, cause });
  }
}

function readDevice(given: LayerProgramOptions["device"], where: string): Device {
  if (given === undefined) return genericDevice();
  if (typeof given === "string") {
    if (DEVICE_MODELS.includes(given)) return device({ model: given }, where);
    throw new OptionError(ACTION, { where, got: given, wanted: `a device, its description, or one of ${DEVICE_MODELS.join(", ")}` });
  }
  if (typeof given === "object" && given !== null && !Array.isArray(given)) {
    if (!("description" in given)) return device(given as DeviceDescription, where);
    const { name, description, gMin } = given as Device;
    if (typeof name === "string" && typeof description === "object" && gMin >= 0 && gMin < 1) return given as Device;
  }
  const got: unknown = typeof given === "function" ? "a function, which is yet to be called" : given;
  throw new OptionError(ACTION, { where, got, wanted: "a device, its description, or the name of a model" });
}

/** The highest conductance in µS; models of currents at a fixed read voltage have none. */
function microsiemens({ description, gMax }: Device): number | undefined {
  let inner: Json | undefined = description;
  while (typeof inner === "object" && inner !== null && "device" in inner) inner = inner.device;
  const current = typeof inner === "object" && inner !== null && "model" in inner && inner.model === "sonos_agrawal";
  return current ? undefined : gMax;
}
