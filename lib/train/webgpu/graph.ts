// A network on the device: the launches of a pass forward, backward, and of the optimiser, and the host's copy of its state.

import entropyCode from "../../../kernels/train/cross_entropy.wgsl" with { type: "text" };
import loadCode from "../../../kernels/train/load.wgsl" with { type: "text" };
import { OptionError } from "../../errors.ts";
import { GpuBuffer } from "../../gpu/buffers.ts";
import type { GpuDevice } from "../../gpu/device.ts";
import { INPUT, type Network } from "../../network/graph.ts";
import { elements } from "../../tensor.ts";
import { type PlannedLayer, planTraining } from "../plan.ts";
import { quantizersOf, type Recipe } from "../recipe.ts";
import { networkWith } from "../trained.ts";
import type { TrainingState } from "../trainer.ts";
import { padded } from "../value.ts";
import { convolution } from "./convolution.ts";
import { type Launch, LaunchBuilder, workgroups } from "./launch.ts";
import { combine, flatten, shuffle, slice } from "./move.ts";
import { normalization } from "./normalization.ts";
import type { DeviceParameter } from "./parameter.ts";
import { pool } from "./pool.ts";
import { type DeviceContext, type DeviceOperation, type DeviceValue, sinks, valueFloats } from "./value.ts";

/** A part of the device's state and its copy on the host. */
export interface Mirror {
  readonly buffer: GpuBuffer;
  /** First float of the buffer. */
  readonly first: number;
  readonly host: Float32Array;
}

/** A network ready to train. */
export interface DeviceGraph {
  readonly builder: LaunchBuilder;
  /** Bytes of a batch. */
  readonly pixels: GpuBuffer;
  /** One u32 per image. */
  readonly labels: GpuBuffer;
  /** Learning rate and Adam's factors, as the trainer uploads them. */
  readonly rate: GpuBuffer;
  /** Logits, `[batch][channels]`, `features` of them real. */
  readonly logits: GpuBuffer;
  readonly channels: number;
  readonly features: number;
  /** Loss and hit per image. */
  readonly results: GpuBuffer;
  readonly step: readonly Launch[];
  readonly inference: readonly Launch[];
  readonly state: TrainingState;
  readonly mirrors: readonly Mirror[];
}

/** Builds a network's buffers and launches. @throws {OptionError | GraphError | ShapeError | DeviceError} if it is wrong, or too large. */
export async function deviceGraph(device: GpuDevice, network: Network, recipe: Recipe): Promise<DeviceGraph> {
  const { batch } = recipe, plan = planTraining(network, batch), quantizers = quantizersOf(recipe, network);
  const builder = new LaunchBuilder(device);
  try {
    const values = new Map<string, DeviceValue>();
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
    const output = values.get(plan.output)!, count = batch * elements(network.input);
    const pixels = builder.own(new GpuBuffer(device, "storage", count, "pixels"));
    const labels = builder.floats(batch, "labels"), results = builder.floats(2 * batch, "losses");
    const rate = builder.own(new GpuBuffer(device, "uniform", 16, "learning rate"));
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
    const entropy = await builder.launch({
      label: "cross-entropy",
      code: entropyCode,
      uses: "rrww",
      values: { BATCH: batch, CLASSES: plan.features, PADDED: output.channels, SMOOTHING: recipe.smoothing },
      operands: [output.data, labels, output.gradient!, results],
      groups: batch,
    });
    const parameters = operations.flatMap((operation) => operation.parameters), updates: Launch[] = [];
    for (const parameter of parameters) updates.push(await parameter.update(recipe.optimizer, rate));
    return {
      builder,
      pixels,
      labels,
      rate,
      logits: output.data,
      channels: output.channels,
      features: plan.features,
      results,
      step: [
        load,
        ...operations.flatMap((operation) => operation.forward),
        entropy,
        ...operations.toReversed().flatMap((operation) => operation.backward),
        ...updates,
      ],
      inference: [load, ...operations.flatMap((operation) => operation.inference ?? operation.forward)],
      ...stateOf(network, operations, parameters),
    };
  } catch (error) {
    builder[Symbol.dispose]();
    throw error;
  }
}

function stateOf(
  network: Network,
  operations: readonly DeviceOperation[],
  parameters: readonly DeviceParameter[],
): Pick<DeviceGraph, "state" | "mirrors"> {
  const mirrors: Mirror[] = parameters.flatMap(({ latent, velocity, squares, values, momentum, second }) => {
    const square = squares();
    return [
      { buffer: latent, first: 0, host: values },
      { buffer: velocity, first: 0, host: momentum },
      ...square === undefined ? [] : [{ buffer: square, first: 0, host: second() }],
    ];
  });
  const state: Record<string, Float32Array> = {};
  for (const { statistics } of operations) {
    statistics?.values.forEach((host, index) => {
      state[statistics.names[index]!] = host;
      mirrors.push({ buffer: statistics.buffer, first: index * padded(host.length), host });
    });
  }
  return { state: { parameters, state, clock: { steps: 0 }, network: () => networkWith(network, parameters, state) }, mirrors };
}

function build(
  context: DeviceContext,
  network: Network,
  { layer, relu }: PlannedLayer,
  inputs: readonly DeviceValue[],
  output: DeviceValue,
  quantizers: ReturnType<typeof quantizersOf>,
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
