// MATLAB's level 5 files, as far as data sets need them: named arrays of real numbers, compressed or not.

import { DataError } from "../errors.ts";
import { elements } from "../tensor.ts";

/** A numeric array of a file, found but not yet read. */
export interface MatArray {
  /** Name of the variable. */
  readonly name: string;
  /** Extents; elements lie with the first axis contiguous. */
  readonly shape: readonly number[];
  /**
   * The first `count` elements (default all) in memory order.
   *
   * @throws {DataError} if the data is truncated, damaged or not made of numbers.
   */
  read(count?: number): Promise<Uint8Array | Float64Array>;
}

const ACTION = "read a MATLAB file";
const DAMAGED = "The file is truncated or damaged; fetch it again";
/** Bytes of the file's header, and enough of a variable to find its name and extents. */
const HEADER = 128, HEAD = 1024;
/** Most bytes a variable may have when unpacked. */
const LARGEST = 2 ** 30;
const COMPRESSED = 15, MATRIX = 14;

/** Bytes and reader of each kind of numbers in a file, by its code. */
const NUMBERS: Readonly<Record<number, readonly [bytes: number, read: (view: DataView, at: number, little: boolean) => number]>> = {
  1: [1, (view, at) => view.getInt8(at)],
  2: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at, little) => view.getInt16(at, little)],
  4: [2, (view, at, little) => view.getUint16(at, little)],
  5: [4, (view, at, little) => view.getInt32(at, little)],
  6: [4, (view, at, little) => view.getUint32(at, little)],
  7: [4, (view, at, little) => view.getFloat32(at, little)],
  9: [8, (view, at, little) => view.getFloat64(at, little)],
};

/**
 * Finds the numeric arrays of a MATLAB file, version 5 to 7 (before the HDF5 of 7.3).
 *
 * @param where Path for messages.
 * @throws {DataError} if it is no such file, or is truncated or damaged.
 */
export async function readMat(file: Uint8Array<ArrayBuffer>, where: string): Promise<MatArray[]> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const mark = file.length < HEADER ? "" : String.fromCharCode(file[126]!, file[127]!);
  if (mark !== "IM" && mark !== "MI") {
    throw new DataError(ACTION, {
      where,
      got: file.length < HEADER ? `${file.length} bytes` : "no MATLAB header",
      wanted: "a MATLAB file of version 5 to 7",
      hint: "Check that the file is whole and is no web page",
    });
  }
  const little = mark === "IM", version = view.getUint16(124, little);
  if (version !== 0x100) {
    const hint = version === 0x200 ? "Version 7.3 is HDF5: save it with -v7." : "Save it with -v7.";
    throw new DataError(ACTION, { where, got: `version 0x${version.toString(16)}`, wanted: "version 0x100", hint });
  }
  const arrays: MatArray[] = [];
  for (let at = HEADER; at < file.length;) {
    const left = file.length - at - 8,
      type = left < 0 ? 0 : view.getUint32(at, little),
      length = left < 0 ? 0 : view.getUint32(at + 4, little);
    if (left < 0 || length > left) {
      throw new DataError(ACTION, { where, got: `${Math.max(0, left)} bytes of a variable`, wanted: `${length} bytes`, hint: DAMAGED });
    }
    const body = file.subarray(at + 8, at + 8 + length);
    // Compressed variables hold one matrix element with its own tag; plain ones are followed by zeros up to a multiple of 8 bytes.
    if (type === COMPRESSED) {
      const found = matrix(unwrapped(await inflate(body, HEAD, where), little, where), little, where, async (bytes) => {
        return unwrapped(await inflate(body, bytes + 8, where), little, where);
      });
      if (found !== undefined) arrays.push(found);
    } else if (type === MATRIX) {
      const found = matrix(body, little, where, () => Promise.resolve(body));
      if (found !== undefined) arrays.push(found);
    }
    at += 8 + (type === COMPRESSED ? length : Math.ceil(length / 8) * 8);
  }
  return arrays;
}

/** The body of a compressed variable's matrix element. */
function unwrapped(bytes: Uint8Array, little: boolean, where: string): Uint8Array {
  const type = bytes.length < 8 ? undefined : viewOf(bytes).getUint32(0, little);
  if (type !== MATRIX) {
    throw new DataError(ACTION, { where, got: type === undefined ? "no element" : `element ${type}`, wanted: "a matrix", hint: DAMAGED });
  }
  return bytes.subarray(8);
}

/** Part of a matrix element: its type, its bytes from `begin` on, and where the next part begins. */
interface Part {
  readonly type: number;
  readonly begin: number;
  readonly length: number;
  readonly next: number;
}

function part(view: DataView, at: number, little: boolean, where: string): Part {
  if (at + 8 > view.byteLength) {
    throw new DataError(ACTION, { where, got: "the end of a variable", wanted: "its next part", hint: DAMAGED });
  }
  const word = view.getUint32(at, little);
  // Up to four bytes are packed into the tag itself.
  if (word >>> 16 !== 0) return { type: word & 0xffff, begin: at + 4, length: Math.min(4, word >>> 16), next: at + 8 };
  const length = view.getUint32(at + 4, little);
  return { type: word, begin: at + 8, length, next: at + 8 + Math.ceil(length / 8) * 8 };
}

/** Reads name and extents from the head of a matrix; undefined if it is no real numeric array. */
function matrix(
  head: Uint8Array,
  little: boolean,
  where: string,
  load: (bytes: number) => Promise<Uint8Array>,
): MatArray | undefined {
  const view = viewOf(head), flags = part(view, 0, little, where);
  if (flags.type !== 6 || flags.length !== 8) {
    throw new DataError(ACTION, { where, got: `part ${flags.type}`, wanted: "array flags", hint: DAMAGED });
  }
  const word = view.getUint32(flags.begin, little), kind = word & 0xff, complex = (word & 0x800) !== 0;
  if (kind < 6 || kind > 13 || complex) return undefined;
  const extents = part(view, flags.next, little, where);
  const axes = extents.length / 4;
  if (extents.type !== 5 || !Number.isInteger(axes) || axes < 2 || extents.next > view.byteLength) {
    throw new DataError(ACTION, {
      where,
      got: `part ${extents.type} of ${extents.length} bytes`,
      wanted: "the extents of an array",
      hint: DAMAGED,
    });
  }
  const shape = Array.from({ length: axes }, (_, axis) => view.getInt32(extents.begin + 4 * axis, little));
  const label = part(view, extents.next, little, where);
  if (label.type !== 1 || label.begin + label.length > view.byteLength) {
    throw new DataError(ACTION, { where, got: `part ${label.type}`, wanted: "the name of an array", hint: DAMAGED });
  }
  const name = new TextDecoder().decode(head.subarray(label.begin, label.begin + label.length));
  if (shape.some((extent) => extent < 0)) {
    throw new DataError(ACTION, { where: `${where}, ${name}`, got: shape, wanted: "extents of at least 0", hint: DAMAGED });
  }
  const data = part(view, label.next, little, where);
  const read = async (count = elements(shape)): Promise<Uint8Array | Float64Array> => {
    const place = `${where}, ${name}`, format = NUMBERS[data.type];
    if (format === undefined) {
      throw new DataError(ACTION, { where: place, got: `numbers of type ${data.type}`, wanted: "integers or floats" });
    }
    const [bytes, get] = format, needed = bytes * count;
    if (data.length !== bytes * elements(shape) || needed > data.length || needed > LARGEST) {
      const wanted = `${bytes * elements(shape)} for shape [${shape}], of which at most ${LARGEST} are read`;
      throw new DataError(ACTION, { where: place, got: `${data.length} bytes`, wanted, hint: DAMAGED });
    }
    const body = await load(data.begin + needed);
    if (body.length < data.begin + needed) {
      throw new DataError(ACTION, { where: place, got: `${body.length} bytes`, wanted: `${data.begin + needed} bytes`, hint: DAMAGED });
    }
    if (data.type === 2) return body.subarray(data.begin, data.begin + needed);
    const numbers = viewOf(body);
    return Float64Array.from({ length: count }, (_, index) => get(numbers, data.begin + bytes * index, little));
  };
  return { name, shape, read };
}

/** The first `most` bytes of a zlib stream, or all there are. A stream that ends within a padding of that is read to its checksum. */
async function inflate(packed: Uint8Array<ArrayBuffer>, most: number, where: string): Promise<Uint8Array> {
  const out = new Uint8Array(most + 8);
  let length = 0;
  try {
    for await (const piece of new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))) {
      out.set(piece.subarray(0, out.length - length), length);
      length += piece.length;
      if (length > out.length) break;
    }
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(ACTION, { where, got, wanted: "a whole zlib stream", hint: DAMAGED, cause });
  }
  return out.subarray(0, Math.min(length, most));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
