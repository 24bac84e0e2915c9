// One layer on the simulator's arrays, made anew from its codes at every training step: what trains is what simulates.

import type { ResolvedAdc } from "../../circuit/adc.ts";
import type { ThreadPool } from "../../cpu/pool.ts";
import { genericDevice } from "../../device/generic.ts";
import { device } from "../../device/models.ts";
import { MappingError } from "../../errors.ts";
import { mapLayer } from "../../map/map.ts";
import type { MappedLayer } from "../../map/mapped.ts";
import type { LayerPhysics } from "../../program/options.ts";
import type { WeightCodes } from "../../quantize/quantizer.ts";
import { prepareAnalog } from "../../simulate/cpu/analog.ts";
import { type AdcKernel, chooseAdc, tabledAdc } from "../../simulate/cpu/adc.ts";
import { prepareCrossbar } from "../../simulate/cpu/crossbar.ts";
import { CpuDevice, type Executor } from "../../simulate/cpu/device.ts";
import { type ChipLayer, isAnalog, lowerAnalog } from "../../simulate/lower/analog.ts";
import { type CrossbarPlan, lowerCrossbar, planCrossbar } from "../../simulate/lower/crossbar.ts";
import { conversionUnits, unfolding } from "../../simulate/lower/units.ts";
import { integerWeights } from "../../simulate/lower/weights.ts";
import type { AdcTable, CrossbarStep, Geometry, Value } from "../../simulate/program.ts";
import type { Pim } from "./options.ts";
import { sliceLayer } from "./scheme.ts";

/** A layer as its arrays see it, whatever its weights. */
export interface ArrayLayer {
  /** Name of the layer. */
  readonly name: string;
  /** Its window. */
  readonly geometry: Geometry;
  /** Number of the layer among those on arrays, which errors of chips depend on. */
  readonly number: number;
  /** Bits of its input codes. */
  readonly inputBits: number;
  /** Input code that stands for 0. */
  readonly inputZero: number;
}

/** Which errors a layer meets. */
export interface ArrayNoise {
  /** Seed of the chip: its cells and columns. */
  readonly chip: number;
  /** Seed of what is drawn at each conversion. */
  readonly reading: number;
}

/** A layer's weights on arrays. */
export interface LoadedArrays {
  /** Its cells. */
  readonly plan: CrossbarPlan;
  /** Per output channel: Σ x · w = sum · factor + shift, for the weights' and inputs' real values with an input step of 1. */
  readonly scale: { readonly factor: Float64Array; readonly shift: Float64Array };
  /** Runs a batch from codes at one address to sums at another; no converter, no executor. */
  readonly executor: Executor | undefined;
  /** The same on perfect arrays with the table asked for, whose codes are summed as they are; none, no executor. */
  readonly second?: Executor | undefined;
  /** Per output channel, Σ x · w per unit of such a sum of sums. */
  readonly sumFactor: Float64Array;
}

/** Values of a step run by itself. */
const INPUT = 0, OUTPUT = 1;

/** Arrays of one layer; what a step packs is freed at the next. */
export class Arrays implements Disposable {
  readonly #pool: ThreadPool;
  readonly #layer: ArrayLayer;
  readonly #pim: Pim;
  /** Placement and row order, the same for all weights. */
  #mapped: MappedLayer | undefined;
  #order: Pick<CrossbarStep, "rowIndex" | "tiles"> | undefined;
  #device: CpuDevice | undefined;
  /** Sums that tables cover, and the last table with its form. */
  #reach: readonly [number, number] = [0, 0];
  #converter: { readonly table: AdcTable; readonly form: AdcKernel | undefined } | undefined;

  /** Arrays on a pool that already has the simulator's tables in its first page. */
  constructor(pool: ThreadPool, layer: ArrayLayer, pim: Pim) {
    this.#pool = pool;
    this.#layer = layer;
    this.#pim = pim;
  }

  /**
   * Packs weights.
   *
   * @param converter The converters, given the cell-level sum of one integer sum; undefined as long as there are none.
   * @param noise Errors; absent for perfect arrays.
   * @param other Another table to convert the same sums by, given the plan; default none.
   * @throws {NumericError} if sums could leave 32 bits.
   * @throws {MappingError} if a cell's effect does not fit 8 bits, or arrays hold parts of several groups.
   */
  async load(
    codes: WeightCodes,
    converter: ((unit: number) => ResolvedAdc) | undefined,
    noise?: ArrayNoise,
    other?: (plan: CrossbarPlan) => AdcTable | undefined,
  ): Promise<LoadedArrays> {
    const { name, geometry, inputBits, inputZero } = this.#layer, { scheme, rows, columns, digitBits } = this.#pim;
    const sliced = sliceLayer(name, geometry.groups, scheme, codes);
    this.#mapped ??= mapLayer(sliced, geometry, { rows, columns, algorithm: "im2col" });
    this.#order ??= unfolding(geometry, conversionUnits(this.#mapped.placement));
    const mapped: MappedLayer = { ...this.#mapped, sliced };
    if (this.#order === undefined) {
      throw new MappingError("train through arrays", {
        where: name,
        got: `${geometry.groups} groups that do not unfold alike on arrays of ${rows} rows`,
        wanted: "a plain unfolding",
        hint: "Leave the layer out of recipe.pim.layers.",
      });
    }
    const plan = this.#roomy(planCrossbar(mapped, this.#order, inputBits, digitBits));
    const adc = converter?.(plan.unit);
    const { sums, multiplier } = integerWeights(name, codes, geometry, inputZero, 2 ** inputBits - 1);
    const scaleOf = (gain: number, constant: number) => {
      const each = (channel: number) => codes.scale * (codes.scales?.[channel] ?? 1);
      return {
        factor: Float64Array.from(sums, (_, channel) => gain / plan.multiplier * each(channel)),
        shift: Float64Array.from(sums, (sum, channel) => (constant / plan.multiplier - inputZero * sum / multiplier) * each(channel)),
      };
    };
    this[Symbol.dispose]();
    const shared = { plan, sumFactor: scaleOf(plan.unit, 0).factor };
    if (adc === undefined) return { ...shared, scale: scaleOf(1, 0), executor: undefined };
    const device = this.#device = new CpuDevice(this.#pool);
    const second = await this.#second(device, plan, other?.(plan));
    const chip: ChipLayer | undefined = noise === undefined ? undefined : {
      layer: mapped,
      physics: cells(this.#pim),
      number: this.#layer.number,
      seed: noise.chip,
      noiseSeed: noise.reading,
    };
    if (chip === undefined || !isAnalog(chip, adc)) {
      const { step, gain, constant } = lowerCrossbar(plan, adc, INPUT, OUTPUT);
      return { ...shared, scale: scaleOf(gain, constant), executor: await this.#prepare(device, step), second };
    }
    const { steps: [step, ...more], gain, constant } = lowerAnalog(plan, chip, adc, { input: INPUT, output: OUTPUT, value: () => OUTPUT });
    if (step?.op !== "analog" || more.length > 0) {
      throw new MappingError("train through arrays", {
        where: name,
        got: "errors on arrays of several groups",
        wanted: "one group per array",
      });
    }
    const values: Value[] = [{ type: "u8", shape: geometry.inputShape, name }, { type: "i32", shape: geometry.outputShape, name }];
    return { ...shared, scale: scaleOf(gain, constant), executor: await prepareAnalog(device, step, values), second };
  }

  /** The plan with a reach that changes seldom, so that converters are tabulated and their forms searched once for many steps. */
  #roomy(plan: CrossbarPlan): CrossbarPlan {
    const [low, high] = plan.reach, [least, most] = plan.fullScale, [before, after] = this.#reach;
    if (low < before || high > after || 2 * high < after || 2 * low > before) {
      this.#reach = [Math.max(Math.min(least, low), Math.floor(1.25 * low)), Math.min(Math.max(most, high), Math.ceil(1.25 * high))];
    }
    return { ...plan, reach: this.#reach };
  }

  async #prepare(device: CpuDevice, step: CrossbarStep): Promise<Executor> {
    if (step.adc.kind !== "table") return await prepareCrossbar(device, step, this.#layer.name);
    const { table } = step.adc, held = this.#converter, same = held !== undefined && equal(held.table, table);
    const { low, high } = { low: table.min, high: table.max };
    // A learned converter is another one at every step: searching a cheaper form would take longer than it saves.
    const form = same ? held.form : (this.#pim.range === "learned" ? tabledAdc : chooseAdc)(table, { low, high });
    this.#converter = { table: same ? held.table : table, form };
    if (form !== undefined) device.converters.set(this.#converter.table, [{ reach: { low, high }, adc: form }]);
    return await prepareCrossbar(device, { ...step, adc: { kind: "table", table: this.#converter.table } }, this.#layer.name);
  }

  async #second(device: CpuDevice, plan: CrossbarPlan, table: AdcTable | undefined): Promise<Executor | undefined> {
    if (table === undefined) return undefined;
    const { geometry, cells, slices, sliceWeights, inputBits, digitBits, rowIndex, tiles } = plan;
    const reach = { low: table.min, high: table.max }, form = tabledAdc(table, reach);
    if (form !== undefined) device.converters.set(table, [{ reach, adc: form }]);
    const shared = { op: "crossbar", input: INPUT, output: OUTPUT, geometry, cells, slices, sliceWeights, inputBits, digitBits } as const;
    return await prepareCrossbar(device, { ...shared, rowIndex, tiles, adc: { kind: "table", table }, correction: 0 }, this.#layer.name);
  }

  /** Frees packed weights. */
  [Symbol.dispose](): void {
    this.#device?.[Symbol.dispose]();
    this.#device = undefined;
  }
}

function cells({ noise: { weights, device: model } }: Pim): LayerPhysics {
  const program = { distribution: "normal", scaling: "independent", magnitude: weights } as const;
  const cell = model === undefined ? genericDevice(weights > 0 ? { program } : {}) : device(model);
  return { device: cell, time: 0, compensation: "none", spareColumns: 0, remap: false };
}

function equal(a: AdcTable, b: AdcTable): boolean {
  return a.min === b.min && a.max === b.max && a.codes.every((code, at) => code === b.codes[at]);
}
