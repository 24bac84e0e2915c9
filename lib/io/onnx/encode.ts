// Networks into ONNX files: float layers as they are, integer weights and activations between QuantizeLinear and DequantizeLinear.

import { OptionError } from "../../errors.ts";
import { INPUT, type Layer, type Network, type Shape } from "../../network/graph.ts";
import { validate } from "../../network/validate.ts";
import { checkOptions } from "../../options.ts";
import type { WeightCodes } from "../../quantize/quantizer.ts";
import type { QuantizedNetwork } from "../../quantize/quantize.ts";
import { elements } from "../../tensor.ts";
import { writeAtomic } from "../atomic.ts";
import { OPSETS } from "./convert.ts";
import { loadOnnx } from "./library.ts";
import { DATA_TYPE } from "./schema.ts";

/** How {@linkcode encodeOnnx} writes. */
export interface EncodeOnnxOptions {
  /** Operator set, 13 to 20; default 17. */
  readonly opset?: number;
}

/** Attribute types of ONNX by how values are given here. */
type Attribute = number | readonly number[] | { readonly real: number };

interface Writer {
  readonly nodes: unknown[];
  readonly initializers: unknown[];
  /** Adds a node with one output, which gets the node's name unless another is given. */
  node(op: string, name: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>, output?: string): string;
  /** Adds a constant. */
  constant(name: string, data: ArrayBufferView, dims: readonly number[], type: number): string;
}

/**
 * Encodes a network as ONNX. Input `input`, `[n, channels, height, width]`, are encoded pixels, (pixel − zero) · scale; the encoding is noted in the
 * file's metadata, where {@linkcode decodeOnnx} finds it. Output `output`, `[n, classes]`.
 *
 * Weight codes become int8, or int32 where they need more bits, less their zero (twice that where the zero is a half-integer), behind a DequantizeLinear with
 * a scale or one per output channel. A relu with codes becomes Relu, Clip at its largest code, and a pair of QuantizeLinear and DequantizeLinear; so the file
 * computes what quantised layers compute, up to float rounding. Of a plain network, trained codes and clipping levels are written the same way.
 *
 * @throws {OptionError} if an option is unknown or out of range.
 * @throws {GraphError} if the network is malformed.
 *
 * @example
 * ```ts
 * import { decodeOnnx, dorefa, encodeOnnx, lenet, pact, quantize } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const quantized = quantize(lenet(), { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) });
 * const again = await decodeOnnx(await encodeOnnx(quantized));
 * assertEquals(again.codes!["conv2.weight"]!.codes, quantized.weights.conv2!.codes);
 * ```
 */
export async function encodeOnnx(source: Network | QuantizedNetwork, options: EncodeOnnxOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  checkOptions("write an ONNX file", "options", options, ["opset"]);
  const { opset = 17 } = options;
  if (!Number.isInteger(opset) || opset < 13 || opset > OPSETS.most) {
    throw new OptionError("write an ONNX file", { where: "options.opset", got: opset, wanted: `an integer from 13 to ${OPSETS.most}` });
  }
  const network = source.kind === "quantized" ? source.network : source, shapes = validate(network), writer = newWriter();
  /** Name and rank of every layer's output. */
  const outputs = new Map<string, { name: string; flat: boolean }>([[INPUT, { name: INPUT, flat: false }]]);
  for (const layer of network.layers) {
    const inputs = layer.inputs.map((name) => outputs.get(name)!),
      flat = layer.op === "linear" || layer.op === "flatten" || inputs[0]!.flat;
    outputs.set(layer.name, { name: writeLayer(writer, source, layer, inputs, shapes), flat });
  }
  const last = network.layers.at(-1)!, end = outputs.get(last.name)!, size = elements(shapes.get(last.name)!);
  const output = end.flat ? writer.node("Identity", "output", [end.name]) : writer.node("Flatten", "output", [end.name], { axis: 1 });
  const [height, width, channels] = network.input, { zero, scale } = network.encoding;
  const library = await loadOnnx();
  return library.encode({
    irVersion: 8n,
    producerName: "Bitline",
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    metadataProps: [{ key: "bitline.encoding", value: `${zero} ${scale}` }],
    graph: {
      name: network.name,
      node: writer.nodes,
      initializer: writer.initializers,
      input: [info(INPUT, [channels, height, width])],
      output: [info(output, [size])],
    },
  });
}

/** Writes an ONNX file by temporary file and rename. @throws {FileError} if it cannot be written. */
export async function writeOnnx(path: string, source: Network | QuantizedNetwork, options: EncodeOnnxOptions = {}): Promise<void> {
  await writeAtomic(path, await encodeOnnx(source, options), { makeFolders: true });
}

function newWriter(): Writer {
  const nodes: unknown[] = [], initializers: unknown[] = [];
  return {
    nodes,
    initializers,
    node(opType, name, input, attributes = {}, output = name) {
      const attribute = Object.entries(attributes).map(([name, value]) => {
        if (typeof value === "number") return { name, type: 2, i: BigInt(value) };
        if ("real" in value) return { name, type: 1, f: value.real };
        return { name, type: 7, ints: value.map(BigInt) };
      });
      nodes.push({ opType, name, input: [...input], output: [output], attribute });
      return output;
    },
    constant(name, data, dims, dataType) {
      const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
      initializers.push({ name, dims: dims.map(BigInt), dataType, rawData });
      return name;
    },
  };
}

function info(name: string, extents: readonly number[]): unknown {
  const dim = [
    { value: { case: "dimParam", value: "n" } },
    ...extents.map((value) => ({ value: { case: "dimValue", value: BigInt(value) } })),
  ];
  return { name, type: { value: { case: "tensorType", value: { elemType: DATA_TYPE.float, shape: { dim } } } } };
}

/** Writes a layer; returns the name of its value. */
function writeLayer(
  writer: Writer,
  source: Network | QuantizedNetwork,
  layer: Layer,
  inputs: readonly { readonly name: string; readonly flat: boolean }[],
  shapes: ReadonlyMap<string, Shape>,
): string {
  const network = source.kind === "quantized" ? source.network : source, { name } = layer, from = inputs.map((input) => input.name);
  const real = (part: string) => {
    const { data, shape } = network.parameters[`${name}.${part}`]!;
    return writer.constant(`${name}.${part}`, data, shape, DATA_TYPE.float);
  };
  const codes = source.kind === "quantized" ? source.weights[name] : withBits(source.codes?.[`${name}.weight`]);
  const [height, width, channels] = shapes.get(layer.inputs[0]!)!;
  switch (layer.op) {
    case "conv": {
      const { kernel, stride, padding, dilation, groups } = layer,
        weight = codes === undefined ? real("weight") : coded(writer, name, codes);
      return writer.node("Conv", name, [...from, weight, ...(layer.bias ? [real("bias")] : [])], {
        kernel_shape: kernel,
        strides: stride,
        pads: [...padding, ...padding],
        dilations: dilation,
        group: groups,
      });
    }
    case "linear": {
      const weight = codes === undefined ? real("weight") : coded(writer, name, codes);
      const rows = inputs[0]!.flat ? from[0]! : writer.node("Flatten", `${name}.rows`, from, { axis: 1 });
      return writer.node("Gemm", name, [rows, weight, ...(layer.bias ? [real("bias")] : [])], { transB: 1 });
    }
    case "batchNorm":
      return writer.node("BatchNormalization", name, [...from, ...["weight", "bias", "mean", "variance"].map(real)], {
        epsilon: { real: layer.epsilon },
      });
    case "relu": {
      const quantized = source.kind === "quantized" ? source.activations[name] : undefined,
        alpha = network.parameters[`${name}.alpha`]?.data[0];
      const limit = quantized === undefined ? alpha : quantized.step * (2 ** quantized.bits - 1);
      if (limit === undefined) return writer.node("Relu", name, from);
      const least = writer.constant(`${name}.least`, Float32Array.of(0), [], DATA_TYPE.float);
      const most = writer.constant(`${name}.most`, Float32Array.of(limit), [], DATA_TYPE.float);
      if (quantized === undefined) return writer.node("Clip", name, [...from, least, most]);
      const clipped = writer.node("Clip", name, [...from, least, most], {}, `${name}.clipped`);
      const step = writer.constant(`${name}.step`, Float32Array.of(quantized.step), [], DATA_TYPE.float);
      const zero = writer.constant(`${name}.zero`, Uint8Array.of(0), [], DATA_TYPE.uint8);
      const integers = writer.node("QuantizeLinear", `${name}.codes`, [clipped, step, zero]);
      return writer.node("DequantizeLinear", `${name}.real`, [integers, step, zero], {}, name);
    }
    case "maxPool":
    case "averagePool": {
      const { kernel, stride, padding } = layer, op = layer.op === "maxPool" ? "MaxPool" : "AveragePool";
      return writer.node(op, name, from, { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] });
    }
    case "globalAveragePool":
      return inputs[0]!.flat ? writer.node("Identity", name, from) : writer.node("GlobalAveragePool", name, from);
    case "add":
      return writer.node("Sum", name, from);
    case "concat":
      return writer.node("Concat", name, from, { axis: 1 });
    case "slice": {
      const list = (part: string, value: number) =>
        writer.constant(`${name}.${part}`, BigInt64Array.of(BigInt(value)), [1], DATA_TYPE.int64);
      return writer.node("Slice", name, [...from, list("start", layer.first), list("end", layer.first + layer.channels), list("axis", 1)]);
    }
    case "shuffle": {
      const list = (part: string, values: readonly number[]) => {
        return writer.constant(`${name}.${part}`, BigInt64Array.from(values.map(BigInt)), [values.length], DATA_TYPE.int64);
      };
      const heaps = writer.node("Reshape", `${name}.heaps`, [
        ...from,
        list("split", [0, layer.groups, channels / layer.groups, height, width]),
      ]);
      const dealt = writer.node("Transpose", `${name}.dealt`, [heaps], { perm: [0, 2, 1, 3, 4] });
      return writer.node("Reshape", name, [dealt, list("joined", inputs[0]!.flat ? [0, channels] : [0, channels, height, width])]);
    }
    case "flatten": {
      if (inputs[0]!.flat) return writer.node("Identity", name, from);
      const rows = height * width === 1 ? from[0]! : writer.node("Transpose", `${name}.last`, from, { perm: [0, 2, 3, 1] });
      return writer.node("Flatten", name, [rows], { axis: 1 });
    }
    case "softmax":
      return writer.node("Softmax", name, from, { axis: 1 });
  }
}

function withBits(codes: NonNullable<Network["codes"]>[string] | undefined): WeightCodes | undefined {
  return codes === undefined ? undefined : { ...codes, bits: codes.bits ?? codes.quantizer.bits };
}

/** Writes weights as integers and their dequantisation. */
function coded(writer: Writer, layer: string, { codes: { data, shape }, zero, scale, scales }: WeightCodes): string {
  const factor = Number.isInteger(zero) ? 1 : 2, values = new Int32Array(data.length), name = `${layer}.weight`;
  let narrow = true;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] = factor * (data[at]! - zero);
    if (value < -128 || value > 127) narrow = false;
  }
  const step = scale / factor, steps = scales === undefined ? Float32Array.of(step) : new Float32Array(scales.length);
  scales?.forEach((each, channel) => steps[channel] = step * each);
  const integers = writer.constant(
    `${name}_codes`,
    narrow ? new Int8Array(values) : values,
    shape,
    narrow ? DATA_TYPE.int8 : DATA_TYPE.int32,
  );
  const scaling = writer.constant(`${name}_scale`, steps, scales === undefined ? [] : [steps.length], DATA_TYPE.float);
  return writer.node("DequantizeLinear", name, [integers, scaling], { axis: 0 });
}
