// Plans a crossbar step: one exact product if its ADC loses nothing; else pack bit planes, count digits if needed, sum through the ADC.

import crossbarCode from "../../../kernels/crossbar.wgsl" with { type: "text" };
import commonText from "../../../kernels/crossbar_common.wgsl" with { type: "text" };
import countCode from "../../../kernels/count.wgsl" with { type: "text" };
import tileCode from "../../../kernels/crossbar_tile.wgsl" with { type: "text" };
import extremesCode from "../../../kernels/extremes.wgsl" with { type: "text" };
import packCode from "../../../kernels/pack.wgsl" with { type: "text" };
import partialText from "../../../kernels/partial.wgsl" with { type: "text" };
import planesText from "../../../kernels/planes.wgsl" with { type: "text" };
import type { GpuBuffer } from "../../gpu/buffers.ts";
import { compile } from "../../gpu/program.ts";
import type { TemplateValues } from "../../gpu/template.ts";
import { linearAdc, type Reach } from "../cpu/adc.ts";
import { checkTable, combinedCells, digitCount, reachOf } from "../cpu/cells.ts";
import type { AdcTable, CrossbarStep } from "../program.ts";
import { converterForm, dynamicTables } from "./adc.ts";
import {
  bindings,
  type Constant,
  type HostTurn,
  lanesFor,
  type Launch,
  type Operand,
  type PlanContext,
  type StepPlan,
  workgroups,
} from "./launch.ts";
import { planCorrection } from "./correction.ts";
import { packCrossbar, type PackedCrossbar } from "./planes.ts";
import { bucket, fitsProduct, planProduct, type Product } from "./product.ts";
import { heightOf, type Tile, type TileShape, tileShapes, tileValues, widthOf } from "./tiles.ts";

/** Positions one invocation of the first pass of a dynamic range looks at. */
const BLOCK = 32;
/** Lines of popcounts the tiled kernel may unroll to: compilers take seconds beyond. */
const UNROLLED = 1024;
/** Rounds of nested loops that every adapter runs. */
const ROUNDS = 60000;

/**
 * Plans a crossbar step.
 *
 * @throws {OptionError} if slice weights are not integers where sums are.
 * @throws {NumericError} if sums could overflow or lack a code.
 * @throws {DeviceError} if something exceeds the device.
 */
export async function planCrossbar(context: PlanContext, step: CrossbarStep): Promise<StepPlan> {
  const { device, keep, none } = context;
  const { geometry, adc, tiles, correction } = step;
  const name = context.program.values[step.output]!.name;
  const dynamic = adc.kind === "dynamic";
  const reach = reachOf(step);
  checkTable(step, reach, name);
  const product = losslessProduct(step, reach, name);
  if (product !== undefined) return { launches: await planProduct(context, product) };
  const packed = packCrossbar(step);
  const tileCount = tiles.length - 1;
  const columns = geometry.outputShape[2];
  const positions = geometry.outputShape[0] * geometry.outputShape[1];
  const places = positions * geometry.groups;
  const cells = places * tileCount;
  const signed = isSigned(packed);
  const counted = signed || correction !== 0;
  const lanes = lanesFor(columns);
  const columnTiles = Math.ceil(columns / lanes);
  const form = adc.kind === "table" ? converterForm(within(adc.table, reach)) : undefined;
  const values = templateValues(step, packed, lanes);
  const digits = values.DIGITS as number;
  const plainScratch = {
    bits: cells * step.inputBits * packed.words * 4,
    counts: counted ? (places + (signed ? cells * digits : 0)) * 4 : 0,
  };
  const planes: Constant = { data: packed.data, label: `${name} cells` };
  const shape = [geometry.groups, tileCount, columns, columns / geometry.groups, columnTiles];
  const launches: Launch[] = [{
    kernel: await compile(device, { label: "pack", code: packCode, bindings: bindings("rrw"), values: { ...values, SLOTS: packed.slots } }),
    operands: [step.input, { data: packed.gather, label: `${name} rows` }, "bits"],
    params: (batch) => [batch * cells * packed.words, tileCount, ...gatherParams(step)],
    groups: (batch) => workgroups(batch * cells * packed.words),
  }];
  if (counted) {
    launches.push({
      kernel: await compile(device, { label: "count", code: countCode, bindings: bindings("rw"), values }),
      operands: ["bits", "counts"],
      params: (batch) => [batch * places, tileCount],
      groups: (batch) => workgroups(batch * places),
    });
  }
  const counts = counted ? "counts" : none;
  let table: Operand = none;
  let starts = none;
  let hostTurn: HostTurn | undefined;
  const corrected = await planCorrection(context, step, {
    name,
    reach,
    packed,
    values,
    planes,
    counts,
    shape,
    rows: crossbarRows(values, device.software),
  });
  if (corrected !== undefined) launches.push(...corrected.launches);
  if (adc.kind === "dynamic") {
    const entries = tileCount * digits * step.slices;
    const initial = Int32Array.from({ length: 2 * entries }, (_, at) => at % 2 === 0 ? 2147483647 : -2147483647);
    const extremes = keep(initial, `${name} extremes`);
    starts = keep(new Int32Array(entries), `${name} table starts`);
    let grown: GpuBuffer | undefined;
    launches.push({
      kernel: await compile(device, { label: "extremes", code: extremesCode, bindings: bindings("rrwr"), values: { ...values, BLOCK } }),
      operands: ["bits", planes, extremes, counts],
      params: (batch) => [batch * positions, ...shape],
      groups: (batch) => Math.ceil(batch * positions / BLOCK) * tileCount * columnTiles,
    });
    hostTurn = {
      after: launches.length,
      buffer: extremes,
      initial,
      receive: (data) => {
        const made = dynamicTables(step, digits, data);
        if (grown === undefined || grown.bytes < made.values.byteLength) {
          grown?.[Symbol.dispose]();
          grown = keep(made.values, `${name} values`);
        } else grown.upload(made.values);
        starts.upload(made.starts);
      },
    };
    launches.push(...await sumLaunches(() => grown ?? none, [0, 0, 0, 0, 0, 0]));
  } else {
    if (form!.kind === "table") table = { data: within(adc.table, reach).codes, label: `${name} ADC` };
    const { mul, add, shift, top, gain, offset } = form!;
    launches.push(...await sumLaunches(table, [mul, add, shift, top, gain, offset]));
  }
  return { launches, hostTurn, scratch: { ...plainScratch, flags: corrected?.flags ?? 0 }, cleared: corrected?.gate };

  async function sumLaunches(tableOperand: Operand, converter: readonly number[]): Promise<readonly Launch[]> {
    const convert = {
      ...values,
      SUM: dynamic ? "f32" : "i32",
      CLIP: Number(form?.kind === "clip"),
      CLAMP: Number(form?.kind === "clamp"),
      LINEAR: Number(form?.kind === "linear"),
      TABLE: Number(form?.kind === "table"),
      DYNAMIC: Number(dynamic),
      CORRECTED: Number(correction !== 0),
      GATED: Number(corrected !== undefined),
    };
    const operands = [
      "bits",
      planes,
      step.output,
      counts,
      tableOperand,
      starts,
      ...(corrected === undefined ? [] : [corrected.gate]),
    ] as const;
    const uses = corrected === undefined ? "rrwrrr" : "rrwrrrr";
    const limit = (batch: number) => corrected?.limit(batch) ?? 0;
    const perGroup = columns / geometry.groups;
    const shapes = tiledShapes(step, packed).filter((shape) => shape.rows * shape.columns * unrolledLines(step, packed) <= UNROLLED);
    const choices: Tile[] = device.software ? ["direct", ...shapes] : [...shapes, "direct"];
    const key = [
      "crossbar",
      step.inputBits,
      step.digitBits,
      packed.words,
      String(values.PLANES),
      form?.kind ?? "dynamic",
      bucket(perGroup),
      bucket(positions),
      tileCount,
      geometry.groups > 1,
    ].join(" ");
    return await context.tiles.pick(context, {
      key,
      choices,
      scratch: plainScratch,
      make: (tile) => tile === "direct" ? direct() : tiled(tile),
    });

    async function direct(): Promise<Launch[]> {
      const rows = crossbarRows(values, device.software);
      return [{
        kernel: await compile(device, {
          label: "crossbar",
          code: crossbarCode,
          bindings: bindings(uses),
          values: { ...convert, ROWS: rows },
        }),
        operands,
        params: (batch) => [batch * positions, ...shape, ...converter, limit(batch)],
        groups: (batch) => Math.ceil(batch * positions / rows) * columnTiles,
      }];
    }

    async function tiled(tile: TileShape): Promise<Launch[]> {
      const vectors = packed.words / packed.vectorWords, across = Math.ceil(perGroup / widthOf(tile));
      return [{
        kernel: await compile(device, {
          label: "tiled crossbar",
          code: tileCode,
          bindings: bindings(uses),
          values: {
            ...convert,
            ...tileValues(tile, step.inputBits * vectors, packed.allPlanes * vectors),
            DIGIT: Math.min(step.digitBits, step.inputBits),
            RAGGED: Number(step.inputBits % step.digitBits !== 0 && digits > 1),
          },
        }),
        operands,
        params: (batch) => [batch * positions, geometry.groups, tileCount, columns, perGroup, across, ...converter, limit(batch)],
        groups: (batch) => Math.ceil(batch * positions / heightOf(tile)) * geometry.groups * across,
      }];
    }
  }

  function tiledShapes(step: CrossbarStep, { words, allPlanes }: PackedCrossbar): TileShape[] {
    const perGroup = columns / geometry.groups;
    if (allPlanes === 0 || (geometry.groups > 1 && perGroup < 8)) return [];
    const needs = { perPosition: step.inputBits * words * 4, perColumn: allPlanes * words * 4, columns: perGroup };
    return tileShapes(device.limits, needs).filter((shape) => {
      const loads = (heightOf(shape) * step.inputBits + widthOf(shape) * allPlanes) * words / packed.vectorWords /
        (shape.lanesX * shape.lanesY);
      return tileCount * (loads + 3 + step.slices * (digits + 1)) <= ROUNDS;
    });
  }
}

/** The one product that the step amounts to if every reachable sum converts without loss and the weights fit 16 bits. */
function losslessProduct(step: CrossbarStep, reach: Reach, name: string): Product | undefined {
  const { adc, geometry, input, output } = step;
  if (adc.kind !== "table" || !fitsProduct({ geometry, zero: 0 })) return undefined;
  const linear = linearAdc(adc.table, reach);
  const weights = linear && combinedCells(step, linear.gain, step.correction);
  if (weights === undefined) return undefined;
  const conversions = (2 ** (digitCount(step) * step.digitBits) - 1) / (2 ** step.digitBits - 1) * (step.tiles.length - 1);
  const bias = linear!.offset * conversions * step.sliceWeights.reduce((sum, weight) => sum + weight, 0);
  return { name, input, output, geometry, weights, zero: 0, bias };
}

/** A table cut to the sums that can be reached: more of them have a cheap form. */
function within({ min, codes }: AdcTable, { low, high }: Reach): AdcTable {
  return { min: low, max: high, codes: codes.subarray(low - min, high - min + 1) };
}

/** Popcounts the tiled kernel spells out per position and column. */
function unrolledLines({ digitBits, inputBits }: CrossbarStep, { words, vectorWords, allPlanes }: PackedCrossbar): number {
  return Math.min(digitBits, inputBits) * words / vectorWords * allPlanes;
}

function isSigned({ slices }: PackedCrossbar): boolean {
  return slices.some(({ lowest }) => lowest !== 0);
}

/** Values common to the templates of all crossbar kernels. */
function templateValues(step: CrossbarStep, packed: PackedCrossbar, lanes: number): TemplateValues {
  const digits = digitCount(step);
  const perDigit = Array.from({ length: digits }, (_, digit) => digit);
  const { slices, vectorWords, words } = packed;
  return {
    BITS: step.inputBits,
    WORDS: words,
    VECTORS: words / vectorWords,
    QUADS: Number(packed.slots === 8),
    WORD: vectorWords === 1 ? "u32" : `vec${vectorWords}<u32>`,
    ADD_UP: vectorWords === 1 ? "c" : vectorWords === 2 ? "c.x + c.y" : "c.x + c.y + c.z + c.w",
    LANES: lanes,
    DIGITS: digits,
    DIGIT_BITS: perDigit.map((digit) => Math.min(step.digitBits, step.inputBits - digit * step.digitBits)),
    FIRST_BIT: perDigit.map((digit) => digit * step.digitBits),
    DIGIT_WEIGHT: perDigit.map((digit) => 2 ** (digit * step.digitBits)),
    CORRECTION: step.correction,
    COUNTED: Number(isSigned(packed) || step.correction !== 0),
    SLICES: step.slices,
    SLICE_WEIGHT: step.sliceWeights,
    PLANES: slices.map(({ planes }) => planes),
    FIRST_PLANE: slices.map((_, slice) => slices.slice(0, slice).reduce((sum, { planes }) => sum + planes, 0)),
    ALL_PLANES: packed.allPlanes,
    FACTOR: slices.map(({ factor }) => factor),
    LOWEST: slices.map(({ lowest }) => lowest),
    SIGNED: Number(isSigned(packed)),
    GROUPED: Number(step.geometry.groups > 1),
    GATED: 0,
    REDO: 0,
    ABOVE: "true",
    EXTREMES: 2 * digits * step.slices,
    PLANES_TEXT: planesText,
    PARTIAL_TEXT: partialText,
    COMMON_TEXT: commonText,
  };
}

/** Positions per invocation of the summing kernel: one where the unrolled text would grow long, else two, or four where registers abound. */
function crossbarRows({ BITS, VECTORS, ALL_PLANES }: TemplateValues, software: boolean): number {
  if (Number(BITS) * Number(VECTORS) * Number(ALL_PLANES) > 64) return 1;
  return software ? 2 : 4;
}

function gatherParams({ geometry }: CrossbarStep): number[] {
  const [height, width, channels] = geometry.inputShape;
  const [outHeight, outWidth] = geometry.outputShape;
  return [
    geometry.groups,
    channels,
    channels / geometry.groups,
    height,
    width,
    outHeight,
    outWidth,
    ...geometry.stride,
    ...geometry.padding,
  ];
}
