// Mean and standard deviation of the images, put where they cost nothing: into the encoding of pixels or into the first convolution, where that is exact.

import { GraphError, OptionError, ShapeError } from "../../errors.ts";
import { batchNormAffine, consumers } from "../../network/fold.ts";
import { type Conv, INPUT, type InputEncoding, type Layer, type Network } from "../../network/graph.ts";
import { tensor } from "../../tensor.ts";

/** How pixels become the numbers that a file expects: ((pixel − zero) · scale − mean) / std. */
export interface Normalisation {
  /** Default zero 0, scale 1/255. */
  readonly encoding?: InputEncoding;
  /** Subtracted, one for all channels or one each; default 0. */
  readonly mean?: number | readonly number[];
  /** Divides, one for all channels or one each; default 1. */
  readonly std?: number | readonly number[];
  /**
   * "auto": into the encoding or the first convolution where exact, else a batch norm that reads the images (the first convolution then computes in floating
   * point); "fold": an error instead of the latter. Default "auto".
   */
  readonly normalise?: "auto" | "fold";
}

const ACTION = "import an ONNX graph";

/**
 * Gives a network its encoding. Factors and shifts at the start of the graph are taken along.
 *
 * A padded convolution needs one shift for all channels that is a whole number of pixel steps, as padded positions are zeros after normalisation.
 *
 * @throws {OptionError | ShapeError} if an option is wrong.
 * @throws {GraphError} with "fold", if normalisation cannot be carried without a layer of its own.
 */
export function normalised(network: Omit<Network, "encoding">, options: Normalisation): Network {
  const { encoding = { zero: 0, scale: 1 / 255 }, normalise = "auto" } = options, channels = network.input[2];
  if (normalise !== "auto" && normalise !== "fold") {
    throw new OptionError(ACTION, { where: "normalise", got: normalise, wanted: '"auto" or "fold"' });
  }
  if (!Number.isInteger(encoding.zero) || !(encoding.scale > 0 && Number.isFinite(encoding.scale))) {
    throw new OptionError(ACTION, { where: "encoding", got: encoding, wanted: "an integer zero and a positive scale" });
  }
  const mean = perChannel("mean", options.mean ?? 0, channels), std = perChannel("std", options.std ?? 1, channels);
  if (std.some((value) => value <= 0)) throw new OptionError(ACTION, { where: "std", got: options.std, wanted: "positive numbers" });
  // x = factor · u + shift for u = (pixel − zero) · scale.
  const factor = std.map((value) => 1 / value), shift = std.map((value, channel) => -mean[channel]! / value);
  let current: Network = { ...network, encoding };
  for (;;) {
    const readers = consumers(current).get(INPUT)!, [first] = readers;
    if (readers.length !== 1 || first!.op !== "batchNorm" || current.layers.length === 1) break;
    const affine = batchNormAffine(current, first!.name);
    for (let channel = 0; channel < channels; channel++) {
      factor[channel]! *= affine.scale[channel]!;
      shift[channel] = shift[channel]! * affine.scale[channel]! + affine.bias[channel]!;
    }
    current = without(current, first!);
  }
  if (factor.every((value) => value === 1) && shift.every((value) => value === 0)) return current;
  const readers = consumers(current).get(INPUT)!, convs = readers.filter((layer): layer is Conv => layer.op === "conv");
  const whole = convs.length === readers.length;
  const zero = commonZero(factor, shift, encoding), padded = convs.some(({ padding }) => padding[0] + padding[1] > 0);
  const even = factor.every((value) => Math.abs(value / factor[0]! - 1) < 1e-7) && factor[0]! > 0;
  if (zero !== undefined && even) return { ...current, encoding: { zero, scale: encoding.scale * factor[0]! } };
  const coded = convs.some(({ name }) => current.codes?.[`${name}.weight`] !== undefined);
  if (whole && !coded && (zero !== undefined || !padded)) {
    const moved = zero ?? encoding.zero, offset = zero === undefined ? shift : shift.map(() => 0);
    return convs.reduce((made, conv) => folded(made, conv, factor, offset), { ...current, encoding: { ...encoding, zero: moved } });
  }
  if (normalise === "fold") {
    throw new GraphError(ACTION, {
      where: readers[0]?.name ?? INPUT,
      got: `mean [${mean}] and std [${std}] before ${
        coded ? "quantised weights" : whole ? "a padded convolution" : "a layer that is no convolution"
      }`,
      wanted: "an unpadded convolution, or a mean that is one whole pixel value for all channels",
      hint: 'With normalise: "auto" a batch norm before it does the same in floating point.',
    });
  }
  const name = uniqueName(current, "normalise"), one = tensor(new Float32Array(channels).fill(1), [channels]);
  const layer: Layer = { op: "batchNorm", name, inputs: [INPUT], epsilon: 0 };
  const layers = current.layers.map((each) => ({ ...each, inputs: each.inputs.map((input) => input === INPUT ? name : input) }));
  return {
    ...current,
    layers: [layer, ...layers],
    parameters: {
      ...current.parameters,
      [`${name}.weight`]: tensor(Float32Array.from(factor), [channels]),
      [`${name}.bias`]: tensor(Float32Array.from(shift), [channels]),
      [`${name}.mean`]: tensor(new Float32Array(channels), [channels]),
      [`${name}.variance`]: one,
    },
  };
}

function perChannel(where: string, given: number | readonly number[], channels: number): number[] {
  const values = typeof given === "number" ? Array(channels).fill(given) as number[] : [...given];
  if (!values.every((value) => typeof value === "number" && Number.isFinite(value))) {
    throw new OptionError(ACTION, { where, got: given, wanted: "finite numbers" });
  }
  if (values.length !== channels) {
    throw new ShapeError(ACTION, { where, got: `${values.length} numbers`, wanted: `1 or ${channels}, one per channel` });
  }
  return values;
}

/** The pixel that stands for 0 in every channel, if it is one and whole. */
function commonZero(factor: readonly number[], shift: readonly number[], { zero, scale }: InputEncoding): number | undefined {
  const pixels = factor.map((value, channel) => zero - shift[channel]! / value / scale), whole = Math.round(pixels[0]!);
  return pixels.every((pixel) => Math.abs(pixel - whole) < 1e-4) ? whole : undefined;
}

function without(network: Network, layer: Layer): Network {
  const parameters = Object.fromEntries(
    Object.entries(network.parameters).filter(([name]) =>
      !["weight", "bias", "mean", "variance"].some((part) => name === `${layer.name}.${part}`)
    ),
  );
  const layers = network.layers.filter((each) => each !== layer)
    .map((each) => ({ ...each, inputs: each.inputs.map((input) => input === layer.name ? INPUT : input) }));
  return { ...network, layers, parameters };
}

/** W' = W · factor per input channel, b' = b + Σ W · shift. */
function folded(network: Network, conv: Conv, factor: readonly number[], shift: readonly number[]): Network {
  const weight = network.parameters[`${conv.name}.weight`]!, own = network.parameters[`${conv.name}.bias`]?.data;
  const [out, each, height, width] = weight.shape as [number, number, number, number], area = height * width, perGroup = out / conv.groups;
  const data = new Float32Array(weight.data.length), bias = new Float32Array(out);
  for (let channel = 0; channel < out; channel++) {
    let sum = own?.[channel] ?? 0;
    for (let input = 0; input < each; input++) {
      const from = Math.floor(channel / perGroup) * each + input, start = (channel * each + input) * area;
      for (let at = start; at < start + area; at++) {
        data[at] = weight.data[at]! * factor[from]!;
        sum += weight.data[at]! * shift[from]!;
      }
    }
    bias[channel] = sum;
  }
  const biased = conv.bias || shift.some((value) => value !== 0);
  return {
    ...network,
    layers: network.layers.map((layer) => layer.name === conv.name ? { ...conv, bias: biased } : layer),
    parameters: {
      ...network.parameters,
      [`${conv.name}.weight`]: tensor(data, weight.shape),
      ...(biased ? { [`${conv.name}.bias`]: tensor(bias, [out]) } : {}),
    },
  };
}

function uniqueName({ layers }: Network, wanted: string): string {
  let name = wanted;
  for (let number = 2; layers.some((layer) => layer.name === name); number++) name = `${wanted}_${number}`;
  return name;
}
