// The part of the ONNX schema that is read and written, as plain data; the protobuf package's own messages fit these types.

/** Numbers of element types. */
export const DATA_TYPE = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

/** Name of an element type, for messages. */
export function typeName(type: number): string {
  return Object.entries(DATA_TYPE).find(([, number]) => number === type)?.[0] ?? `type ${type}`;
}

/** A key with its text. */
export interface OnnxEntry {
  readonly key: string;
  readonly value: string;
}

/** A stored tensor. */
export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly bigint[];
  readonly dataType: number;
  readonly rawData: Uint8Array;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly int64Data: readonly bigint[];
  readonly doubleData: readonly number[];
  readonly uint64Data: readonly bigint[];
  readonly externalData: readonly OnnxEntry[];
  /** 1 where the data lie in another file. */
  readonly dataLocation: number;
}

/** An attribute of a node. `type` tells which field holds it. */
export interface OnnxAttribute {
  readonly name: string;
  readonly type: number;
  readonly f: number;
  readonly i: bigint;
  readonly s: Uint8Array;
  readonly t?: OnnxTensor | undefined;
  readonly floats: readonly number[];
  readonly ints: readonly bigint[];
}

/** One operation. */
export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly OnnxAttribute[];
}

/** One extent: a number, a name, or nothing. */
export interface OnnxDimension {
  readonly value: { readonly case: "dimValue"; readonly value: bigint } | { readonly case: "dimParam"; readonly value: string } | {
    readonly case: undefined;
  };
}

/** An input or output of a graph. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly type?: {
    readonly value: { readonly case: string | undefined; readonly value?: unknown };
  } | undefined;
}

/** What `OnnxValueInfo.type.value.value` is where its case is `tensorType`. */
export interface OnnxTensorType {
  readonly elemType: number;
  readonly shape?: { readonly dim: readonly OnnxDimension[] } | undefined;
}

/** Nodes in order, with constants. */
export interface OnnxGraph {
  readonly name: string;
  readonly node: readonly OnnxNode[];
  readonly initializer: readonly OnnxTensor[];
  readonly sparseInitializer: readonly unknown[];
  readonly input: readonly OnnxValueInfo[];
  readonly output: readonly OnnxValueInfo[];
}

/** A file. */
export interface OnnxModel {
  readonly irVersion: bigint;
  readonly producerName: string;
  readonly opsetImport: readonly { readonly domain: string; readonly version: bigint }[];
  readonly metadataProps: readonly OnnxEntry[];
  readonly graph?: OnnxGraph | undefined;
}

/** What is asked of the protobuf packages. */
export interface OnnxLibrary {
  /** Parses a file. */
  decode(bytes: Uint8Array): OnnxModel;
  /** Writes a file; fields not given are empty. */
  encode(model: unknown): Uint8Array<ArrayBuffer>;
}
