// A trainable tensor on the device: latent values, gradient, velocity and fake-quantised copy, with the launches that refresh and update it.

import descendCode from "../../../kernels/train/descend.wgsl" with { type: "text" };
import quantizeCode from "../../../kernels/train/quantize.wgsl" with { type: "text" };
import realCode from "../../../kernels/train/real.wgsl" with { type: "text" };
import tanhCode from "../../../kernels/train/tanh.wgsl" with { type: "text" };
import totalCode from "../../../kernels/train/total.wgsl" with { type: "text" };
import { OptionError } from "../../errors.ts";
import type { GpuBuffer } from "../../gpu/buffers.ts";
import type { WeightQuantizer } from "../../quantize/quantizer.ts";
import { type Tensor, tensor } from "../../tensor.ts";
import { type Optimizer, SMALLEST_ALPHA } from "../optimizer.ts";
import { layoutOf, type ParameterGroup, type StoredParameter } from "../parameter.ts";
import { padded } from "../value.ts";
import { type Launch, type LaunchBuilder, workgroups } from "./launch.ts";

/** A trainable parameter on the device; `values` and `momentum` are the host's copies, in kernel layout. */
export interface DeviceParameter extends StoredParameter {
  readonly latent: GpuBuffer;
  readonly gradient: GpuBuffer;
  readonly velocity: GpuBuffer;
  /** What kernels multiply with. */
  readonly effective: GpuBuffer;
  /** Recomputes `effective`. */
  readonly refresh: readonly Launch[];
  /** One step of the optimiser. */
  update(optimizer: Optimizer, rate: GpuBuffer): Promise<Launch>;
}

/** A parameter of any shape, as {@linkcode import("../parameter.ts").parameter} lays it out. */
export async function deviceParameter(
  builder: LaunchBuilder,
  name: string,
  initial: Tensor,
  group: ParameterGroup,
  options: { readonly quantizer?: WeightQuantizer | undefined; readonly expand?: number } = {},
): Promise<DeviceParameter> {
  const { quantizer, expand = 1 } = options, { length, position } = layoutOf(initial.shape, expand);
  if (quantizer !== undefined && quantizer.kind !== "dorefa" && quantizer.kind !== "uniform") {
    throw new OptionError("train on WebGPU", { where: `${name}, quantizer`, got: quantizer.kind, wanted: '"dorefa" or "uniform"' });
  }
  const order = Int32Array.from({ length: initial.data.length }, (_, index) => position(index));
  const values = new Float32Array(length), momentum = new Float32Array(length);
  const [latent, gradient, velocity] = ["", "gradient of ", "velocity of "].map((what) => builder.floats(length, what + name));
  const effective = quantizer === undefined ? latent! : builder.floats(length, `quantised ${name}`);
  const peak = quantizer === undefined ? builder.none : builder.floats(4, `peak of ${name}`);
  const dorefa = quantizer?.kind === "dorefa", real = realValues(initial.shape, expand, length);
  const refresh: Launch[] = [];
  if (quantizer !== undefined) {
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
    refresh.push(
      await builder.launch({
        label: `quantise ${name}`,
        code: quantizeCode,
        uses: "rwr",
        values: {
          COUNT: length,
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
  const self: DeviceParameter = {
    name,
    group,
    values,
    momentum,
    quantizer,
    latent: latent!,
    gradient: gradient!,
    velocity: velocity!,
    effective,
    refresh,
    update: (optimizer, rate) =>
      builder.launch({
        label: `update ${name}`,
        code: descendCode,
        uses: "uwwrr",
        values: {
          COUNT: length,
          DOREFA: dorefa ? 1 : 0,
          TANH: tanhCode,
          DECAY: optimizer.decay[group],
          RATE: optimizer.rate[group],
          MOMENTUM: optimizer.momentum,
          NESTEROV: optimizer.nesterov ? 1 : 0,
          ALPHA: group === "alpha" ? 1 : 0,
          SMALLEST: SMALLEST_ALPHA,
          ...real,
        },
        operands: [rate, latent!, velocity!, gradient!, peak],
        groups: workgroups(length),
      }),
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
