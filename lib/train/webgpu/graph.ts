// A network that trains on the device: the launches of a step and of inference, and the host's copy of its state.

import entropyCode from "../../../kernels/train/cross_entropy.wgsl" with { type: "text" };
import { GpuBuffer } from "../../gpu/buffers.ts";
import type { GpuDevice } from "../../gpu/device.ts";
import type { Network } from "../../network/graph.ts";
import { quantizersOf, type Recipe } from "../recipe.ts";
import { networkWith } from "../trained.ts";
import type { TrainingState } from "../trainer.ts";
import { padded } from "../value.ts";
import { type Launch, LaunchBuilder } from "./launch.ts";
import { deviceLayers } from "./layers.ts";
import type { DeviceParameter } from "./parameter.ts";
import type { DeviceOperation } from "./value.ts";

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
  const { batch } = recipe, builder = new LaunchBuilder(device);
  try {
    const layers = await deviceLayers(builder, network, batch, quantizersOf(recipe, network)), { operations, output, features } = layers;
    const results = builder.floats(2 * batch, "losses"), rate = builder.own(new GpuBuffer(device, "uniform", 16, "learning rate"));
    const entropy = await builder.launch({
      label: "cross-entropy",
      code: entropyCode,
      uses: "rrww",
      values: { BATCH: batch, CLASSES: features, PADDED: output.channels, SMOOTHING: recipe.smoothing },
      operands: [output.data, layers.labels, output.gradient!, results],
      groups: batch,
    });
    const parameters = operations.flatMap((operation) => operation.parameters), updates: Launch[] = [];
    for (const parameter of parameters) updates.push(await parameter.update(recipe.optimizer, rate));
    return {
      builder,
      pixels: layers.pixels,
      labels: layers.labels,
      rate,
      logits: output.data,
      channels: output.channels,
      features,
      results,
      step: [
        ...await layers.forward(true),
        entropy,
        ...await layers.backward("training"),
        ...updates,
      ],
      inference: await layers.forward(false),
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
