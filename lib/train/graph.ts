// A network made trainable for one batch size: buffers, operations in order, forward and backward.

import type { ThreadPool } from "../cpu/pool.ts";
import { GraphError, OptionError, ShapeError } from "../errors.ts";
import { INPUT, type Layer, type Network, type Relu } from "../network/graph.ts";
import type { ActivationQuantizer, WeightQuantizer } from "../quantize/quantizer.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { convolution, gradientHalo } from "./convolution.ts";
import { foldedLayer } from "./folded_layer.ts";
import type { Folding } from "./fold_options.ts";
import { normalization } from "./normalization.ts";
import { type Backward, type BuildContext, GRADIENTS, type GradientSink, mover, type Operation } from "./op.ts";
import type { Parameter } from "./parameter.ts";
import { pimLayer } from "./pim/layer.ts";
import type { Pim } from "./pim/options.ts";
import { codeSource } from "./pim/source.ts";
import { type PlannedLayer, planTraining } from "./plan.ts";
import { networkWith } from "./trained.ts";
import type { TrainingState } from "./trainer.ts";
import { averagePool, combine, flatten, maxPool, shuffle, slice } from "./reshape.ts";
import { imageBuffer, imageFloats, type TrainingValue } from "./value.ts";

/** What is fake-quantised in training. */
export interface TrainingQuantizers {
  /** Weight quantizer of a convolution or linear layer, by name; undefined leaves it in floats. */
  weights(layer: string): WeightQuantizer | undefined;
  /** Activation quantizer of a ReLU, by name. */
  activations(layer: string): ActivationQuantizer | undefined;
  /** Layers that run on arrays, in order, and how. */
  readonly pim?: { readonly layers: readonly string[]; readonly options: Pim };
  /** Batch norms that go into the weights before they are quantised. */
  readonly fold?: Folding | undefined;
}

/** A network ready to train. Owns shared memory through the pool it was built on. */
export interface TrainingGraph extends TrainingState {
  /** Images per batch. */
  readonly batch: number;
  /** All trainable tensors. */
  readonly parameters: readonly Parameter[];
  /** Running statistics by parameter name. */
  readonly state: Readonly<Record<string, Float32Array>>;
  /** Puts weights on arrays. Where layers run on them, every training step begins with it, and evaluation with parameters that have changed. */
  prepare(training: boolean): Promise<void>;
  /** Loads a batch of pixels `[batch, height, width, channels]` and computes `[batch, features]` logits. */
  forward(pixels: Uint8Array, training: boolean): Float32Array;
  /** From ∂loss/∂logits, the gradients of all parameters; or from ∂²loss/∂logits² their second derivatives. */
  backward(gradient: Float32Array, pass?: Backward): void;
  /** The network with current parameters, running statistics included. */
  network(): Network;
  /**
   * Output of a layer in the last forward pass, `[batch, height, width, channels]`; for tests and probes. Batch norm fused with its ReLU has none; a layer with a
   * folded batch norm has that of the last training step, with float weights.
   */
  output(layer: string): Tensor;
}

const NONE: TrainingQuantizers = { weights: () => undefined, activations: () => undefined };

/**
 * Builds the operations of a network for batches of a fixed size.
 *
 * @throws {OptionError} if the batch is not a positive integer, or a quantised ReLU is not followed as the kernels need.
 * @throws {GraphError | ShapeError} if the network is malformed.
 */
export async function trainingGraph(
  pool: ThreadPool,
  network: Network,
  batch: number,
  quantizers: TrainingQuantizers = NONE,
): Promise<TrainingGraph> {
  const plan = planTraining(network, batch), { fold } = quantizers, clock: TrainingState["clock"] = { steps: 0 };
  const values = new Map<string, TrainingValue>();
  const define = (name: string, producer: Layer | undefined) => {
    const shape = plan.shape(name), next = plan.readers(name);
    const halo = Math.max(0, ...next.map((layer) => layer.op === "conv" ? Math.max(...layer.padding) : 0));
    const back = producer?.op === "conv" ? Math.max(0, gradientHalo(producer)) : 0;
    const value: TrainingValue = {
      name,
      shape,
      data: imageBuffer(pool, batch, shape, halo),
      gradient: unwanted(name, next)
        ? { address: 0, plane: { height: 0, width: 0, channels: 4, halo: 0 } }
        : imageBuffer(pool, batch, shape, back),
      // A layer with a folded batch norm reads its input twice.
      readers: next.length + next.filter((layer) => fold?.layers.has(layer.name)).length,
    };
    values.set(name, value);
    return value;
  };
  define(INPUT, undefined);

  const context: BuildContext = { pool, batch, gradientSink: sinks(pool, batch), scratch: scratch(pool) };
  const operations: Operation[] = [];
  for (const { layer, relu } of withoutFolded(plan.layers, fold)) {
    const inputs = layer.inputs.map((name) => values.get(name)!), batchNorm = fold?.layers.get(layer.name), input = inputs[0]!;
    if (batchNorm === undefined || (layer.op !== "conv" && layer.op !== "linear")) {
      operations.push(await build(context, network, layer, relu, inputs, define, quantizers, operations));
      continue;
    }
    const sums = define(layer.name, layer), output = define(batchNorm.name, layer), quantizer = quantizers.weights(layer.name);
    const parts = { layer, batchNorm, input, sums, output, quantizer, needsInputGradient: input.name !== INPUT };
    const frozen = () => (clock.epochs ?? 0) >= (fold!.freezeAfter ?? Infinity);
    operations.push(await foldedLayer(context, network, { ...parts, frozen }, fold!));
  }

  const { features } = plan, output = values.get(plan.output)!, input = values.get(INPUT)!;
  const width = output.data.plane.channels;
  const parameters = operations.flatMap((operation) => operation.parameters);
  const state = Object.assign({}, ...operations.map((operation) => operation.state)) as Record<string, Float32Array>;
  const logits = pool.f32(output.data.address, batch * width), seed = pool.f32(output.gradient.address, batch * width);
  const load = loader(pool, batch, network, input);

  return {
    batch,
    parameters,
    state,
    clock,
    ...(fold === undefined ? {} : { folds: true }),
    async prepare(training) {
      for (const operation of operations) await operation.prepare?.(training);
    },
    forward(pixels, training) {
      load(pixels);
      for (const operation of operations) operation.forward(training);
      const result = new Float32Array(batch * features);
      for (let image = 0; image < batch; image++) result.set(logits.subarray(image * width, image * width + features), image * features);
      return result;
    },
    backward(gradient, pass = GRADIENTS) {
      seed.fill(0);
      for (let image = 0; image < batch; image++) seed.set(gradient.subarray(image * features, (image + 1) * features), image * width);
      for (const operation of operations.toReversed()) operation.backward(pass);
    },
    network: () => networkWith(network, parameters, state),
    output(name) {
      const value = values.get(name);
      if (value !== undefined) return interior(pool, batch, value);
      throw new GraphError("read a layer's output", {
        where: name,
        got: "no such value",
        wanted: `one of ${[...values.keys()].join(", ")}`,
      });
    },
  };
}

/** The plan without batch norms that are folded; a ReLU that was to be computed with one stands alone. */
function withoutFolded(layers: readonly PlannedLayer[], fold: Folding | undefined): readonly PlannedLayer[] {
  if (fold === undefined) return layers;
  const gone = new Set(Array.from(fold.layers.values(), ({ name }) => name));
  return layers.flatMap((planned) => {
    if (!gone.has(planned.layer.name)) return [planned];
    const { relu } = planned;
    return relu === undefined ? [] : [{ layer: relu, relu: undefined, output: relu.name }];
  });
}

/** Whether nobody asks for a value's gradient: weighted layers leave that of the images out, other layers compute it all the same. */
function unwanted(name: string, readers: readonly Layer[]): boolean {
  return name === INPUT && readers.every(({ op }) => op === "conv" || op === "linear");
}

/** Memory that operations share, as large as what asks for most. */
function scratch(pool: ThreadPool): BuildContext["scratch"] {
  let most = 0, address: number | undefined;
  return (bytes) => {
    most = Math.max(most, bytes);
    return () => address ??= pool.allocate(most * pool.threads);
  };
}

/** Each value's readers take turns: the first writes the gradient, later ones add to it from a buffer of their own. Reverse order of building is the order of running. */
function sinks(pool: ThreadPool, batch: number): BuildContext["gradientSink"] {
  const built = new Map<string, number>();
  return async (value): Promise<GradientSink> => {
    const turn = (built.get(value.name) ?? 0) + 1;
    built.set(value.name, turn);
    // Backward runs in reverse, so the last reader built is the first to write.
    if (turn === value.readers) return { buffer: value.gradient, commit() {} };
    const own = imageBuffer(pool, batch, value.shape, 0);
    return { buffer: own, commit: await mover(pool, batch, own, value.gradient, true) };
  };
}

function build(
  context: BuildContext,
  network: Network,
  layer: Layer,
  relu: Relu | undefined,
  inputs: readonly TrainingValue[],
  define: (name: string, producer: Layer) => TrainingValue,
  quantizers: TrainingQuantizers,
  before: readonly Operation[],
): Promise<Operation> {
  const output = define(relu?.name ?? layer.name, relu ?? layer), input = inputs[0]!;
  switch (layer.op) {
    case "conv":
    case "linear": {
      const { pim } = quantizers, number = pim?.layers.indexOf(layer.name) ?? -1, needsInputGradient = input.name !== INPUT;
      const quantizer = quantizers.weights(layer.name);
      if (pim === undefined || number < 0) return convolution(context, network, layer, input, output, quantizer, needsInputGradient);
      const level = (name: string) =>
        before.flatMap(({ parameters }) => parameters).find((each) => each.name === `${name}.alpha`)!.values[0]!;
      const source = codeSource(network, input.name, layer.name, quantizers, level);
      return pimLayer(context, network, { layer, input, output, quantizer, needsInputGradient, source, number }, pim.options);
    }
    case "batchNorm":
      return normalization(context, network, { batchNorm: layer, relu }, input, output, relu && quantizers.activations(relu.name));
    case "relu":
      return normalization(context, network, { relu: layer }, input, output, quantizers.activations(layer.name));
    case "maxPool":
      return maxPool(context, layer, input, output);
    case "averagePool":
    case "globalAveragePool":
      return averagePool(context, layer, input, output);
    case "add":
    case "concat":
      return combine(context, layer, inputs, output);
    case "slice":
      return slice(context, layer, input, output);
    case "shuffle":
      return shuffle(context, layer, input, output);
    case "flatten":
      return flatten(context, layer, input, output);
    case "softmax":
      throw new OptionError("build a training graph", { where: layer.name, got: "a softmax", wanted: "logits as the last layer" });
  }
}

function loader(pool: ThreadPool, batch: number, network: Network, input: TrainingValue): (pixels: Uint8Array) => void {
  const { plane, address } = input.data, [height, width, channels] = input.shape, floats = pool.f32(address, batch * imageFloats(plane));
  const table = Float32Array.from({ length: 256 }, (_, pixel) => (pixel - network.encoding.zero) * network.encoding.scale);
  const expected = batch * height * width * channels;
  return (pixels) => {
    if (pixels.length !== expected) {
      throw new ShapeError("load a batch", { got: `${pixels.length} pixels`, wanted: `${expected} for ${batch} images` });
    }
    let source = 0;
    for (let image = 0; image < batch; image++) {
      for (let y = 0; y < height; y++) {
        let target = image * imageFloats(plane) + ((y + plane.halo) * (plane.width + 2 * plane.halo) + plane.halo) * plane.channels;
        for (let x = 0; x < width; x++, target += plane.channels) {
          for (let c = 0; c < channels; c++) floats[target + c] = table[pixels[source++]!]!;
        }
      }
    }
  };
}

function interior(pool: ThreadPool, batch: number, { data, shape }: TrainingValue): Tensor {
  const [height, width, channels] = shape, { plane } = data, floats = pool.f32(data.address, batch * imageFloats(plane));
  const result = new Float32Array(batch * height * width * channels);
  let target = 0;
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, target += channels) {
        const source = image * imageFloats(plane) + ((y + plane.halo) * (plane.width + 2 * plane.halo) + x + plane.halo) * plane.channels;
        result.set(floats.subarray(source, source + channels), target);
      }
    }
  }
  return tensor(result, [batch, height, width, channels]);
}
