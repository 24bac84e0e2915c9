// Small ONNX files made by hand, for graphs that no exporter at hand would write.

import { loadOnnx } from "../../../lib/io/onnx/library.ts";
import { DATA_TYPE } from "../../../lib/io/onnx/schema.ts";

/** An attribute: an integer, integers, a text, or a number as `{ real }`. */
export type Value = number | string | readonly number[] | { readonly real: number };

/** A node. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string | readonly string[];
  readonly attributes?: Readonly<Record<string, Value>>;
  readonly domain?: string;
}

/** A constant: floats, or integers of 64 bits where an Array is given. */
export interface Constant {
  readonly dims: readonly number[];
  readonly data: Float32Array | Int8Array | Uint8Array | Int32Array | readonly number[];
}

/** A file. */
export interface Model {
  readonly input: readonly (number | string)[];
  readonly nodes: readonly Node[];
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly opset?: number;
  readonly outputs?: readonly string[];
  /** Anything else of the graph. */
  readonly graph?: Readonly<Record<string, unknown>>;
}

const typeOf = (data: Constant["data"]) => {
  if (data instanceof Float32Array) return DATA_TYPE.float;
  if (data instanceof Int8Array) return DATA_TYPE.int8;
  if (data instanceof Uint8Array) return DATA_TYPE.uint8;
  return data instanceof Int32Array ? DATA_TYPE.int32 : DATA_TYPE.int64;
};

/** Encodes a file; its output is that of the last node. */
export async function build({ input, nodes, constants = {}, opset = 17, outputs, graph = {} }: Model): Promise<Uint8Array<ArrayBuffer>> {
  const library = await loadOnnx(), last = nodes.at(-1)!.output;
  const type = (dims: readonly (number | string)[]) => ({
    value: {
      case: "tensorType",
      value: {
        elemType: 1,
        shape: {
          dim: dims.map((extent) => ({
            value: typeof extent === "number" ? { case: "dimValue", value: BigInt(extent) } : { case: "dimParam", value: extent },
          })),
        },
      },
    },
  });
  return library.encode({
    irVersion: 8n,
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    graph: {
      name: "built",
      node: nodes.map(({ op, inputs, output, attributes = {}, domain = "" }) => ({
        opType: op,
        domain,
        input: [...inputs],
        output: typeof output === "string" ? [output] : [...output],
        attribute: Object.entries(attributes).map(([name, value]) => {
          if (typeof value === "number") return { name, type: 2, i: BigInt(value) };
          if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
          return "real" in value ? { name, type: 1, f: value.real } : { name, type: 7, ints: value.map(BigInt) };
        }),
      })),
      initializer: Object.entries(constants).map(([name, { dims, data }]) => ({
        name,
        dims: dims.map(BigInt),
        dataType: typeOf(data),
        rawData: new Uint8Array((Array.isArray(data) ? BigInt64Array.from(data.map(BigInt)) : data as Float32Array).buffer),
      })),
      input: [{ name: "x", type: type(input) }],
      output: (outputs ?? [typeof last === "string" ? last : last[0]!]).map((name) => ({ name })),
      ...graph,
    },
  });
}

/** Floats in [−1, 1) that depend on a seed alone. */
export function floats(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, at) => {
    let value = Math.imul(at + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    value = Math.imul(value ^ value >>> 15, 0x2c1b3c6d);
    return ((value ^ value >>> 13) >>> 0) / 2 ** 31 - 1;
  });
}

/** Pixels that depend on a seed alone. */
export function pixels(count: number, seed: number): Uint8Array {
  return Uint8Array.from(floats(count, seed), (value) => Math.floor((value + 1) * 128));
}
