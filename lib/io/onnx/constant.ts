// Constants of a graph as typed arrays: every element type read with its length checked against its shape first.

import { FileError } from "../../errors.ts";
import { elements, type TypedArray } from "../../tensor.ts";
import { DATA_TYPE, type OnnxTensor, typeName } from "./schema.ts";

/** Integer codes behind a constant that was dequantised. */
export interface ConstantCodes {
  /** Codes less their zero, in the constant's order. */
  readonly data: Int32Array;
  /** Real value of a step, one for all or one per index of `axis`. */
  readonly scales: Float32Array;
  /** Axis of the scales. */
  readonly axis: number;
}

/** A value known without any image. 64-bit integers are doubles, those beyond 2^53 clamped there; booleans are bytes. */
export interface Constant {
  /** Tells it from an activation. */
  readonly kind: "constant";
  /** Extents, slowest first. */
  readonly dims: readonly number[];
  /** Elements, last axis contiguous. */
  readonly data: TypedArray;
  /** ONNX element type. */
  readonly type: number;
  /** Name it was stored under, if it was. */
  readonly name?: string;
  /** Codes it stands for. */
  readonly codes?: ConstantCodes;
}

/** Gives the bytes of external data. */
export type ExternalData = (tensor: OnnxTensor, bytes: number) => Uint8Array;

const WIDTH: Readonly<Record<number, number>> = {
  [DATA_TYPE.float]: 4,
  [DATA_TYPE.uint8]: 1,
  [DATA_TYPE.int8]: 1,
  [DATA_TYPE.uint16]: 2,
  [DATA_TYPE.int16]: 2,
  [DATA_TYPE.int32]: 4,
  [DATA_TYPE.int64]: 8,
  [DATA_TYPE.bool]: 1,
  [DATA_TYPE.float16]: 2,
  [DATA_TYPE.double]: 8,
  [DATA_TYPE.uint32]: 4,
  [DATA_TYPE.uint64]: 8,
  [DATA_TYPE.bfloat16]: 2,
};

/** Half-precision bits as a number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** bfloat16 bits as numbers. */
export function bfloatToFloats(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let at = 0; at < bits.length; at++) wide[at] = bits[at]! << 16;
  return new Float32Array(wide.buffer);
}

/** Half-precision bits as numbers. */
export function halvesToFloats(bits: Uint16Array): Float32Array {
  const floats = new Float32Array(bits.length);
  for (let at = 0; at < bits.length; at++) floats[at] = halfToNumber(bits[at]!);
  return floats;
}

/** 64-bit integers as doubles, clamped to ±(2^53 − 1). */
export function clampedIntegers(values: { readonly length: number; readonly [index: number]: bigint }): Float64Array {
  const out = new Float64Array(values.length), most = Number.MAX_SAFE_INTEGER;
  for (let at = 0; at < out.length; at++) out[at] = Math.min(Math.max(Number(values[at]!), -most), most);
  return out;
}

/**
 * Reads a stored tensor.
 *
 * @param most Elements allowed.
 * @throws {FileError} if it is larger, of a type that is not numbers, or its data do not have the length of its shape.
 */
export function readConstant(tensor: OnnxTensor, most: number, external: ExternalData): Constant {
  const where = `tensor ${JSON.stringify(tensor.name)}`, { dataType: type } = tensor;
  const refuse = (got: string, wanted: string): never => {
    throw new FileError("read an ONNX file", { where, got, wanted });
  };
  const dims = tensor.dims.map(Number), count = elements(dims), width = WIDTH[type];
  if (dims.length > 16 || dims.some((extent) => !(extent >= 0)) || !(count <= most)) {
    return refuse(`shape [${dims.slice(0, 16)}]`, `extents of 0 or more and at most ${most} elements; see limits.elements`);
  }
  if (width === undefined) {
    return refuse(
      `elements of ${typeName(type)}`,
      `one of ${Object.keys(WIDTH).map((key) => typeName(Number(key))).join(", ")}`,
    );
  }
  const bytes = tensor.dataLocation === 1 ? external(tensor, count * width) : tensor.rawData;
  const made = { kind: "constant", dims, type, ...(tensor.name === "" ? {} : { name: tensor.name }) } as const;
  if (bytes.length > 0 || tensor.dataLocation === 1) {
    if (bytes.length !== count * width) return refuse(`${bytes.length} bytes`, `${count * width} for ${typeName(type)} of shape [${dims}]`);
    return { ...made, data: fromBytes(new Uint8Array(bytes).buffer, type) };
  }
  const typed = fieldOf(tensor);
  if (typed.length !== count) return refuse(`${typed.length} elements`, `${count} for shape [${dims}]`);
  return { ...made, data: fromNumbers(typed, type) };
}

function fromBytes(buffer: ArrayBuffer, type: number): TypedArray {
  switch (type) {
    case DATA_TYPE.float:
      return new Float32Array(buffer);
    case DATA_TYPE.double:
      return new Float64Array(buffer);
    case DATA_TYPE.float16:
      return halvesToFloats(new Uint16Array(buffer));
    case DATA_TYPE.bfloat16:
      return bfloatToFloats(new Uint16Array(buffer));
    case DATA_TYPE.int64:
      return clampedIntegers(new BigInt64Array(buffer));
    case DATA_TYPE.uint64:
      return clampedIntegers(new BigUint64Array(buffer));
    case DATA_TYPE.int32:
      return new Int32Array(buffer);
    case DATA_TYPE.uint32:
      return new Uint32Array(buffer);
    case DATA_TYPE.int16:
      return new Int16Array(buffer);
    case DATA_TYPE.uint16:
      return new Uint16Array(buffer);
    case DATA_TYPE.int8:
      return new Int8Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

function fieldOf(tensor: OnnxTensor): { readonly length: number; readonly [index: number]: number | bigint } {
  switch (tensor.dataType) {
    case DATA_TYPE.float:
      return tensor.floatData;
    case DATA_TYPE.double:
      return tensor.doubleData;
    case DATA_TYPE.int64:
      return tensor.int64Data;
    case DATA_TYPE.uint32:
    case DATA_TYPE.uint64:
      return tensor.uint64Data;
    default:
      return tensor.int32Data;
  }
}

function fromNumbers(values: { readonly length: number; readonly [index: number]: number | bigint }, type: number): TypedArray {
  if (type === DATA_TYPE.int64 || type === DATA_TYPE.uint64) return clampedIntegers(values as bigint[]);
  const half = type === DATA_TYPE.float16 || type === DATA_TYPE.bfloat16;
  const made = half ? new Uint16Array(values.length) : fromBytes(new ArrayBuffer(values.length * WIDTH[type]!), type);
  for (let at = 0; at < values.length; at++) made[at] = Number(values[at]!);
  return half ? fromBytes(made.buffer as ArrayBuffer, type) : made;
}
