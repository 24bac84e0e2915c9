// Lowering: a quantised or mapped network becomes the flat list of integer steps that backends run.

import type { LayerAdc } from "../../circuit/adc.ts";
import { GraphError, MappingError, OptionError } from "../../errors.ts";
import type { MappedNetwork } from "../../map/mapped.ts";
import { geometryOf } from "../../map/geometry.ts";
import { batchNormAffine, type ChannelAffine } from "../../network/fold.ts";
import { type Conv, INPUT, type Layer, type Linear, type Network, type Pool, type Shape } from "../../network/graph.ts";
import { inferShapes, shuffled } from "../../network/shapes.ts";
import { checkOptions } from "../../options.ts";
import type { ProgrammedNetwork } from "../../program/program.ts";
import { decodeWeights } from "../../quantize/decode.ts";
import type { QuantizedNetwork } from "../../quantize/quantize.ts";
import { lowerAnalog } from "./analog.ts";
import { checkChip, type ChipChoice, chipLayer, type LowerChipOptions } from "./chip.ts";
import { tabulate } from "./crossbar.ts";
import { type LayerPlan, lowerPlan, planLayer } from "./placed.ts";
import { integerWeights, reorder } from "./weights.ts";
import type { AdcTable, Geometry, Program, Step, Value } from "../program.ts";
import { activationThresholds, type SumScale } from "./thresholds.ts";

/** Where a conv or linear layer is found in a lowered program. */
export interface LoweredLayer {
  /** Value it reads. */
  readonly input: number;
  /** Value it makes: integer sums, or reals for a float layer. */
  readonly output: number;
  /** Index of its (last) step. */
  readonly step: number;
  /** Its window. */
  readonly geometry: Geometry;
  /** Bits of its input codes; absent for a float layer. */
  readonly inputBits?: number;
  /** Its cells, where it runs on arrays. */
  readonly plan?: LayerPlan;
  /** Its converter, where that has limits. */
  readonly table?: AdcTable;
}

/** A program that remembers where each conv and linear layer went. */
export interface LoweredProgram extends Program {
  /** By name, in network order. */
  readonly layers: Readonly<Record<string, LoweredLayer>>;
}

/** How {@linkcode lowerMapped} drives the arrays. */
export interface LowerOptions {
  /** Input bits applied to the word lines per step, 1 … 8; the last digit is narrower where it does not divide the input's bits. Default 1. */
  readonly digitBits?: number;
}

/** What is known about a layer's output. */
type Form =
  | { readonly kind: "codes"; readonly value: number; readonly zero: number; readonly step: number; readonly bits: number }
  | { readonly kind: "sums"; readonly value: number; readonly exact: boolean; readonly sums: SumScale }
  | { readonly kind: "real"; readonly value: number };

interface Context {
  readonly network: Network;
  readonly quantized: QuantizedNetwork;
  readonly mapped?: MappedNetwork;
  readonly chip?: ChipChoice;
  readonly adcs: Readonly<Record<string, LayerAdc>>;
  readonly digitBits: number;
  readonly values: Value[];
  readonly steps: Step[];
  readonly layers: Record<string, LoweredLayer>;
  /** Reals already made from codes or sums. */
  readonly reals: Map<Form, number>;
}

const ACTION = "lower the network";

/**
 * The software baseline: every conv and linear layer on codes becomes exact integer arithmetic.
 *
 * @throws {GraphError | NumericError | OptionError} if a layer lacks parameters, sums do not fit 32 bits, or activations are wider than 8 bits.
 */
export function lowerQuantized(quantized: QuantizedNetwork): LoweredProgram {
  return lowerNetwork(quantized, undefined, {}, 1);
}

/**
 * The network on arrays: mapped layers become crossbar steps with their own converters, by whatever placement, all others stay exact.
 *
 * @param adcs Converter of every mapped layer, by name.
 * @throws {OptionError} if a mapped layer has no converter or an option is wrong.
 * @throws {GraphError} if a mapped layer does not read codes.
 * @throws {NumericError} if sums do not fit 32 bits.
 *
 * @example
 * ```ts
 * import { decompose, dorefa, lowerMapped, map, type Network, pact, quantize, referenceBackend } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const network: Network = {
 *   kind: "network",
 *   name: "one layer",
 *   input: [1, 1, 3],
 *   encoding: { zero: 0, scale: 1 },
 *   layers: [{ op: "linear", name: "fc", inputs: ["input"], features: 1, bias: false }],
 *   parameters: { "fc.weight": { shape: [1, 3], data: new Float32Array([-1, 0.1, 1]) } },
 * };
 * const bits = { weights: dorefa({ bits: 2 }), activations: pact({ bits: 4 }), last: dorefa({ bits: 2 }) };
 * const mapped = map(decompose(quantize(network, { ...bits, digital: [] })), { algorithm: "im2col" });
 * const program = lowerMapped(mapped, { fc: { levels: 16, lo: -4, step: 0.5, unit: 0.5 } }); // 3 rows of ±½: lossless
 * await using session = await referenceBackend().prepare(program);
 * const { output } = await session.run({ shape: [1, 1, 1, 3], data: Uint8Array.of(10, 20, 30) });
 * assertEquals(output.data[0]!.toFixed(4), (-10 + 20 / 3 + 30).toFixed(4));
 * ```
 */
export function lowerMapped(mapped: MappedNetwork, adcs: Readonly<Record<string, LayerAdc>>, options: LowerOptions = {}): LoweredProgram {
  checkOptions(ACTION, "simulate", options, ["digitBits"]);
  return lowerNetwork(mapped.sliced.quantized, mapped, adcs, checkDigit(options));
}

/**
 * The network on a programmed chip: layers whose cells, wires or converters are real become analog steps, all others what {@linkcode lowerMapped} makes
 * of them.
 *
 * @param adcs Converter of every mapped layer, by name.
 * @throws {OptionError} if a mapped layer has no converter, one of a programmed layer has a dynamic range, or an option is wrong.
 * @throws {GraphError} if a mapped layer does not read codes.
 * @throws {NumericError} if sums do not fit 32 bits, or wires cannot be solved.
 */
export function lowerProgrammed(
  programmed: ProgrammedNetwork,
  adcs: Readonly<Record<string, LayerAdc>>,
  options: LowerChipOptions = {},
): LoweredProgram {
  const chip = checkChip(programmed, options), { mapped } = programmed;
  return lowerNetwork(mapped.sliced.quantized, mapped, adcs, checkDigit(options), chip);
}

function checkDigit({ digitBits = 1 }: LowerOptions): number {
  if (Number.isInteger(digitBits) && digitBits >= 1 && digitBits <= 8) return digitBits;
  throw new OptionError(ACTION, { where: "simulate.digitBits", got: digitBits, wanted: "an integer from 1 to 8" });
}

function lowerNetwork(
  quantized: QuantizedNetwork,
  mapped: MappedNetwork | undefined,
  adcs: Readonly<Record<string, LayerAdc>>,
  digitBits: number,
  chip?: ChipChoice,
): LoweredProgram {
  const { network } = quantized;
  const shapes = inferShapes(network);
  const values: Value[] = [{ type: "u8", shape: network.input, name: INPUT }];
  const context: Context = {
    network,
    quantized,
    mapped,
    ...(chip === undefined ? {} : { chip }),
    adcs,
    digitBits,
    values,
    steps: [],
    layers: {},
    reals: new Map(),
  };
  const { zero, scale } = network.encoding;
  const forms = new Map<string, Form>([[INPUT, { kind: "codes", value: 0, zero, step: scale, bits: 8 }]]);
  let last = forms.get(INPUT)!;
  for (const layer of network.layers) {
    last = lowerLayer(context, layer, layer.inputs.map((name) => forms.get(name)!), shapes.get(layer.name)!);
    forms.set(layer.name, last);
  }
  const output = real(context, last);
  return { values, steps: context.steps, output, layers: context.layers };
}

function lowerLayer(context: Context, layer: Layer, inputs: readonly Form[], shape: Shape): Form {
  const input = inputs[0]!;
  switch (layer.op) {
    case "conv":
    case "linear":
      return weighted(context, layer, input, shape);
    case "batchNorm":
      return batchNorm(context, layer.name, input, shape);
    case "relu":
      return relu(context, layer.name, input, shape);
    case "maxPool":
    case "averagePool":
      return pool(context, layer, input, shape);
    case "globalAveragePool": {
      const [height, width] = context.values[input.value]!.shape;
      return pool(context, { ...layer, op: "averagePool", kernel: [height, width], stride: [1, 1], padding: [0, 0] }, input, shape);
    }
    case "flatten": {
      const source = input.kind === "codes" ? input.value : real(context, input);
      const output = value(context, context.values[source]!.type, shape, layer.name);
      context.steps.push({ op: "view", input: source, output });
      return input.kind === "codes" ? { ...input, value: output } : { kind: "real", value: output };
    }
    case "slice":
      return channels(context, layer.name, input, shape, (channel) => layer.first + channel);
    case "shuffle":
      return channels(context, layer.name, input, shape, (channel) => shuffled(channel, shape[2], layer.groups));
    case "add":
    case "concat":
    case "softmax":
      return element(context, layer.op, layer.name, inputs.map((each) => real(context, each)), shape);
  }
}

function value({ values }: Context, type: Value["type"], shape: Shape, name: string): number {
  return values.push({ type, shape, name }) - 1;
}

function element(context: Context, op: "relu" | "softmax" | "add" | "concat", name: string, inputs: readonly number[], shape: Shape): Form {
  const output = value(context, "f32", shape, name);
  context.steps.push({ op, inputs, output });
  return { kind: "real", value: output };
}

/** The value that holds a form as reals, made at first need. */
function real(context: Context, form: Form): number {
  if (form.kind === "real") return form.value;
  const made = context.reals.get(form);
  if (made !== undefined) return made;
  const { shape, name } = context.values[form.value]!;
  let scale: Float32Array, bias: Float32Array;
  if (form.kind === "codes") {
    scale = new Float32Array(shape[2]).fill(form.step);
    bias = new Float32Array(shape[2]).fill(-form.zero * form.step);
  } else {
    const { sums } = form;
    scale = Float32Array.from(sums.scale, (factor) => sums.gain * factor);
    bias = Float32Array.from(sums.bias, (shift, channel) => sums.constant[channel]! * sums.scale[channel]! + shift);
  }
  const output = affine(context, form.value, scale, bias, name);
  context.reals.set(form, output);
  return output;
}

function affine(context: Context, input: number, scale: Float32Array, bias: Float32Array, name: string): number {
  const output = value(context, "f32", context.values[input]!.shape, name);
  context.steps.push({ op: "affine", input, output, scale, bias });
  return output;
}

function batchNorm(context: Context, name: string, input: Form, shape: Shape): Form {
  const { scale, bias }: ChannelAffine = batchNormAffine(context.network, name);
  if (input.kind !== "sums") {
    return { kind: "real", value: affine(context, real(context, input), Float32Array.from(scale), Float32Array.from(bias), name) };
  }
  const { sums } = input;
  return {
    ...input,
    sums: {
      ...sums,
      scale: Float64Array.from({ length: shape[2] }, (_, channel) => sums.scale[channel]! * scale[channel]!),
      bias: Float64Array.from({ length: shape[2] }, (_, channel) => sums.bias[channel]! * scale[channel]! + bias[channel]!),
    },
  };
}

function relu(context: Context, name: string, input: Form, shape: Shape): Form {
  const codes = context.quantized.activations[name];
  if (codes === undefined) return clip(context, name, element(context, "relu", name, [real(context, input)], shape));
  if (!Number.isInteger(codes.bits) || codes.bits < 1 || codes.bits > 8) {
    throw new OptionError(ACTION, { where: `activation bits of ${name}`, got: codes.bits, wanted: "an integer from 1 to 8" });
  }
  const levels = 2 ** codes.bits - 1;
  const exact = input.kind === "sums" && input.exact;
  const source = exact ? input.value : real(context, input);
  const output = value(context, "u8", shape, name);
  if (exact) context.steps.push({ op: "threshold", input: source, output, ...activationThresholds(input.sums, codes.step, levels) });
  else context.steps.push({ op: "quantize", input: source, output, step: codes.step, levels });
  return { kind: "codes", value: output, zero: 0, step: codes.step, bits: codes.bits };
}

/** A ReLU left in floating point keeps the clipping level α it was trained with: min(x, α) = α − max(α − x, 0). */
function clip(context: Context, name: string, input: Form): Form {
  const alpha = context.network.parameters[`${name}.alpha`]?.data[0];
  if (alpha === undefined) return input;
  const { shape } = context.values[input.value]!;
  const mirror = (from: number) => affine(context, from, new Float32Array(shape[2]).fill(-1), new Float32Array(shape[2]).fill(alpha), name);
  return { kind: "real", value: mirror(element(context, "relu", name, [mirror(input.value)], shape).value) };
}

/** Channels in another order, or some of them: a 1 × 1 convolution by zeros and ones, after which codes are codes again. */
function channels(context: Context, name: string, input: Form, shape: Shape, source: (channel: number) => number): Form {
  const codes = input.kind === "codes", from = codes ? input.value : real(context, input), inputShape = context.values[from]!.shape;
  const geometry: Geometry = {
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    inputShape,
    outputShape: shape,
  };
  const ones = new Uint8Array(inputShape[2] * shape[2]);
  for (let channel = 0; channel < shape[2]; channel++) ones[source(channel) * shape[2] + channel] = 1;
  if (!codes) {
    const output = value(context, "f32", shape, name);
    const bias = new Float32Array(shape[2]);
    context.steps.push({ op: "float", input: from, output, geometry, weights: Float32Array.from(ones), bias });
    return { kind: "real", value: output };
  }
  const sums = value(context, "i32", shape, name), output = value(context, "u8", shape, name), levels = 2 ** input.bits - 1;
  context.steps.push({ op: "integer", input: from, output: sums, geometry, weights: Int16Array.from(ones), zero: 0 });
  const thresholds = Int32Array.from({ length: shape[2] * levels }, (_, index) => 1 + index % levels);
  context.steps.push({ op: "threshold", input: sums, output, thresholds, levels, sign: new Int8Array(shape[2]).fill(1) });
  return { ...input, value: output };
}

function pool(context: Context, { op, name, kernel, stride, padding }: Pool, input: Form, shape: Shape): Form {
  const keep = op === "maxPool" && input.kind === "codes" && input.step > 0;
  const source = keep ? input.value : real(context, input);
  const output = value(context, keep ? "u8" : "f32", shape, name);
  context.steps.push({ op, input: source, output, kernel, stride, padding });
  return keep ? { ...input, value: output } : { kind: "real", value: output };
}

function weighted(context: Context, layer: Conv | Linear, input: Form, shape: Shape): Form {
  const { network, quantized, mapped, steps, layers } = context;
  const { name } = layer;
  const geometry = geometryOf(layer, context.values[input.value]!.shape, shape);
  const codes = quantized.weights[name];
  const onArrays = mapped !== undefined && Object.hasOwn(mapped.layers, name);
  const bias = layer.bias ? parameter(network, `${name}.bias`, shape[2]) : new Float32Array(shape[2]);
  if (codes === undefined || input.kind !== "codes") {
    if (onArrays) {
      throw new GraphError("put a layer on arrays", {
        where: name,
        got: `inputs from ${layer.inputs[0]} in floating point`,
        wanted: "integer codes",
        hint: "Quantise the relu before it, or name the layer in quantize.digital.",
      });
    }
    const count = shape[2] * geometry.kernel[0] * geometry.kernel[1] * geometry.inputShape[2] / geometry.groups;
    const target = new Float32Array(count);
    const weights = codes === undefined
      ? reorder(parameter(network, `${name}.weight`, count), geometry, target)
      : reorder(decodeWeights(codes).data, geometry, target);
    const from = real(context, input);
    const output = value(context, "f32", shape, name);
    steps.push({ op: "float", input: from, output, geometry, weights, bias });
    layers[name] = { input: from, output, step: steps.length - 1, geometry };
    return { kind: "real", value: output };
  }
  const scale = Float64Array.from({ length: shape[2] }, (_, out) => codes.scale * (codes.scales?.[out] ?? 1) * input.step);
  const shift = Float64Array.from(bias);
  const largest = 2 ** input.bits - 1;
  const { sums: columns, weights, multiplier } = integerWeights(name, codes, geometry, input.zero, largest);
  const place = { input: input.value, geometry, inputBits: input.bits };
  if (!onArrays) {
    const output = value(context, "i32", shape, name);
    steps.push({ op: "integer", input: input.value, output, geometry, weights: weights(), zero: input.zero });
    layers[name] = { ...place, output, step: steps.length - 1 };
    const constant = new Float64Array(shape[2]);
    return { kind: "sums", value: output, exact: true, sums: { gain: 1 / multiplier, constant, scale, bias: shift } };
  }
  const adc = context.adcs[name];
  if (adc === undefined) {
    throw new OptionError(ACTION, { where: `ADC of ${name}`, got: "none", wanted: "a resolved ADC for every layer on arrays" });
  }
  if (input.zero !== 0 && geometry.padding.some((extent) => extent > 0)) {
    throw new MappingError("put a layer on arrays", {
      where: name,
      got: `padded pixels whose zero is ${input.zero}`,
      wanted: "padding that drives no current: an input encoding with zero 0, or no padding",
      hint: "Name the layer in quantize.digital.",
    });
  }
  const plan = planLayer(mapped.layers[name]!, input.bits, context.digitBits);
  const output = value(context, "dynamic" in adc ? "f32" : "i32", shape, name);
  const target = { input: input.value, output, value: (type: Value["type"], shape: Shape) => value(context, type, shape, name) };
  const chip = context.chip && chipLayer(context.chip, name, adc);
  const { steps: made, gain, constant, table } = chip === undefined || "dynamic" in adc
    ? lowerPlan(plan, adc, target)
    : { ...lowerAnalog(plan, chip, adc, target), table: tabulate(plan, adc).table };
  steps.push(...made);
  layers[name] = { ...place, output, step: steps.length - 1, plan, ...(table === undefined ? {} : { table }) };
  const sums: SumScale = {
    gain: gain / plan.multiplier,
    constant: columns.map((sum) => constant / plan.multiplier - input.zero * sum / multiplier),
    scale,
    bias: shift,
  };
  return { kind: "sums", value: output, exact: table !== undefined, sums };
}

function parameter(network: Network, name: string, length: number): Float32Array {
  const found = network.parameters[name];
  if (found === undefined || found.data.length !== length) {
    throw new GraphError(ACTION, {
      where: name,
      got: found === undefined ? "no such parameter" : found.shape,
      wanted: `${length} numbers`,
    });
  }
  return found.data;
}
