// Nodes that act on each number, or on each channel: rectifiers, sums, factors, batch norm, softmax, and quantisation of activations.

import type { Tensor } from "../../../tensor.ts";
import { channelsLast } from "../../channels_last.ts";
import { type Activation, activationOf, addLayer, constantOf, dimsOf, layerOf, type NodeContext, vector } from "../context.ts";
import { type Constant } from "../constant.ts";
import { RANGES } from "../constant_ops.ts";
import { DATA_TYPE } from "../schema.ts";

/** max(x, 0), and where given min(…, most). */
function rectified(node: NodeContext, input: Activation, most: number): Activation {
  const { graph } = node,
    before = layerOf(node, input),
    alpha: Record<string, Tensor> = Number.isFinite(most) ? { alpha: vector([most]) } : {};
  if (before?.op === "relu" && input.sole) {
    const known = graph.parameters[`${before.name}.alpha`]?.data[0] ?? Infinity;
    if (most < known) graph.parameters[`${before.name}.alpha`] = vector([most]);
    return input;
  }
  return { ...input, layer: addLayer(node, { op: "relu", name: node.name, inputs: [input.layer] }, alpha) };
}

/** Relu. */
export function relu(node: NodeContext): Activation {
  return rectified(node, activationOf(node, 0), Infinity);
}

/** Clip from 0 on. */
export function clip(node: NodeContext): Activation {
  const input = activationOf(node, 0),
    limit = (index: number, what: string, otherwise: number) => {
      return node.inputs[index] === undefined ? otherwise : constantOf(node, index, what).data[0] ?? otherwise;
    };
  const least = limit(1, "a lower limit", -Infinity), most = limit(2, "an upper limit", Infinity);
  const rectifies = least === 0 || (least < 0 && layerOf(node, input)?.op === "relu");
  if (!rectifies || !(most > 0)) return node.refuse(`limits ${least} and ${most}`, "0 and a positive number: a clipped relu");
  return rectified(node, input, most);
}

/** Softmax over classes. */
export function softmax(node: NodeContext): Activation {
  const input = activationOf(node, 0), rank = dimsOf(node, input).length, axis = node.attributes.integer("axis", node.opset < 13 ? 1 : -1);
  const [height, width] = node.graph.shapes.get(input.layer)!, channel = input.view.kind === "nhwc" ? 3 : 1;
  const single = input.view.kind === "flat" || height * width === 1;
  if ((axis < 0 ? axis + rank : axis) !== channel || (node.opset < 13 && !single)) {
    return node.refuse(`axis ${axis} of rank ${rank}`, "the channels");
  }
  return { ...input, layer: addLayer(node, { op: "softmax", name: node.name, inputs: [input.layer] }) };
}

/** BatchNormalization at inference. */
export function batchNorm(node: NodeContext): Activation {
  const input = activationOf(node, 0), channels = node.graph.shapes.get(input.layer)![2];
  if (node.attributes.integer("training_mode", 0) !== 0) {
    node.graph.note(`${node.where}: in training mode; its stored mean and variance are used`);
  }
  const parts = ["scale", "biases", "means", "variances"].map((what, index) => {
    const { data } = constantOf(node, index + 1, what);
    if (data.length !== channels) return node.refuse(`${data.length} ${what}`, `${channels}, one per channel`);
    return vector(inOrder(input, new Float32Array(data)));
  });
  const [weight, bias, mean, variance] = parts as [Tensor, Tensor, Tensor, Tensor];
  const layer = {
    op: "batchNorm",
    name: node.name,
    inputs: [input.layer],
    epsilon: decimal(node.attributes.real("epsilon", 1e-5)),
  } as const;
  return { ...input, layer: addLayer(node, layer, { weight, bias, mean, variance }) };
}

/** The short decimal number that a 32-bit float stands for. */
function decimal(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === Math.fround(value) ? short : value;
}

/** Numbers per ONNX feature in the order of the layer's own. */
function inOrder({ view }: Activation, data: Float32Array): Float32Array {
  return view.kind === "flat" && view.order === "chw" ? channelsLast(data, view.from) : data;
}

/** Add, Sub, Mul and Div: sums of activations, or a constant per channel, which becomes a batch norm or a bias. */
export function arithmetic(node: NodeContext): Activation {
  const [a, b] = node.inputs;
  if (a?.kind === "activation" && b?.kind === "activation") return sum(node, [activationOf(node, 0), activationOf(node, 1)]);
  const at = a?.kind === "activation" ? 0 : 1,
    input = activationOf(node, at),
    numbers = perChannel(node, input, constantOf(node, 1 - at, "numbers"));
  const minus = node.op === "Sub", count = numbers.length;
  if (node.op === "Div" && at === 1) return node.refuse("a constant divided by an activation", "an activation divided by constants");
  const scale = new Float32Array(count).fill(minus && at === 1 ? -1 : 1), shift = new Float32Array(count);
  for (let channel = 0; channel < count; channel++) {
    const value = numbers[channel]!;
    if (node.op === "Mul") scale[channel] = value;
    else if (node.op === "Div") scale[channel] = 1 / value;
    else shift[channel] = minus && at === 0 ? -value : value;
  }
  const before = layerOf(node, input), plain = scale.every((factor) => factor === 1);
  if (plain && (before?.op === "conv" || before?.op === "linear") && !before.bias && input.sole) {
    node.graph.layers.set(before.name, { ...before, bias: true });
    node.graph.parameters[`${before.name}.bias`] = vector(shift);
    return input;
  }
  const layer = addLayer(node, { op: "batchNorm", name: node.name, inputs: [input.layer], epsilon: 0 }, {
    weight: vector(scale),
    bias: vector(shift),
    mean: vector(new Float32Array(count)),
    variance: vector(new Float32Array(count).fill(1)),
  });
  return { ...input, layer };
}

/** Sum, and Add of activations. */
export function sum(node: NodeContext, given?: readonly Activation[]): Activation {
  if (node.op !== "Add" && node.op !== "Sum") return node.refuse(`${node.op} of two activations`, "Add, or constants on one side");
  const inputs = given ?? node.inputs.map((_, index) => activationOf(node, index)), first = inputs[0]!;
  const shown = inputs.map((each) => `[${dimsOf(node, each)}]`);
  const layout = ({ view }: Activation) => view.kind === "flat" && view.from[0] * view.from[1] > 1 ? `flat ${view.order}` : view.kind;
  if (inputs.some((each, index) => shown[index] !== shown[0] || layout(each) !== layout(first))) {
    return node.refuse(shown.join(" + "), "equal shapes in one layout");
  }
  if (inputs.length === 1) return first;
  return { ...first, layer: addLayer(node, { op: "add", name: node.name, inputs: inputs.map(({ layer }) => layer) }) };
}

/** A constant that is the same at every pixel, one number per channel of the layer. */
function perChannel(node: NodeContext, input: Activation, { dims, data }: Constant): Float32Array {
  const own = dimsOf(node, input), channel = input.view.kind === "nhwc" ? 3 : 1, channels = node.graph.shapes.get(input.layer)![2];
  if (input.view.kind === "groups" || input.view.kind === "dealt") {
    return node.refuse("a factor inside a channel shuffle", "factors before or after it");
  }
  const lifted = [...Array(Math.max(0, own.length - dims.length)).fill(1), ...dims] as number[];
  const fits = lifted.length === own.length && lifted.every((extent, axis) => extent === 1 || (axis === channel && extent === channels));
  if (!fits) return node.refuse(`a constant of shape [${dims}] beside [${own}]`, "one number, or one per channel");
  return inOrder(input, data.length === 1 ? new Float32Array(channels).fill(data[0]!) : new Float32Array(data));
}

/** Dropout passes everything on. */
export function dropout(node: NodeContext): Activation {
  const mode = node.inputs[2];
  if (mode !== undefined && (mode.kind !== "constant" || mode.data[0] !== 0)) {
    node.graph.note(`${node.where}: in training mode; nothing is dropped`);
  }
  return activationOf(node, 0);
}

/** QuantizeLinear of an activation: its largest value is kept for the DequantizeLinear that follows. */
export function quantizeActivation(node: NodeContext): Activation {
  const input = activationOf(node, 0),
    scale = constantOf(node, 1, "a scale"),
    zero = node.inputs[2] === undefined ? undefined : constantOf(node, 2, "a zero point");
  const range = RANGES[zero?.type ?? DATA_TYPE.uint8] ?? node.refuse("codes of another type", "int8 or uint8");
  const step = scale.data[0], shift = zero?.data[0] ?? 0;
  if (scale.data.length !== 1 || !(step! > 0 && Number.isFinite(step)) || (zero?.data.length ?? 1) !== 1) {
    return node.refuse("scales per channel or not positive", "one positive scale");
  }
  return { ...input, quantized: { most: (range[1] - shift) * step!, unsigned: shift === range[0], step: step!, zero: shift } };
}

/**
 * DequantizeLinear of an activation. Codes from 0 on are a relu clipped at the largest code, which quantisers leave out where the codes do its work.
 * Signed codes are dropped: such values stay real.
 */
export function dequantizeActivation(node: NodeContext): Activation {
  const { quantized, ...input } = activationOf(node, 0);
  if (quantized === undefined) return node.refuse("real values", "codes of a QuantizeLinear");
  const scale = constantOf(node, 1, "a scale").data, zero = node.inputs[2] === undefined ? 0 : constantOf(node, 2, "a zero point").data[0];
  if (scale.length !== 1 || scale[0] !== quantized.step || zero !== quantized.zero) {
    return node.refuse("another scale or zero point", "those of the QuantizeLinear");
  }
  const { graph } = node;
  if (input.layer === "input") return graph.note(`${node.where}: codes of the images are dropped; pixels are codes already`), input;
  if (!quantized.unsigned) {
    const before = layerOf(node, input);
    if (before?.op === "relu" && quantized.most > 0) return rectified(node, input, quantized.most);
    return graph.note(`${node.where}: signed codes of activations are dropped; ${input.layer} stays real`), input;
  }
  let source = layerOf(node, input);
  while (source !== undefined && ["maxPool", "flatten", "slice", "shuffle"].includes(source.op)) {
    source = graph.layers.get(source.inputs[0]!);
  }
  if (source?.op === "relu" && source.name !== input.layer) return input;
  return rectified(node, input, quantized.most);
}
