// The layers of a network on the device, whatever is done with them: values of a batch, operations in order, passes forward and backward.

import loadCode from "../../../kernels/train/load.wgsl" with { type: "text" };
import { OptionError } from "../../errors.ts";
import { GpuBuffer } from "../../gpu/buffers.ts";
import { INPUT, type Network } from "../../network/graph.ts";
import { elements } from "../../tensor.ts";
import type { TrainingQuantizers } from "../graph.ts";
import { type PlannedLayer, planTraining } from "../plan.ts";
import { padded } from "../value.ts";
import { convolution } from "./convolution.ts";
import { type Launch, type LaunchBuilder, workgroups } from "./launch.ts";
import { combine, flatten, shuffle, slice } from "./move.ts";
import { normalization } from "./normalization.ts";
import { pool } from "./pool.ts";
import { type DeviceContext, type DeviceOperation, type DeviceValue, type Pass, sinks, valueFloats } from "./value.ts";

/** Operations over buffers that belong to the builder. */
export interface DeviceLayers {
  /** Bytes of a batch. */
  readonly pixels: GpuBuffer;
  /** One u32 per image, for the loss. */
  readonly labels: GpuBuffer;
  /** Logits; the derivatives of the loss go to their gradient. */
  readonly output: DeviceValue;
  /** Logits per image. */
  readonly features: number;
  readonly operations: readonly DeviceOperation[];
  /** From pixels to logits, with statistics of the batch or running ones. */
  forward(training: boolean): Promise<readonly Launch[]>;
  /** From the gradient of the logits back. */
  backward(pass: Pass): Promise<readonly Launch[]>;
}

/** Quantizers by layer name. */
type Quantizers = Pick<TrainingQuantizers, "weights" | "activations">;

/** Builds buffers and operations. @throws {OptionError | GraphError | ShapeError | DeviceError} if the network is wrong, or too large. */
export async function deviceLayers(
  builder: LaunchBuilder,
  network: Network,
  batch: number,
  quantizers: Quantizers,
): Promise<DeviceLayers> {
  const plan = planTraining(network, batch), values = new Map<string, DeviceValue>();
  const define = (name: string): DeviceValue => {
    const shape = plan.shape(name), floats = valueFloats(batch, shape);
    const value = {
      name,
      shape,
      channels: padded(shape[2]),
      data: builder.floats(floats, name),
      gradient: name === INPUT ? undefined : builder.floats(floats, `gradient of ${name}`),
      readers: plan.readers(name).length,
    };
    values.set(name, value);
    return value;
  };
  const input = define(INPUT), context: DeviceContext = { builder, batch, sink: sinks(builder, batch) };
  const operations: DeviceOperation[] = [];
  for (const planned of plan.layers) {
    const inputs = planned.layer.inputs.map((name) => values.get(name)!);
    operations.push(await build(context, network, planned, inputs, define(planned.output), quantizers));
  }
  const count = batch * elements(network.input);
  const pixels = builder.own(new GpuBuffer(builder.device, "storage", count, "pixels"));
  const load = await builder.launch({
    label: "load pixels",
    code: loadCode,
    uses: "rw",
    values: {
      COUNT: count,
      CHANNELS: network.input[2],
      PADDED: input.channels,
      ZERO: network.encoding.zero,
      SCALE: network.encoding.scale,
    },
    operands: [pixels, input.data],
    groups: workgroups(count),
  });
  return {
    pixels,
    labels: builder.floats(batch, "labels"),
    output: values.get(plan.output)!,
    features: plan.features,
    operations,
    async forward(training) {
      const launches = [load];
      for (const operation of operations) launches.push(...await operation.forward(training));
      return launches;
    },
    async backward(pass) {
      const launches: Launch[] = [];
      for (const operation of operations.toReversed()) launches.push(...await operation.backward(pass));
      return launches;
    },
  };
}

function build(
  context: DeviceContext,
  network: Network,
  { layer, relu }: PlannedLayer,
  inputs: readonly DeviceValue[],
  output: DeviceValue,
  quantizers: Quantizers,
): Promise<DeviceOperation> {
  const input = inputs[0]!;
  switch (layer.op) {
    case "conv":
    case "linear":
      return convolution(context, network, layer, input, output, quantizers.weights(layer.name));
    case "batchNorm":
      return normalization(context, network, { batchNorm: layer, relu }, input, output, relu && quantizers.activations(relu.name));
    case "relu":
      return normalization(context, network, { relu: layer }, input, output, quantizers.activations(layer.name));
    case "maxPool":
    case "averagePool":
    case "globalAveragePool":
      return pool(context, layer, input, output);
    case "add":
    case "concat":
      return combine(context, layer, inputs, output);
    case "slice":
      return slice(context, layer, input, output);
    case "shuffle":
      return shuffle(context, layer, input, output);
    case "flatten":
      return flatten(context, input, output);
    case "softmax":
      throw new OptionError("build a training graph", { where: layer.name, got: "a softmax", wanted: "logits as the last layer" });
  }
}
