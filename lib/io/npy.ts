// NumPy's .npy and .npz, reading only: weights and reference results come out of Python this way.

import { FileError } from "../errors.ts";
import { elements, type Tensor, tensor, type TypedArray } from "../tensor.ts";
import { readBytes } from "./atomic.ts";
import { unzip, type ZipLimits } from "./zip.ts";

/** Reads little-endian elements from bytes; 64-bit integers become Float64Array, booleans Uint8Array. */
const readers: Readonly<Record<string, { bytes: number; read: (buffer: ArrayBuffer) => TypedArray | undefined }>> = {
  "<f4": { bytes: 4, read: (buffer) => new Float32Array(buffer) },
  "<f8": { bytes: 8, read: (buffer) => new Float64Array(buffer) },
  "<i8": { bytes: 8, read: (buffer) => narrow(new BigInt64Array(buffer)) },
  "<u8": { bytes: 8, read: (buffer) => narrow(new BigUint64Array(buffer)) },
  "<i4": { bytes: 4, read: (buffer) => new Int32Array(buffer) },
  "<u4": { bytes: 4, read: (buffer) => new Uint32Array(buffer) },
  "<i2": { bytes: 2, read: (buffer) => new Int16Array(buffer) },
  "<u2": { bytes: 2, read: (buffer) => new Uint16Array(buffer) },
  "|i1": { bytes: 1, read: (buffer) => new Int8Array(buffer) },
  "|u1": { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
  "|b1": { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
};

/**
 * Decodes a .npy file, format versions 1 to 3. Fortran order is turned into row-major. Little-endian f4, f8, i1–i8, u1–u8 and booleans;
 * 64-bit integers come back as Float64Array and must be exact in it.
 *
 * @param where Path for messages.
 * @throws {FileError} if it is not such a file, is truncated, or has a type not listed.
 *
 * @example
 * ```ts
 * import { decodeNpy } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1), }";
 * const bytes = Uint8Array.from([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length, 0, ...new TextEncoder().encode(header), 7, 8]);
 * assertEquals(decodeNpy(bytes), { shape: [2, 1], data: Uint8Array.of(7, 8) });
 * ```
 */
export function decodeNpy(bytes: Uint8Array, where = "npy"): Tensor<TypedArray> {
  const refuse = (got: string, wanted: string): never => {
    throw new FileError("read an npy file", { where, got, wanted, hint: "The file is truncated, damaged or of another format" });
  };
  const magic = String.fromCharCode(...bytes.subarray(0, 6));
  const major = bytes[6] ?? 0;
  if (bytes.length < 12 || magic !== "\x93NUMPY" || major < 1 || major > 3) {
    return refuse("another head", "the head of an npy file of version 1 to 3");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = major > 1;
  const start = (wide ? 12 : 10) + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (start > bytes.length) return refuse(`${bytes.length} bytes`, `a header of ${start} bytes`);
  const header = new TextDecoder().decode(bytes.subarray(wide ? 12 : 10, start));
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const extents = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || extents === undefined) {
    return refuse(`header ${header.slice(0, 100)}`, "descr, fortran_order and shape");
  }
  const shape = extents.split(",").map((extent) => extent.trim()).filter((extent) => extent !== "").map(Number);
  const reader = readers[descr] ?? refuse(`elements of type ${descr}`, `one of ${Object.keys(readers).join(", ")}`);
  if (bytes.length - start !== elements(shape) * reader.bytes) {
    return refuse(`${bytes.length - start} bytes of data`, `${elements(shape) * reader.bytes} for ${descr} of shape [${shape}]`);
  }
  const data = reader.read(new Uint8Array(bytes.subarray(start)).buffer) ??
    refuse("an integer above 2^53", "integers that a double holds exactly");
  return tensor(order === "True" ? rowMajor(data, shape) : data, shape);
}

/**
 * Decodes a .npz file: arrays by name, the `.npy` of the entries dropped.
 *
 * @param limits Bounds on the archive; see {@linkcode unzip}.
 * @throws {FileError} if it is not a whole zip of npy files, or would unpack to more than the limits.
 */
export function decodeNpz(bytes: Uint8Array, where = "npz", limits: ZipLimits = {}): Record<string, Tensor<TypedArray>> {
  const files = unzip(bytes, { where, limits });
  return Object.fromEntries([...files].map(([name, file]) => [name.replace(/\.npy$/, ""), decodeNpy(file, `${where}:${name}`)]));
}

/** Reads a .npy file. @throws {FileError} as {@linkcode decodeNpy}, or if it cannot be read. */
export async function readNpy(path: string): Promise<Tensor<TypedArray>> {
  return decodeNpy(await readBytes(path), path);
}

/** Reads a .npz file. @throws {FileError} as {@linkcode decodeNpz}, or if it cannot be read. */
export async function readNpz(path: string): Promise<Record<string, Tensor<TypedArray>>> {
  return decodeNpz(await readBytes(path), path);
}

function narrow(values: BigInt64Array | BigUint64Array): Float64Array | undefined {
  const out = new Float64Array(values.length);
  for (let index = 0; index < out.length; index++) {
    const value = Number(values[index]!);
    if (!Number.isSafeInteger(value)) return undefined;
    out[index] = value;
  }
  return out;
}

/** Reorders elements whose first axis is contiguous. */
function rowMajor(data: TypedArray, shape: readonly number[]): TypedArray {
  const out = data.slice();
  const steps = shape.map((_, axis) => elements(shape.slice(0, axis)));
  const index = shape.map(() => 0);
  for (let to = 0, from = 0; to < out.length; to++) {
    out[to] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
