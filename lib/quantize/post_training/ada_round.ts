// AdaRound: whether each weight is rounded up or down is chosen so that the layer's output changes least, not the weight.

import type { Dataset } from "../../data/dataset.ts";
import { GraphError, OptionError } from "../../errors.ts";
import { geometryOf } from "../../map/geometry.ts";
import type { Conv, Linear } from "../../network/graph.ts";
import { inferShapes } from "../../network/shapes.ts";
import { checkOptions } from "../../options.ts";
import { hash } from "../../random.ts";
import { sourceIndex } from "../../simulate/reference/crossbar.ts";
import type { Geometry } from "../../simulate/program.ts";
import type { Tensor, TypedArray } from "../../tensor.ts";
import type { QuantizedNetwork } from "../quantize.ts";
import { type CalibrationOptions, fakeQuantised, observeLayers } from "./observe_layers.ts";

/** Options of {@linkcode adaRound}. */
export interface AdaRoundOptions extends CalibrationOptions {
  /** Layers rounded anew; default all quantised ones. */
  readonly layers?: readonly string[];
  /** Steps of Adam per layer; default 1000. */
  readonly steps?: number;
  /** Learning rate; default 0.01. */
  readonly rate?: number;
  /** Weight λ of the term that drives roundings to 0 or 1; default 0.01. */
  readonly regularisation?: number;
  /** Output positions kept per layer; default 1024. */
  readonly positions?: number;
  /** Positions per step; default 64. */
  readonly sample?: number;
  /** Seed of the samples; default 1. */
  readonly seed?: number;
  /** Called after each layer. */
  readonly onProgress?: (done: number, total: number, layer: string) => void;
}

const ACTION = "round a network's weights";
const NAMES = [
  ...["layers", "steps", "rate", "regularisation", "positions", "sample", "seed", "backend", "batch", "signal", "onProgress"],
] as const;

/**
 * Rounds weights up or down as serves each layer's output best (Nagel et al., AdaRound, 2020).
 *
 * code = ⌊w/s⌋ + h, h = clip(1.2·σ(v) − 0.1, 0, 1), minimises the mean squared error of the layer's outputs on calibration images + λ Σ (1 − |2h − 1|^β), β falling
 * from 20 to 2 after a fifth of the steps; in the end h is rounded. Layers go one after the other, the inputs of each being those of the network quantised so far.
 *
 * @param quantized From {@linkcode quantize}, of a network whose parameters still are the float weights; zero, scale and range of codes stay.
 * @returns The quantised network with other codes.
 * @throws {OptionError} if an option is unknown or out of range, or a layer is not quantised.
 * @throws {GraphError} if a layer's parameters are missing.
 */
export async function adaRound(
  quantized: QuantizedNetwork,
  data: Pick<Dataset, "images" | "name">,
  options: AdaRoundOptions = {},
): Promise<QuantizedNetwork> {
  checkOptions(ACTION, "options", options, NAMES);
  const { layers = Object.keys(quantized.weights), onProgress, signal } = options;
  for (const [name, least] of [["steps", 1], ["positions", 1], ["sample", 1], ["seed", 0]] as const) {
    const got = options[name];
    if (got !== undefined && !(Number.isInteger(got) && got >= least)) {
      throw new OptionError(ACTION, { where: name, got, wanted: `an integer of at least ${least}` });
    }
  }
  for (const [name, got] of [["rate", options.rate ?? 0.01], ["regularisation", options.regularisation ?? 0.01]] as const) {
    if (!(got >= 0 && Number.isFinite(got))) throw new OptionError(ACTION, { where: name, got, wanted: "a number of at least 0" });
  }
  const shapes = inferShapes(quantized.network);
  let rounded = quantized;
  for (const [index, name] of layers.entries()) {
    signal?.throwIfAborted();
    const codes = rounded.weights[name], layer = rounded.network.layers.find((each) => each.name === name) as Conv | Linear | undefined;
    if (codes === undefined || layer === undefined) {
      throw new OptionError(ACTION, { where: "layers", got: name, wanted: `some of ${Object.keys(quantized.weights).join(", ")}` });
    }
    const weights = rounded.network.parameters[`${name}.weight`];
    if (weights === undefined) throw new GraphError(ACTION, { where: `${name}.weight`, got: "no such parameter" });
    const geometry = geometryOf(layer, shapes.get(layer.inputs[0]!)!, shapes.get(name)!);
    const inputs = await sampleInputs(rounded, data, layer.inputs[0]!, geometry, options);
    const data_ = new Int16Array(codes.codes.data);
    for (let group = 0; group < geometry.groups; group++) roundGroup(data_, codes, weights, geometry, group, inputs[group]!, options);
    rounded = { ...rounded, weights: { ...rounded.weights, [name]: { ...codes, codes: { ...codes.codes, data: data_ } } } };
    onProgress?.(index + 1, layers.length, name);
  }
  return rounded;
}

/** Windows of a layer's input at sampled positions, `[groups][positions · rows]`, rows in the order of the weights. */
async function sampleInputs(
  quantized: QuantizedNetwork,
  data: Pick<Dataset, "images" | "name">,
  input: string,
  geometry: Geometry,
  options: AdaRoundOptions,
): Promise<Float32Array[]> {
  const { positions = 1024, seed = 1 } = options,
    area = geometry.outputShape[0] * geometry.outputShape[1],
    channels = geometry.inputShape[2] / geometry.groups;
  const count = data.images.shape[0]!,
    rows = geometry.kernel[0] * geometry.kernel[1] * channels,
    taps = geometry.kernel[0] * geometry.kernel[1];
  const kept = Math.min(positions, count * area), windows = Array.from({ length: geometry.groups }, () => new Float32Array(kept * rows));
  const places = Array.from({ length: kept }, (_, at) => {
    const from = Math.floor(at * count * area / kept), to = Math.floor((at + 1) * count * area / kept);
    return from + hash(seed, at) % (to - from);
  });
  let first = 0, next = 0;
  const take = ({ data, shape }: Tensor<TypedArray>) => {
    const size = data.length / shape[0]!;
    for (; next < kept && places[next]! < (first + shape[0]!) * area; next++) {
      const image = Math.floor(places[next]! / area) - first, position = places[next]! % area, width = geometry.outputShape[1];
      for (let group = 0; group < geometry.groups; group++) {
        for (let row = 0; row < rows; row++) {
          const source = sourceIndex(geometry, group, row, Math.floor(position / width), position % width);
          // Kernels count channels fastest, weights kernel positions.
          const at = (row % channels) * taps + Math.floor(row / channels);
          windows[group]![next * rows + at] = source < 0 ? 0 : data[image * size + source]!;
        }
      }
    }
    first += shape[0]!;
  };
  await observeLayers(fakeQuantised(quantized), data, [input], (outputs) => take(outputs.get(input)!), options);
  return windows;
}

/** Rounds the weights of one group of channels in place. */
function roundGroup(
  codes: Int16Array,
  { bits, signed, zero, scale, scales }: QuantizedNetwork["weights"][string] & { readonly scales?: ArrayLike<number> },
  weights: Tensor,
  { groups, outputShape }: Geometry,
  group: number,
  inputs: Float32Array,
  { steps = 1000, rate = 0.01, regularisation = 0.01, sample = 64, seed = 1 }: AdaRoundOptions,
): void {
  const outputs = outputShape[2] / groups,
    rows = weights.data.length / outputShape[2],
    kept = inputs.length / rows,
    start = group * outputs * rows;
  const lowest = signed ? -(2 ** (bits - 1)) : 0, highest = lowest + 2 ** bits - 1, size = outputs * rows;
  const stepOf = (o: number) => scale * (scales?.[group * outputs + o] ?? 1);
  const floor = new Float32Array(size), ideal = new Float32Array(size), v = new Float32Array(size);
  for (let at = 0; at < size; at++) {
    const exact = weights.data[start + at]! / stepOf(Math.floor(at / rows)) + zero,
      down = Math.min(Math.max(Math.floor(exact), lowest), highest - 1);
    floor[at] = down;
    ideal[at] = exact;
    const rest = Math.min(Math.max(exact - down, 0.01), 0.99), share = (rest + 0.1) / 1.2;
    v[at] = Math.log(share / (1 - share)); // h starts at the remainder
  }
  const moment = new Float32Array(size), square = new Float32Array(size), slope = new Float32Array(size), chosen = Math.min(sample, kept);
  const soft = (at: number) => Math.min(Math.max(1.2 / (1 + Math.exp(-v[at]!)) - 0.1, 0), 1);
  const h = new Float32Array(size);
  for (let step = 1; step <= steps; step++) {
    for (let at = 0; at < size; at++) h[at] = soft(at);
    slope.fill(0);
    for (let pick = 0; pick < chosen; pick++) {
      const from = (hash(seed, group, step, pick) % kept) * rows;
      for (let o = 0; o < outputs; o++) {
        let error = 0;
        for (let row = 0; row < rows; row++) {
          error += inputs[from + row]! * (floor[o * rows + row]! + h[o * rows + row]! - ideal[o * rows + row]!);
        }
        const factor = 2 * error * stepOf(o) ** 2 / chosen;
        if (factor !== 0) { for (let row = 0; row < rows; row++) slope[o * rows + row]! += factor * inputs[from + row]!; }
      }
    }
    const late = (step / steps - 0.2) / 0.8, beta = 20 - 18 * Math.max(0, late);
    for (let at = 0; at < size; at++) {
      const sigmoid = 1 / (1 + Math.exp(-v[at]!)), open = h[at]! > 0 && h[at]! < 1 ? 1.2 * sigmoid * (1 - sigmoid) : 0;
      const bent = 2 * h[at]! - 1, push = late < 0 ? 0 : -regularisation * 2 * beta * Math.abs(bent) ** (beta - 1) * Math.sign(bent);
      const gradient = (slope[at]! + push) * open;
      moment[at] = 0.9 * moment[at]! + 0.1 * gradient;
      square[at] = 0.999 * square[at]! + 0.001 * gradient * gradient;
      v[at] = v[at]! - rate * (moment[at]! / (1 - 0.9 ** step)) / (Math.sqrt(square[at]! / (1 - 0.999 ** step)) + 1e-8);
    }
  }
  for (let at = 0; at < size; at++) codes[start + at] = floor[at]! + Number(soft(at) >= 0.5);
}
