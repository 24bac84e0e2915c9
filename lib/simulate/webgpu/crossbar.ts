// Plans a crossbar step: pack activations into bit planes, count digits if needed, then sum through the ADC.

import crossbarCode from "../../../kernels/crossbar.wgsl" with { type: "text" };
import countCode from "../../../kernels/count.wgsl" with { type: "text" };
import extremesCode from "../../../kernels/extremes.wgsl" with { type: "text" };
import packCode from "../../../kernels/pack.wgsl" with { type: "text" };
import partialText from "../../../kernels/partial.wgsl" with { type: "text" };
import planesText from "../../../kernels/planes.wgsl" with { type: "text" };
import { DeviceError } from "../../errors.ts";
import { GpuBuffer } from "../../gpu/buffers.ts";
import { compile } from "../../gpu/program.ts";
import type { TemplateValues } from "../../gpu/template.ts";
import type { CrossbarStep } from "../program.ts";
import { converterForm, dynamicTables } from "./adc.ts";
import { bindings, type HostTurn, lanesFor, type Launch, type PlanContext, type StepPlan, workgroups } from "./launch.ts";
import { packCrossbar, type PackedCrossbar } from "./planes.ts";

/** Positions one invocation of the first pass of a dynamic range looks at. */
const BLOCK = 32;

/** Plans a crossbar step. @throws {DeviceError} if a weight is not an integer where sums are, or a buffer exceeds the device. */
export async function planCrossbar(context: PlanContext, step: CrossbarStep): Promise<StepPlan> {
  const { device, own, none } = context;
  const { geometry, adc, tiles, correction } = step;
  const name = context.program.values[step.output]!.name;
  const dynamic = adc.kind === "dynamic";
  if (!dynamic) checkIntegers(step, name);
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
  const form = adc.kind === "table" ? converterForm(adc.table) : undefined;
  const values = templateValues(step, packed, lanes);
  const digits = values.DIGITS as number;
  const rows = crossbarRows(values, device.software);

  const planes = own(packed.data, `${name} cells`);
  const shape = [geometry.groups, tileCount, columns, columns / geometry.groups, columnTiles];
  const launches: Launch[] = [{
    kernel: await compile(device, { label: "pack", code: packCode, bindings: bindings("rrw"), values: { ...values, SLOTS: packed.slots } }),
    operands: [step.input, own(packed.gather, `${name} rows`), "bits"],
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
  let table = none;
  let starts = none;
  let hostTurn: HostTurn | undefined;
  if (adc.kind === "dynamic") {
    const entries = tileCount * digits * step.slices;
    const initial = Int32Array.from({ length: 2 * entries }, (_, at) => at % 2 === 0 ? 2147483647 : -2147483647);
    const extremes = own(initial, `${name} extremes`);
    starts = own(new Int32Array(entries), `${name} table starts`);
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
          grown = own(made.values, `${name} values`);
        } else grown.upload(made.values);
        starts.upload(made.starts);
      },
    };
    launches.push(await sumLaunch(() => grown ?? none, [0, 0, 0, 0, 0, 0]));
  } else {
    if (form!.kind === "table") table = own(adc.table.codes, `${name} ADC`);
    const { mul, add, shift, top, gain, offset } = form!;
    launches.push(await sumLaunch(table, [mul, add, shift, top, gain, offset]));
  }
  return {
    launches,
    hostTurn,
    scratch: { bits: cells * step.inputBits * packed.words * 4, counts: counted ? (places + (signed ? cells * digits : 0)) * 4 : 0 },
  };

  async function sumLaunch(tableOperand: GpuBuffer | (() => GpuBuffer), converter: readonly number[]): Promise<Launch> {
    const kernel = await compile(device, {
      label: "crossbar",
      code: crossbarCode,
      bindings: bindings("rrwrrr"),
      values: {
        ...values,
        ROWS: rows,
        SUM: dynamic ? "f32" : "i32",
        CLIP: Number(form?.kind === "clip"),
        CLAMP: Number(form?.kind === "clamp"),
        LINEAR: Number(form?.kind === "linear"),
        TABLE: Number(form?.kind === "table"),
        DYNAMIC: Number(dynamic),
        CORRECTED: Number(correction !== 0),
      },
    });
    return {
      kernel,
      operands: ["bits", planes, step.output, counts, tableOperand, starts],
      params: (batch) => [batch * positions, ...shape, ...converter],
      groups: (batch) => Math.ceil(batch * positions / rows) * columnTiles,
    };
  }
}

function isSigned({ slices }: PackedCrossbar): boolean {
  return slices.some(({ lowest }) => lowest !== 0);
}

/** Values common to the templates of all crossbar kernels. */
function templateValues(step: CrossbarStep, packed: PackedCrossbar, lanes: number): TemplateValues {
  const digits = Math.ceil(step.inputBits / step.digitBits);
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
    EXTREMES: 2 * digits * step.slices,
    PLANES_TEXT: planesText,
    PARTIAL_TEXT: partialText,
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

function checkIntegers({ sliceWeights, correction }: CrossbarStep, where: string): void {
  const wrong = [...sliceWeights, correction].find((weight) => !Number.isInteger(weight) || Math.abs(weight) >= 2 ** 24);
  if (wrong !== undefined) {
    throw new DeviceError("plan a crossbar", { where, got: wrong, wanted: "integer slice weights and correction below 2^24" });
  }
}
