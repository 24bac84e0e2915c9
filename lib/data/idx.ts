// The idx format of MNIST and its kin: big-endian magic, extents, then bytes; often gzipped.

import { DataError } from "../errors.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { exists, readPart } from "./source.ts";

const largest = 1 << 28;

/**
 * Parses an idx file of unsigned bytes.
 *
 * @param rank How many axes the file must have: 3 for images, 1 for labels.
 * @param where Path for messages.
 * @throws {DataError} if the magic, the rank or the length is wrong.
 */
export function parseIdx(file: Uint8Array, rank: number, where: string): Tensor<Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const head = 4 + 4 * rank;
  const magic = file.length >= 4 ? view.getUint32(0) : undefined;
  if (magic !== 0x800 + rank) {
    throw new DataError("read an idx file", {
      where,
      got: magic === undefined ? `${file.length} bytes` : `magic 0x${magic.toString(16)}`,
      wanted: `magic 0x${(0x800 + rank).toString(16)} (unsigned bytes, ${rank} axes)`,
      hint: "Check that images and labels are not mixed up and that the file is no web page",
    });
  }
  const shape = file.length < head ? [] : Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const length = shape.reduce((product, extent) => product * extent, 1);
  if (file.length < head || length > largest || file.length !== head + length) {
    throw new DataError("read an idx file", {
      where,
      got: `${file.length} bytes`,
      wanted: file.length < head ? `a header of ${head} bytes` : `${head + length} bytes for shape [${shape}]`,
      hint: "The file is truncated or damaged; fetch it again",
    });
  }
  return tensor(file.subarray(head), shape);
}

/** Reads an idx file from a folder, as `name` or `name.gz`. @throws {DataError} if neither is there, or what is there is damaged. */
export async function readIdx(set: string, folder: string, name: string, rank: number): Promise<Tensor<Uint8Array>> {
  const plain = `${folder}/${name}`;
  if (await exists(plain)) return parseIdx(await readPart(set, plain, name), rank, plain);
  const path = `${plain}.gz`;
  const packed = await readPart(set, path, `${name} or ${name}.gz`);
  return parseIdx(await gunzip(packed, path), rank, path);
}

async function gunzip(packed: Uint8Array<ArrayBuffer>, where: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))) {
      length += piece.length;
      if (length > largest + 64) throw new Error(`more than ${largest} bytes when unpacked`);
      pieces.push(piece);
    }
  } catch (cause) {
    throw new DataError("unpack a gzip file", {
      where,
      got: cause instanceof Error ? cause.message : String(cause),
      wanted: "a whole gzip stream",
      hint: "The file is truncated or damaged; fetch it again",
      cause,
    });
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
