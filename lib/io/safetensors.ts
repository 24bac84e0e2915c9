// safetensors: an 8-byte header length, a JSON header, then the tensors' bytes. Strict on reading: a hostile header must not cost memory.

import { FileError } from "../errors.ts";
import { elements, type Tensor, type TypedArray } from "../tensor.ts";
import { readBytes, writeAtomic } from "./atomic.ts";

const TYPES = {
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
} as const;

type TypeName = keyof typeof TYPES;

/** Tensors by name and the file's string metadata. */
export interface SafetensorsFile {
  readonly tensors: Readonly<Record<string, Tensor<TypedArray>>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Encodes tensors (names in sorted order, so equal content gives equal bytes) and metadata.
 *
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors, tensor } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSafetensors({ w: tensor(Float32Array.of(1, 2), [2]) }, { made: "here" });
 * assertEquals([...decodeSafetensors(bytes).tensors["w"]!.data], [1, 2]);
 * ```
 */
export function encodeSafetensors(tensors: Readonly<Record<string, Tensor<TypedArray>>>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const names = Object.keys(tensors).sort(), header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const name of names) {
    const { shape, data } = tensors[name]!;
    const dtype = (Object.keys(TYPES) as TypeName[]).find((type) => data instanceof TYPES[type])!;
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  let text = new TextEncoder().encode(JSON.stringify(header));
  const padding = (8 - text.length % 8) % 8;
  text = new TextEncoder().encode(JSON.stringify(header) + " ".repeat(padding));
  const bytes = new Uint8Array(8 + text.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  let position = 8 + text.length;
  for (const name of names) {
    const { data } = tensors[name]!;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/**
 * Decodes a file's bytes.
 *
 * @throws {FileError} if the header is not what the format demands: too long, not JSON, unknown types, shapes that do not match their bytes, gaps or overlaps.
 */
export function decodeSafetensors(bytes: Uint8Array, where = "safetensors"): SafetensorsFile {
  const refuse = (got: string, wanted: string): never => {
    throw new FileError("read a safetensors file", { where, got, wanted });
  };
  if (bytes.length < 8) refuse(`${bytes.length} bytes`, "at least 8");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), length = view.getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8)) refuse(`a header of ${length} bytes in a file of ${bytes.length}`, "a header inside the file");
  const start = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, start)));
  } catch (cause) {
    throw new FileError("read a safetensors file", { where, got: "a header that is not JSON", wanted: "JSON in UTF-8", cause });
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) return refuse("a header that is not an object", "an object");
  const tensors: Record<string, Tensor<TypedArray>> = {}, spans: [number, number, string][] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header as Record<string, unknown>)) {
    if (name === "__metadata__") {
      if (typeof entry !== "object" || entry === null || Object.values(entry).some((value) => typeof value !== "string")) refuse("metadata that are not strings", "string values");
      metadata = entry as Record<string, string>;
      continue;
    }
    const { dtype, shape, data_offsets: span } = (entry ?? {}) as { dtype?: string; shape?: unknown; data_offsets?: unknown };
    const type = Object.hasOwn(TYPES, dtype ?? "") ? TYPES[dtype as TypeName] : refuse(`tensor ${name} of type ${dtype}`, `one of ${Object.keys(TYPES).join(", ")}`);
    if (!isSizes(shape) || !isSizes(span) || span.length !== 2 || span[0]! > span[1]! || span[1]! > bytes.length - start) {
      return refuse(`tensor ${name} with shape ${JSON.stringify(shape)} at ${JSON.stringify(span)}`, "sizes inside the file");
    }
    const [from, to] = span as [number, number];
    if (elements(shape) * type.BYTES_PER_ELEMENT !== to - from) refuse(`tensor ${name}: ${to - from} bytes`, `${elements(shape) * type.BYTES_PER_ELEMENT} for shape [${shape}]`);
    spans.push([from, to, name]);
    tensors[name] = { shape, data: new type(bytes.slice(start + from, start + to).buffer as ArrayBuffer) };
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let end = 0;
  for (const [from, to, name] of spans) {
    if (from !== end) refuse(`tensor ${name} at byte ${from}`, `byte ${end}: no gaps, no overlaps`);
    end = to;
  }
  if (end !== bytes.length - start) refuse(`${bytes.length - start - end} bytes after the last tensor`, "none");
  return { tensors, metadata };
}

/** Reads a file. @throws {FileError} as {@linkcode decodeSafetensors}, or if it cannot be read. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  return decodeSafetensors(await readBytes(path), path);
}

/** Writes a file by temporary file and rename. @throws {FileError} if it cannot be written. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor<TypedArray>>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeAtomic(path, encodeSafetensors(tensors, metadata), { makeFolders: true });
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}
