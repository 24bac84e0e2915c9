// What post-training methods look at: outputs of layers of a float (or quantised) network on calibration images, batch by batch on any backend.

import type { Dataset } from "../../data/dataset.ts";
import { GraphError, OptionError } from "../../errors.ts";
import type { Network } from "../../network/graph.ts";
import type { Backend } from "../../simulate/backend.ts";
import { type BackendChoice, openBackend } from "../../simulate/choose_backend.ts";
import { lowerQuantized } from "../../simulate/lower/lower.ts";
import { elements, type Tensor, tensor, type TypedArray } from "../../tensor.ts";
import { decodeWeights } from "../../train/trained.ts";
import type { QuantizedNetwork } from "../quantize.ts";

/** Where calibration runs. */
export interface CalibrationOptions {
  /** Backend by name (default "cpu"), or one already open, which is left open. */
  readonly backend?: BackendChoice | Backend;
  /** Images at once; default 32. */
  readonly batch?: number;
  /** Stops the work between batches. */
  readonly signal?: AbortSignal;
}

/** A network left in floating point throughout. */
export function inFloats(network: Network): QuantizedNetwork {
  return { kind: "quantized", network, weights: {}, activations: {}, digital: [] };
}

/** A quantised network whose layers put out reals: weights are the values of their codes, activations are quantised as they were. */
export function fakeQuantised(quantized: QuantizedNetwork): QuantizedNetwork {
  const decoded = Object.entries(quantized.weights).map(([name, codes]) => [`${name}.weight`, decodeWeights(codes)] as const);
  const { codes: _, ...network } = quantized.network;
  const parameters = { ...network.parameters, ...Object.fromEntries(decoded) };
  return { kind: "quantized", network: { ...network, parameters }, weights: {}, activations: quantized.activations, digital: [] };
}

/**
 * Runs images through a network and shows each batch's outputs of some layers.
 *
 * @param names Layers looked at.
 * @param visit Gets, batch by batch, outputs `[batch, height, width, channels]` by layer.
 * @throws {OptionError} if there are no images.
 * @throws {GraphError} if a layer's output does not exist by itself in the lowered network.
 */
export async function observeLayers(
  quantized: QuantizedNetwork,
  { images, name: data }: Pick<Dataset, "images" | "name">,
  names: readonly string[],
  visit: (outputs: ReadonlyMap<string, Tensor<TypedArray>>) => void,
  options: CalibrationOptions = {},
): Promise<void> {
  const { batch = 32 } = options, [count = 0, ...shape] = images.shape, size = elements(shape);
  if (count === 0) throw new OptionError("calibrate a network", { where: data, got: "no images", wanted: "at least one" });
  const open = typeof options.backend === "object" ? options.backend : undefined;
  const backend = open ?? await openBackend(options.backend as BackendChoice | undefined ?? "cpu");
  try {
    const program = lowerQuantized(quantized);
    // The last value of a name is the layer's whole output: steps that only prepare it come before.
    const values = new Map(program.values.map(({ name }, value) => [name, value]));
    const wanted = names.map((name): [string, number] => {
      const value = program.layers[name]?.output ?? values.get(name);
      if (value !== undefined) return [name, value];
      throw new GraphError("calibrate a network", {
        where: name,
        got: "no value of its own",
        wanted: `one of ${[...values.keys()].join(", ")}`,
      });
    });
    await using session = await backend.prepare(program);
    for (let begin = 0; begin < count; begin += batch) {
      options.signal?.throwIfAborted();
      const here = Math.min(batch, count - begin);
      const pixels = tensor(images.data.subarray(begin * size, (begin + here) * size), [here, ...shape]);
      const { taps } = await session.run(pixels, wanted.map(([, value]) => value), begin);
      visit(new Map(wanted.map(([name, value]) => [name, taps.get(value)!])));
    }
  } finally {
    if (open === undefined) await backend[Symbol.asyncDispose]();
  }
}
