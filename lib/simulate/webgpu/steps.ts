// Plans every step but the crossbar: convolutions, thresholds, pools and element-wise steps, one or a few launches each.

import { planAnalog } from "./analog.ts";
import convCode from "../../../kernels/conv.wgsl" with { type: "text" };
import elementCode from "../../../kernels/element.wgsl" with { type: "text" };
import levelsCode from "../../../kernels/levels.wgsl" with { type: "text" };
import poolCode from "../../../kernels/pool.wgsl" with { type: "text" };
import softmaxCode from "../../../kernels/softmax.wgsl" with { type: "text" };
import { DeviceError } from "../../errors.ts";
import { compile } from "../../gpu/program.ts";
import { elements } from "../../tensor.ts";
import type { ElementStep, FloatStep, IntegerStep, PoolStep, QuantizeStep, Step, ThresholdStep, Value } from "../program.ts";
import { rint } from "../reference/crossbar.ts";
import { planCrossbar } from "./crossbar.ts";
import { planGather, planScatter } from "./placed.ts";
import { fitsProduct, planProduct } from "./product.ts";
import { bindings, type Constant, lanesFor, type Launch, type Operand, type PlanContext, type StepPlan, workgroups } from "./launch.ts";

/** Rows summed per launch: some adapters end shader loops silently after 65,535 rounds. */
const ROWS_PER_LAUNCH = 32768;
/** Channels a softmax takes, three rounds each. */
const SOFTMAX_CHANNELS = 16384;

const WGSL = { u8: "u32", i32: "i32", f32: "f32" } as const;

/** Plans any step. @throws {DeviceError} if a value has a type the step does not take, or something exceeds the device. */
export async function planStep(context: PlanContext, step: Step): Promise<StepPlan> {
  switch (step.op) {
    case "crossbar":
      requireType(context, step.op, step.input, "u8");
      return await planCrossbar(context, step);
    case "analog":
      requireType(context, step.op, step.input, "u8");
      return await planAnalog(context, step);
    case "gather":
      requireType(context, step.op, step.input, "u8");
      return await planGather(context, step);
    case "scatter":
      return await planScatter(context, step);
    case "integer":
      requireType(context, step.op, step.input, "u8");
      return await planInteger(context, step);
    case "float":
      requireType(context, step.op, step.input, "f32");
      return await planConvolution(context, step, step.weights, "bias");
    case "threshold":
      requireType(context, step.op, step.input, "i32");
      return await planThreshold(context, step);
    case "quantize":
      requireType(context, step.op, step.input, "f32");
      return await planQuantize(context, step);
    case "affine": {
      const [scale, bias]: Constant[] = [{ data: step.scale, label: "scale" }, { data: step.bias, label: "bias" }];
      return { launches: [await elementLaunch(context, "AFFINE", step.input, step.output, { scale, bias, channels: step.scale.length })] };
    }
    case "maxPool":
    case "averagePool":
      return await planPool(context, step);
    case "view":
      return { launches: [] };
    default:
      return await planElement(context, step);
  }
}

function valueOf(context: PlanContext, index: number): Value {
  const value = context.program.values[index];
  if (value === undefined) throw new DeviceError("plan a step", { where: `value ${index}`, got: "a number no value has" });
  return value;
}

function requireType(context: PlanContext, op: string, input: number, wanted: Value["type"]): void {
  const { type, name } = valueOf(context, input);
  if (type !== wanted) throw new DeviceError(`plan a ${op} step`, { where: name, got: type, wanted });
}

async function planInteger(context: PlanContext, step: IntegerStep): Promise<StepPlan> {
  const direct = async () => (await planConvolution(context, step, packPairs(step), "zeros")).launches;
  if (!fitsProduct(step)) return { launches: await direct() };
  const { input, output, geometry, weights, zero } = step;
  const { name } = valueOf(context, output);
  return { launches: await planProduct(context, { name, input, output, geometry, weights, zero, bias: 0 }, direct) };
}

async function planConvolution(
  context: PlanContext,
  step: IntegerStep | FloatStep,
  weights: Uint32Array | Float32Array,
  label: string,
): Promise<StepPlan> {
  const { geometry } = step;
  const float = step.op === "float";
  const [height, width, channels] = geometry.inputShape;
  const [outHeight, outWidth, columns] = geometry.outputShape;
  const depth = channels / geometry.groups;
  const taps = geometry.kernel[0] * geometry.kernel[1];
  const rows = float ? taps * depth : Math.ceil(taps * depth / 2);
  const lanes = lanesFor(columns);
  const columnTiles = Math.ceil(columns / lanes);
  const positions = outHeight * outWidth;
  const name = valueOf(context, step.output).name;
  const kernel = await compile(context.device, {
    label: `${step.op} convolution`,
    code: convCode,
    bindings: bindings("rrwr"),
    values: {
      LANES: lanes,
      FLOAT: Number(float),
      GROUPED: Number(geometry.groups > 1),
      QUADS: Number(!float && depth % 4 === 0),
      SUM: float ? "f32" : "i32",
    },
  });
  const operands = [
    step.input,
    { data: weights, label: `${name} weights` },
    step.output,
    float ? { data: step.bias, label } : context.none,
  ];
  const zero = step.op === "integer" ? step.zero : 0;
  const share = Math.max(4, Math.floor(ROWS_PER_LAUNCH / taps / 4) * 4);
  const launches: Launch[] = [];
  for (let first = 0; first < depth; first += share) {
    const last = Math.min(depth, first + share);
    const fixed = [columns, columns / geometry.groups, columnTiles, channels, depth, height, width, outHeight, outWidth]
      .concat([...geometry.kernel, ...geometry.stride, ...geometry.padding, ...geometry.dilation, zero, rows, first, last]);
    launches.push({
      kernel,
      operands,
      params: (batch) => [batch * positions, ...fixed],
      groups: (batch) => Math.ceil(batch * positions / 4) * columnTiles,
    });
  }
  return { launches };
}

/** Pairs of i16 rows per word, `[group][row pair][column]`. */
function packPairs({ geometry, weights }: IntegerStep): Uint32Array {
  const columns = geometry.outputShape[2] / geometry.groups;
  const rows = weights.length / geometry.outputShape[2];
  const pairs = Math.ceil(rows / 2);
  const packed = new Uint32Array(geometry.groups * pairs * columns);
  for (let group = 0; group < geometry.groups; group++) {
    for (let row = 0; row < rows; row++) {
      const to = (group * pairs + (row >> 1)) * columns;
      const from = (group * rows + row) * columns;
      for (let column = 0; column < columns; column++) packed[to + column]! |= (weights[from + column]! & 0xffff) << (16 * (row & 1));
    }
  }
  return packed;
}

async function planThreshold(context: PlanContext, { input, output, thresholds, levels, sign }: ThresholdStep): Promise<StepPlan> {
  const lists = { data: thresholds, label: "thresholds" };
  const signs = { data: Int32Array.from(sign), label: "signs" };
  return { launches: [await levelsLaunch(context, "i32", [input, lists, signs, output], sign.length, levels)] };
}

/** Quantisation as thresholds: the smallest f32 that reaches each code, so that results are exact whatever the device's division. */
async function planQuantize(context: PlanContext, { input, output, step, levels }: QuantizeStep): Promise<StepPlan> {
  const thresholds = Float32Array.from({ length: levels }, (_, level) => smallestReaching((x) => rint(x / step) > level));
  const operands = [input, { data: thresholds, label: "thresholds" }, { data: Float32Array.of(1), label: "sign" }, output];
  return { launches: [await levelsLaunch(context, "f32", operands, 1, levels)] };
}

/** Smallest non-negative f32 for which a monotone predicate holds, by bisection over bit patterns; infinity if none. */
function smallestReaching(holds: (x: number) => boolean): number {
  const bits = new Uint32Array(1);
  const value = new Float32Array(bits.buffer);
  let [low, high] = [0, 0x7f800000];
  while (low < high) {
    bits[0] = (low + high) >>> 1;
    if (holds(value[0]!)) high = bits[0];
    else low = bits[0] + 1;
  }
  bits[0] = low;
  return value[0]!;
}

async function levelsLaunch(
  context: PlanContext,
  type: "i32" | "f32",
  operands: readonly Operand[],
  channels: number,
  levels: number,
): Promise<Launch> {
  const count = elements(valueOf(context, operands[3] as number).shape);
  return {
    kernel: await compile(context.device, { label: "levels", code: levelsCode, bindings: bindings("rrrw"), values: { TYPE: type } }),
    operands,
    params: (batch) => [batch * count, channels, levels],
    groups: (batch) => workgroups(Math.ceil(batch * count / 4)),
  };
}

async function planPool(context: PlanContext, step: PoolStep): Promise<StepPlan> {
  const [input, output] = [valueOf(context, step.input), valueOf(context, step.output)];
  if (step.op === "averagePool") requireType(context, step.op, step.input, "f32");
  const [height, width, channels] = input.shape;
  const [outHeight, outWidth] = output.shape;
  const count = elements(output.shape);
  const bytes = input.type === "u8";
  const kernel = await compile(context.device, {
    label: step.op,
    code: poolCode,
    bindings: bindings("rw"),
    values: { TYPE: WGSL[input.type], BYTES: Number(bytes), MEAN: Number(step.op === "averagePool") },
  });
  const fixed = [channels, height, width, outHeight, outWidth, ...step.kernel, ...step.stride, ...step.padding];
  return {
    launches: [{
      kernel,
      operands: [step.input, step.output],
      params: (batch) => [batch * count, ...fixed],
      groups: (batch) => workgroups(bytes ? Math.ceil(batch * count / 4) : batch * count),
    }],
  };
}

interface ElementOptions {
  readonly channels?: number;
  readonly outChannels?: number;
  readonly offset?: number;
  readonly scale?: Operand;
  readonly bias?: Operand;
}

async function elementLaunch(
  context: PlanContext,
  operation: "AFFINE" | "RELU" | "ADD" | "COPY",
  input: number,
  output: number,
  options: ElementOptions = {},
): Promise<Launch> {
  const { type, shape } = valueOf(context, input);
  const { channels = shape[2], outChannels = shape[2], offset = 0, scale = context.none, bias = context.none } = options;
  const modes = Object.fromEntries(["AFFINE", "RELU", "ADD", "COPY"].map((mode) => [mode, Number(mode === operation)]));
  const kernel = await compile(context.device, {
    label: operation.toLowerCase(),
    code: elementCode,
    bindings: bindings("rwrr"),
    values: { ...modes, TYPE: WGSL[type], BYTES: Number(type === "u8") },
  });
  const count = elements(shape);
  return {
    kernel,
    operands: [input, output, scale, bias],
    params: (batch) => [batch * count, channels, outChannels, offset],
    groups: (batch) => workgroups(batch * count),
  };
}

async function planElement(context: PlanContext, { op, inputs, output }: ElementStep): Promise<StepPlan> {
  const first = inputs[0]!;
  if (op === "relu") return { launches: [await elementLaunch(context, "RELU", first, output)] };
  if (op === "softmax") return { launches: [await softmaxLaunch(context, first, output)] };
  const launches: Launch[] = [];
  let offset = 0;
  for (const [index, input] of inputs.entries()) {
    if (op === "add") {
      launches.push(await elementLaunch(context, index === 0 ? "COPY" : "ADD", input, output));
    } else {
      launches.push(await elementLaunch(context, "COPY", input, output, { outChannels: valueOf(context, output).shape[2], offset }));
      offset += valueOf(context, input).shape[2];
    }
  }
  return { launches };
}

async function softmaxLaunch(context: PlanContext, input: number, output: number): Promise<Launch> {
  requireType(context, "softmax", input, "f32");
  const { shape: [height, width, channels], name } = valueOf(context, input);
  if (channels > SOFTMAX_CHANNELS) {
    throw new DeviceError("plan a softmax step", { where: name, got: `${channels} channels`, wanted: `at most ${SOFTMAX_CHANNELS}` });
  }
  return {
    kernel: await compile(context.device, { label: "softmax", code: softmaxCode, bindings: bindings("rw") }),
    operands: [input, output],
    params: (batch) => [batch * height * width, channels],
    groups: (batch) => workgroups(batch * height * width),
  };
}
