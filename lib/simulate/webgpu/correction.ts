// Converters that only clip: one exact product, and a redo of the tiles in which some sum may leave the range, chosen batch by batch on the device.

import crossbarCode from "../../../kernels/crossbar.wgsl" with { type: "text" };
import unsafeCode from "../../../kernels/unsafe.wgsl" with { type: "text" };
import type { GpuBuffer } from "../../gpu/buffers.ts";
import { compile } from "../../gpu/program.ts";
import type { TemplateValues } from "../../gpu/template.ts";
import type { Reach } from "../cpu/adc.ts";
import { combinedCells, digitCount } from "../cpu/cells.ts";
import { safeLimits } from "../cpu/saturate.ts";
import { rowCount } from "../cpu/window.ts";
import type { AdcTable, CrossbarStep } from "../program.ts";
import { bindings, type Launch, type Operand, type PlanContext, workgroups } from "./launch.ts";
import type { PackedCrossbar } from "./planes.ts";
import { fitsProduct, planProduct } from "./product.ts";

/** Rounds of nested loops that every adapter runs. */
const ROUNDS = 60000;
/** Multiply-adds per image below which a software adapter takes longer to compile further kernels than they save. */
const SMALL = 2 ** 22;
/** A count of unsafe tiles above any limit: the plain kernel runs. */
const CLOSED = 0xffffffff;

/** code(d) = clamp(d, low, high) + base. */
export interface ClipRange {
  readonly low: number;
  readonly high: number;
  readonly base: number;
}

/** The range that a table clips to, if that is all it does to the reachable sums. */
export function clipRange({ min, codes }: AdcTable, reach: Reach): ClipRange | undefined {
  const code = (d: number) => codes[d - min]!;
  let d = reach.low + 1;
  while (d < reach.high && code(d) === code(reach.low)) d++;
  if (d > reach.high || code(d) === code(reach.low)) return undefined;
  const base = code(d) - d, low = code(reach.low) - base, high = code(reach.high) - base;
  for (d = reach.low; d <= reach.high; d++) if (code(d) !== Math.min(Math.max(d, low), high) + base) return undefined;
  return { low, high, base };
}

/**
 * Largest share of tiles to be redone with which product and redo take less time than the plain kernel; at most 0 where they never do. Measured on a
 * software adapter; for a GPU from its rates of popcounts and of 4 × 8-bit products.
 *
 * @param lookups Binary multiply-adds per multiply-add.
 */
export function correctableShare(lookups: number, software: boolean): number {
  const product = (software ? 22 : 2) / lookups, redo = software ? 1.2 : 2;
  return (0.95 - product) / redo;
}

/** What surrounds the plain launches of a step that is corrected. */
export interface Correction {
  /** Before the plain launches: flags, product, redo. */
  readonly launches: readonly Launch[];
  /** Bound by the plain launches, which run where it is above the limit. */
  readonly gate: GpuBuffer;
  /** Unsafe tiles up to which the plain launches do nothing. */
  limit(batch: number): number;
  /** Bytes per image of one bit per place and tile. */
  readonly flags: number;
}

/** What the crossbar's own launches are made of. */
export interface CrossbarParts {
  readonly name: string;
  readonly reach: Reach;
  readonly packed: PackedCrossbar;
  /** Values of the templates. */
  readonly values: TemplateValues;
  readonly planes: Operand;
  readonly counts: Operand;
  /** Parameters after the positions: groups, tiles, columns, columns per group, column tiles. */
  readonly shape: readonly number[];
  /** Positions per invocation. */
  readonly rows: number;
}

/** Plans the corrected way of a step; undefined where it cannot be right or never pays. */
export async function planCorrection(context: PlanContext, step: CrossbarStep, parts: CrossbarParts): Promise<Correction | undefined> {
  const { device, tiles: picker, none, keep } = context;
  const { adc, geometry, input, output } = step;
  const { packed, values, shape, rows, name } = parts;
  const tiles = step.tiles.length - 1, columns = geometry.outputShape[2], positions = geometry.outputShape[0] * geometry.outputShape[1];
  const share = Math.min(1, picker.correctShare ?? correctableShare(step.inputBits * packed.allPlanes, device.software));
  const small = device.software && picker.correctShare === undefined && positions * columns * rowCount(geometry) < SMALL;
  if (adc.kind !== "table" || share <= 0 || small || tiles * packed.words > ROUNDS || !fitsProduct({ geometry, zero: 0 })) return undefined;
  const clip = clipRange(adc.table, parts.reach), weights = clip && combinedCells(step, 1, step.correction);
  if (clip === undefined || weights === undefined) return undefined;
  const limits = placeLimits(step, clip);
  if (limits.every((limit) => limit <= 0)) return undefined;

  const places = positions * geometry.groups, flagWords = Math.ceil(tiles / 32);
  const limit = (batch: number) => Math.floor(share * batch * places * tiles);
  const flag: Launch = {
    kernel: await compile(device, { label: "unsafe tiles", code: unsafeCode, bindings: bindings("rrww"), values }),
    operands: ["bits", { data: limits, label: `${name} limits` }, "flags", () => gate],
    params: (batch) => [batch * places, geometry.groups, tiles, flagWords],
    groups: (batch) => workgroups(batch * places),
  };
  const conversions = (2 ** (digitCount(step) * step.digitBits) - 1) / (2 ** step.digitBits - 1) * tiles;
  const bias = clip.base * conversions * step.sliceWeights.reduce((sum, weight) => sum + weight, 0);
  // While tiles are measured the product must run, and later the plain kernel: each has a gate that is open.
  let gate = none;
  const product = await planProduct(context, {
    name,
    input,
    output,
    geometry,
    weights,
    zero: 0,
    bias,
    gate: { operand: () => gate, limit },
  });
  gate = keep(Uint32Array.of(CLOSED), `${name} gate`);
  const redo: Launch = {
    kernel: await compile(device, {
      label: "crossbar redo",
      code: crossbarCode,
      bindings: bindings("rrwrrrrr"),
      values: { ...values, ...REDO, ROWS: rows },
    }),
    operands: ["bits", parts.planes, output, parts.counts, none, none, () => gate, "flags"],
    params: (batch) => [batch * positions, ...shape, 0, clip.low, 0, clip.high, 0, 0, limit(batch), flagWords],
    groups: (batch) => Math.ceil(batch * positions / rows) * shape.at(-1)!,
  };
  return { launches: [flag, ...product, redo], gate, limit, flags: places * flagWords * 4 };
}

const REDO: TemplateValues = {
  SUM: "i32",
  CLIP: 0,
  CLAMP: 0,
  LINEAR: 0,
  TABLE: 0,
  DYNAMIC: 0,
  CORRECTED: 0,
  REDO: 1,
  GATED: 1,
  ABOVE: "false",
};

/** Largest Σ digit that is safe for all columns and slices, `[group][tile]`. */
function placeLimits(step: CrossbarStep, clip: ClipRange): Int32Array {
  const { groups, outputShape } = step.geometry, tiles = step.tiles.length - 1, width = outputShape[2] / groups;
  const limits = new Int32Array(groups * tiles);
  for (let group = 0; group < groups; group++) {
    const each = safeLimits(step, group, clip, { columns: width, width });
    for (let tile = 0; tile < tiles; tile++) {
      let least = each[tile]!;
      for (let slice = 1; slice < step.slices; slice++) least = Math.min(least, each[slice * tiles + tile]!);
      limits[group * tiles + tile] = least;
    }
  }
  return limits;
}
