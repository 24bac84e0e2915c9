// safetensors: an 8-byte header length, a JSON header, then the tensors' bytes. Strict on reading: a hostile header must not cost memory.

import { FileError, ShapeError } from "../errors.ts";
import { elements, type Tensor, type TypedArray } from "../tensor.ts";
import { readBytes, writeAtomic } from "./atomic.ts";

const types = {
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
} as const;

type TypeName = keyof typeof types;

const headerLimit = 1 << 24;
const wantedTypes = Object.keys(types).join(", ");

/** Tensors by name and the file's string metadata. */
export interface SafetensorsFile {
  /** Tensors by name, each with storage of its own. */
  readonly tensors: Readonly<Record<string, Tensor<TypedArray>>>;
  /** The `__metadata__` of the header; empty if there is none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Encodes tensors (widest elements first, then by name, so that every tensor is aligned and equal content gives equal bytes) and metadata.
 * Types: F64, F32, I32, U32, I16, U16, I8, U8.
 *
 * @throws {ShapeError} if a shape does not match its data or a name is reserved.
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
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor<TypedArray>>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const width = (name: string) => tensors[name]!.data.BYTES_PER_ELEMENT;
  const names = Object.keys(tensors).sort((a, b) => width(b) - width(a) || (a < b ? -1 : 1));
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const name of names) {
    const { shape, data } = tensors[name]!;
    if (reserved(name) || elements(shape) !== data.length) {
      throw new ShapeError("encode a tensor", {
        where: name,
        got: `${data.length} elements, shape [${shape}]`,
        wanted: "a shape that fits, a name not reserved",
      });
    }
    const dtype = (Object.keys(types) as TypeName[]).find((type) => data instanceof types[type]);
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = 8 + Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(start + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.fill(0x20, 8, start);
  bytes.set(json, 8);
  let position = start;
  for (const name of names) {
    const { data } = tensors[name]!;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/**
 * Decodes a file's bytes. Nothing is allocated for tensors before the whole header has been checked, so memory stays within a small multiple of the file.
 *
 * @param where Path for messages.
 * @throws {FileError} if the header is not what the format demands: above 16 MiB, not JSON, unknown types, shapes that do not match their bytes, gaps or overlaps.
 */
export function decodeSafetensors(bytes: Uint8Array, where = "safetensors"): SafetensorsFile {
  const refuse = (got: string, wanted: string): never => {
    throw new FileError("read a safetensors file", { where, got, wanted, hint: "The file is truncated, damaged or of another format" });
  };
  if (bytes.length < 8) refuse(`${bytes.length} bytes`, "at least 8");
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(Math.min(headerLimit, bytes.length - 8))) {
    refuse(`a header of ${length} bytes in a file of ${bytes.length}`, `a header inside the file, of at most ${headerLimit} bytes`);
  }
  const start = 8 + Number(length);
  const { entries, metadata } = parseHeader(bytes.subarray(8, start), bytes.length - start, refuse);
  let end = 0;
  for (const { name, from, to } of [...entries].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) refuse(`tensor ${name} at byte ${from}`, `byte ${end}: no gaps, no overlaps`);
    end = to;
  }
  if (end !== bytes.length - start) refuse(`${bytes.length - start - end} bytes after the last tensor`, "none");
  const tensors: Record<string, Tensor<TypedArray>> = {};
  for (const { name, type, shape, from, to } of entries) {
    tensors[name] = { shape, data: new types[type](new Uint8Array(bytes.subarray(start + from, start + to)).buffer) };
  }
  return { tensors, metadata };
}

/** Reads a file. @throws {FileError} as {@linkcode decodeSafetensors}, or if it cannot be read. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  return decodeSafetensors(await readBytes(path), path);
}

/** Writes a file by temporary file and rename, making missing folders. @throws {FileError} if it cannot be written. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor<TypedArray>>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeAtomic(path, encodeSafetensors(tensors, metadata), { makeFolders: true });
}

interface Entry {
  readonly name: string;
  readonly type: TypeName;
  readonly shape: number[];
  readonly from: number;
  readonly to: number;
}

function parseHeader(
  text: Uint8Array,
  dataBytes: number,
  refuse: (got: string, wanted: string) => never,
): { entries: Entry[]; metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    return refuse("a header that is not JSON", "JSON in UTF-8");
  }
  if (!isRecord(header)) return refuse("a header that is not an object", "an object");
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      if (!isStrings(entry)) return refuse("metadata that are not strings", "string values");
      metadata = entry;
      continue;
    }
    if (reserved(name) || !isRecord(entry)) {
      return refuse(`an entry named ${JSON.stringify(name)}`, "a name not reserved, describing a tensor");
    }
    const { dtype, shape, data_offsets: span } = entry;
    if (typeof dtype !== "string" || !Object.hasOwn(types, dtype)) {
      return refuse(`tensor ${name} of type ${dtype}`, `one of ${wantedTypes}`);
    }
    const type = dtype as TypeName;
    const [from, to] = isSizes(span) && span.length === 2 ? span as [number, number] : [1, 0];
    if (!isSizes(shape) || from > to || to > dataBytes) {
      return refuse(`tensor ${name} of shape ${show(shape)} at ${show(span)}`, `sizes, and two offsets within ${dataBytes} bytes`);
    }
    const wanted = elements(shape) * types[type].BYTES_PER_ELEMENT;
    if (wanted !== to - from) return refuse(`tensor ${name} of ${to - from} bytes`, `${wanted} bytes for ${type} of shape [${shape}]`);
    entries.push({ name, type, shape, from, to });
  }
  return { entries, metadata };
}

function reserved(name: string): boolean {
  return name === "__metadata__" || name === "__proto__";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((entry) => typeof entry === "string");
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}

function show(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80);
}
