// Which codes each layer gets, and that wrong options are refused by name.

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { GraphError, OptionError, ShapeError } from "../../lib/errors.ts";
import type { Layer, Network, TrainedCodes } from "../../lib/network/graph.ts";
import { quantize, type QuantizeOptions } from "../../lib/quantize/quantize.ts";
import type { ActivationQuantizer, WeightQuantizer } from "../../lib/quantize/quantizer.ts";
import { dorefa } from "../../lib/quantize/dorefa.ts";

const window = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, bias: false } as const;
const layers: Layer[] = [
  { op: "conv", name: "conv1", inputs: ["input"], channels: 2, ...window },
  { op: "relu", name: "relu1", inputs: ["conv1"] },
  { op: "conv", name: "conv2", inputs: ["relu1"], channels: 2, ...window },
  { op: "relu", name: "relu2", inputs: ["conv2"] },
  { op: "conv", name: "conv3", inputs: ["relu2"], channels: 2, ...window },
  { op: "relu", name: "relu3", inputs: ["conv3"] },
  { op: "flatten", name: "flat", inputs: ["relu3"] },
  { op: "linear", name: "fc", inputs: ["flat"], features: 2, bias: false },
];

function makeNetwork(codes?: Record<string, TrainedCodes>): Network {
  const data = new Float32Array([-1, 0.25, 0.5, 1]);
  const square = { shape: [2, 2, 1, 1], data };
  return {
    kind: "network",
    name: "small",
    input: [1, 1, 2],
    encoding: { zero: 0, scale: 1 },
    layers,
    parameters: {
      "conv1.weight": square,
      "conv2.weight": square,
      "conv3.weight": square,
      "fc.weight": { shape: [2, 2], data },
      "relu2.alpha": { shape: [1], data: new Float32Array([3]) },
    },
    ...(codes === undefined ? {} : { codes }),
  };
}

function trained(bits: number, ...codes: number[]): TrainedCodes {
  return {
    quantizer: { kind: "dorefa", bits },
    codes: { shape: [2, 2, 1, 1], data: new Int16Array(codes) },
    zero: (2 ** bits - 1) / 2,
    scale: 2 / (2 ** bits - 1),
    signed: false,
  };
}

function clip(bits: number): ActivationQuantizer {
  return {
    kind: "clip",
    bits,
    alpha: 6,
    codes: (alpha) => ({ bits, step: alpha / (2 ** bits - 1) }),
    encode: (value, alpha) => Math.min(Math.max(Math.round(value / alpha * (2 ** bits - 1)), 0), 2 ** bits - 1),
    toJSON: () => ({ kind: "clip", bits }),
  };
}

/** A quantizer of no known kind. */
function constant(bits: number): WeightQuantizer {
  return {
    kind: "constant",
    bits,
    encode: ({ shape, data }) => ({ codes: { shape, data: new Int16Array(data.length) }, bits, signed: true, zero: 0, scale: 1 }),
    forward: () => undefined,
    backward: () => undefined,
    toJSON: () => ({ kind: "constant", bits }),
  };
}

const options: QuantizeOptions = { weights: dorefa({ bits: 4 }), activations: clip(4) };

function bitsOf(network: Network, options: QuantizeOptions): Record<string, number> {
  return Object.fromEntries(Object.entries(quantize(network, options).weights).map(([name, { bits }]) => [name, bits]));
}

Deno.test("quantize() gives the first and last layer 8 bits and keeps the first conv and linear layers digital", () => {
  const quantized = quantize(makeNetwork(), options);
  assertEquals(bitsOf(makeNetwork(), options), { conv1: 8, conv2: 4, conv3: 4, fc: 8 });
  assertEquals(quantized.digital, ["conv1", "fc"]);
  assertEquals([...quantized.weights.conv2!.codes.data].at(0), 0);
  assertEquals([...quantized.weights.conv2!.codes.data].at(-1), 15);
});

Deno.test("quantize() takes α from the network, else from the quantizer", () => {
  const { activations } = quantize(makeNetwork(), options);
  assertEquals(activations, { relu1: { bits: 4, step: 0.4 }, relu2: { bits: 4, step: 0.2 }, relu3: { bits: 4, step: 0.4 } });
});

Deno.test("quantize() honours first, last and exceptions by layer", () => {
  const layers = {
    conv2: { weights: dorefa({ bits: 2 }) },
    relu1: { activations: clip(8) },
    relu3: { activations: null },
    conv3: { weights: null },
  };
  const changed = { ...options, first: dorefa({ bits: 5 }), last: dorefa({ bits: 6 }), layers, digital: ["fc"] };
  assertEquals(bitsOf(makeNetwork(), changed), { conv1: 5, conv2: 2, fc: 6 });
  const quantized = quantize(makeNetwork(), changed);
  assertEquals(quantized.activations.relu1!.bits, 8);
  assertEquals("relu3" in quantized.activations, false);
  assertEquals(quantized.digital, ["conv3", "fc"]);
});

Deno.test("quantize() keeps the width of a user's own quantizer at both ends", () => {
  assertEquals(bitsOf(makeNetwork(), { ...options, weights: constant(3) }), { conv1: 3, conv2: 3, conv3: 3, fc: 3 });
});

Deno.test("quantize() uses trained codes exactly, at their own width", () => {
  const codes = {
    "conv1.weight": trained(8, 1, 2, 3, 4),
    "conv2.weight": trained(4, 7, 8, 8, 9),
    "conv3.weight": trained(5, 30, 1, 2, 3),
    "fc.weight": trained(4, 6, 6, 6, 6),
  };
  const { weights } = quantize(makeNetwork(codes), options);
  assertEquals(Object.values(weights).map(({ bits }) => bits), [8, 4, 5, 4]);
  assertStrictEquals(weights.conv2!.codes.data, codes["conv2.weight"].codes.data);
  assertEquals({ ...weights.conv3!, codes: 0 }, { codes: 0, bits: 5, signed: false, zero: 15.5, scale: 2 / 31 });
  assertEquals(weights.fc!.codes.shape, [2, 2]);
});

Deno.test("quantize() keeps edge layers trained by another kind of quantizer", () => {
  const edge = {
    quantizer: { kind: "uniform", bits: 8 },
    codes: { shape: [2, 2, 1, 1], data: new Int16Array([-127, 32, 64, 127]) },
    zero: 0,
    scale: Math.fround(1 / 127),
    signed: true,
  };
  const network = makeNetwork({ "conv1.weight": edge, "conv2.weight": trained(4, 7, 8, 8, 9) });
  const { conv1, conv2 } = quantize(network, options).weights;
  assertStrictEquals(conv1!.codes.data, edge.codes.data);
  assertEquals([conv1!.signed, conv1!.zero, conv1!.scale], [true, 0, Math.fround(1 / 127)]);
  assertEquals([...conv2!.codes.data], [7, 8, 8, 9]);
  assertEquals(quantize(network, { ...options, weights: dorefa({ bits: 3 }) }).weights.conv1!.signed, false);
});

Deno.test("quantize() encodes again where trained codes are not what is wanted", () => {
  const codes = { "conv1.weight": trained(8, 1, 2, 3, 4), "conv2.weight": trained(4, 7, 8, 8, 9) };
  const network = makeNetwork(codes);
  assertEquals(quantize(network, { ...options, weights: dorefa({ bits: 2 }) }).weights.conv2!.bits, 2);
  assertStrictEquals(
    quantize(network, { ...options, weights: dorefa({ bits: 2 }) }).weights.conv1!.codes.data,
    codes["conv1.weight"].codes.data,
  );
  assertEquals(quantize(network, { ...options, layers: { conv2: { weights: dorefa({ bits: 3 }) } } }).weights.conv2!.bits, 3);
  assertEquals(quantize(network, { ...options, first: dorefa({ bits: 4 }) }).weights.conv1!.bits, 4);
  assertEquals([...quantize(network, { ...options, weights: constant(4) }).weights.conv2!.codes.data], [0, 0, 0, 0]);
});

Deno.test("quantize() refuses unknown options, layers and missing or misshapen parameters", () => {
  const network = makeNetwork();
  const wrong: [unknown, string][] = [
    [{ ...options, weight: 1 }, "quantize.weight"],
    [{ weights: options.weights }, "quantize.activations"],
    [{ ...options, weights: { bits: 4 } }, "quantize.weights"],
    [{ ...options, layers: { conv9: {} } }, "quantize.layers.conv9"],
    [{ ...options, layers: { flat: {} } }, "a flatten layer"],
    [{ ...options, layers: { relu1: { weights: options.weights } } }, "quantize.layers.relu1.weights"],
    [{ ...options, digital: ["relu1"] }, "quantize.digital"],
    [{ ...options, digital: "conv1" }, "a list of layer names"],
  ];
  for (const [bad, message] of wrong) assertThrows(() => quantize(network, bad as QuantizeOptions), OptionError, message);
  const { "conv2.weight": _, ...parameters } = network.parameters;
  assertThrows(() => quantize({ ...network, parameters }, options), GraphError, "conv2.weight");
  const short = {
    quantizer: { kind: "dorefa", bits: 4 },
    codes: { shape: [1], data: new Int16Array(1) },
    zero: 7.5,
    scale: 2 / 15,
    signed: false,
  };
  assertThrows(() => quantize(makeNetwork({ "conv2.weight": short }), options), ShapeError, "codes of conv2.weight");
});
