// A trainable tensor on the device: latent values, gradient, velocity and fake-quantised copy, with the launches that refresh and update it.

import descendCode from "../../../kernels/train/descend.wgsl" with { type: "text" };
import quantizeCode from "../../../kernels/train/quantize.wgsl" with { type: "text" };
import stepCode from "../../../kernels/train/step_gradient.wgsl" with { type: "text" };
import realCode from "../../../kernels/train/real.wgsl" with { type: "text" };
import tanhCode from "../../../kernels/train/tanh.wgsl" with { type: "text" };
import totalCode from "../../../kernels/train/total.wgsl" with { type: "text" };
import { OptionError } from "../../errors.ts";
import type { GpuBuffer } from "../../gpu/buffers.ts";
import { type Tensor, tensor } from "../../tensor.ts";
import { type Optimizer, optimizerSettings, SMALLEST_ALPHA, SMALLEST_SCALE } from "../optimizer.ts";
import { layoutOf, learnedTensors, type ParameterGroup, type ParameterOptions, type StoredParameter } from "../parameter.ts";
import { padded } from "../value.ts";
import { type Launch, type LaunchBuilder, workgroups } from "./launch.ts";

/** A trainable parameter on the device; `values` and `momentum` are the host's copies, in kernel layout. */
export interface DeviceParameter extends StoredParameter {
  readonly latent: GpuBuffer;
  readonly gradient: GpuBuffer;
  readonly velocity: GpuBuffer;
  /** The mean square of gradients, once {@linkcode DeviceParameter.update} has asked for a method that keeps it. */
  squares(): GpuBuffer | undefined;
  /** What kernels multiply with. */
  readonly effective: GpuBuffer;
  /** Recomputes `effective`. */
  readonly refresh: readonly Launch[];
  /** Gradients of the numbers learned with the values, from that of the quantised copy. */
  readonly pullBack: readonly Launch[];
  /** The numbers learned with the values, parameters of their own; updated after them. */
  readonly companions: readonly DeviceParameter[];
  /** One step of the optimiser. */
  update(optimizer: Optimizer, rate: GpuBuffer): Promise<Launch>;
}

/** A parameter of any shape, as {@linkcode import("../parameter.ts").parameter} lays it out. */
export async function deviceParameter(
  builder: LaunchBuilder,
  name: string,
  initial: Tensor,
  group: ParameterGroup,
  options: ParameterOptions = {},
): Promise<DeviceParameter> {
  const { quantizer, expand = 1 } = options, { length, position } = layoutOf(initial.shape, expand);
  const stepped = quantizer?.kind === "lsq" || quantizer?.kind === "lsqPlus";
  if (quantizer !== undefined && !stepped && !(quantizer.anyOrder && (quantizer.kind === "dorefa" || quantizer.kind === "uniform"))) {
    throw new OptionError("train on WebGPU", {
      where: `${name}, quantizer`,
      got: `${quantizer.kind} of ${quantizer.bits} bits`,
      wanted: '"dorefa", "uniform", "lsq" or "lsqPlus" of 2 bits or more',
      hint: 'Other quantizers train on the "cpu" backend.',
    });
  }
  const order = Int32Array.from({ length: initial.data.length }, (_, index) => position(index));
  const values = new Float32Array(length), momentum = new Float32Array(length);
  const [latent, gradient, velocity] = ["", "gradient of ", "velocity of "].map((what) => builder.floats(length, what + name));
  const effective = quantizer === undefined ? latent! : builder.floats(length, `quantised ${name}`);
  const learned = learnedTensors(name, initial, options), companions: DeviceParameter[] = [];
  for (const { name, first } of learned) companions.push(await deviceParameter(builder, name, first, "scale"));
  const peak = companions[0]?.latent ?? (quantizer === undefined ? builder.none : builder.floats(4, `peak of ${name}`));
  const perChannel = (learned[0]?.first.data.length ?? 1) > 1, columns = padded(initial.shape[0] ?? 1);
  const high = 2 ** ((quantizer?.bits ?? 1) - 1) - 1;
  const steps = { STEPPED: stepped ? 1 : 0, LOW: -high - 1, HIGH: high, STEP_AT: perChannel ? `at % ${columns}u` : "0u" };
  const dorefa = quantizer?.kind === "dorefa", real = realValues(initial.shape, expand, length);
  const refresh: Launch[] = [], pullBack: Launch[] = [];
  if (stepped) {
    const rows = length / columns, each = Math.max(16, Math.ceil(rows / 64)), chunks = Math.ceil(rows / each), count = chunks * columns;
    const sharing = initial.data.length / (perChannel ? initial.shape[0]! : 1);
    builder.reserve(count);
    pullBack.push(
      await builder.launch({
        label: `gradient of the step of ${name}`,
        code: stepCode,
        uses: "rrrw",
        values: { ...steps, ...real, ROWS: rows, EACH: each, CHUNKS: chunks, FACTOR: 1 / Math.sqrt(sharing * high) },
        operands: [latent!, gradient!, peak, "scratch"],
        groups: workgroups(count),
      }),
      await builder.launch({
        label: `sums for the step of ${name}`,
        code: totalCode,
        uses: "rw",
        values: { COUNT: count, EACH: perChannel ? chunks : count, FIRST: 0, PEAK: 0, TANH: "" },
        operands: ["scratch", companions[0]!.gradient],
        groups: perChannel ? columns : 1,
      }),
    );
  }
  if (quantizer !== undefined && !stepped) {
    const each = Math.max(1024, Math.ceil(length / 64)), parts = Math.ceil(length / each);
    const partial = builder.floats(parts, `peaks of ${name}`);
    const most = (from: GpuBuffer, to: GpuBuffer, count: number, perGroup: number, last: boolean) =>
      builder.launch({
        label: `peak of ${name}`,
        code: totalCode,
        uses: "rw",
        values: { COUNT: count, EACH: perGroup, FIRST: 0, PEAK: 1, TANH: last && dorefa ? tanhCode : "" },
        operands: [from, to],
        groups: Math.ceil(count / perGroup),
      });
    refresh.push(await most(latent!, partial, length, each, false), await most(partial, peak, parts, parts, true));
  }
  if (quantizer !== undefined) {
    refresh.push(
      await builder.launch({
        label: `quantise ${name}`,
        code: quantizeCode,
        uses: "rwr",
        values: {
          COUNT: length,
          ...steps,
          DOREFA: dorefa ? 1 : 0,
          TANH: tanhCode,
          LEVELS: dorefa ? 2 ** quantizer.bits - 1 : Math.max(1, 2 ** (quantizer.bits - 1) - 1),
          ...real,
        },
        operands: [latent!, effective, peak],
        groups: workgroups(length),
      }),
    );
  }
  let second: Float32Array | undefined, squares: GpuBuffer | undefined;
  const self: DeviceParameter = {
    name,
    group,
    values,
    momentum,
    second: () => second ??= new Float32Array(length),
    squares: () => squares,
    quantizer,
    latent: latent!,
    gradient: gradient!,
    velocity: velocity!,
    effective,
    refresh,
    pullBack,
    companions,
    ...(learned.length === 0 ? {} : {
      learned: () => Object.fromEntries(learned.map(({ key, first }, at) => [key, companions[at]!.values.subarray(0, first.data.length)])),
    }),
    update(optimizer, rate) {
      const settings = optimizerSettings(optimizer);
      const adam = settings.kind === "adam";
      if (adam) squares ??= builder.floats(length, `mean square of ${name}`);
      return builder.launch({
        label: `update ${name}`,
        code: descendCode,
        uses: adam ? "uwwrrw" : "uwwrr",
        values: {
          COUNT: length,
          ...steps,
          DOREFA: dorefa ? 1 : 0,
          TANH: tanhCode,
          DECAY: settings.decay[group],
          RATE: settings.rate[group],
          MOMENTUM: settings.momentum,
          NESTEROV: settings.nesterov ? 1 : 0,
          ADAM: adam ? 1 : 0,
          MISSING_MEAN: 1 - settings.beta1,
          MISSING_SQUARE: 1 - settings.beta2,
          EPSILON: settings.epsilon,
          ALPHA: group === "alpha" ? 1 : 0,
          SCALE: group === "scale" ? 1 : 0,
          SMALLEST: group === "scale" ? SMALLEST_SCALE : SMALLEST_ALPHA,
          ...real,
        },
        operands: [rate, latent!, velocity!, gradient!, peak, ...adam ? [squares!] : []],
        groups: workgroups(length),
      });
    },
    read: (source = values) => tensor(Float32Array.from(order, (index) => source[index]!), initial.shape),
    write(from, target = values) {
      for (let index = 0; index < order.length; index++) target[order[index]!] = from.data[index]!;
    },
  };
  self.write(initial);
  return self;
}

/** Which elements of the layout are the network's, for kernels. */
function realValues(shape: readonly number[], expand: number, length: number): Record<string, number | string> {
  const vector = shape.length < 2, depth = vector ? 1 : shape[1]!, rows = vector ? 1 : padded(depth * expand);
  const columns = vector ? length : padded(shape[0]!);
  return {
    REAL: realCode,
    LAYOUT_ROWS: rows,
    LAYOUT_COLUMNS: columns,
    REAL_ROWS: depth * expand,
    REAL_COLUMNS: shape[0]!,
    BLOCK_ROWS: expand === 1 ? rows : depth,
    BLOCK_COLUMNS: expand === 1 ? columns : shape[0]! / expand,
  };
}
