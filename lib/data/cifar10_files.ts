// The two file formats CIFAR-10 comes in here: the official binary version, and PNGs with one image per row.

import { DataError } from "../errors.ts";

/** Images in each file of CIFAR-10. */
export const imagesPerFile = 10_000;
/** Bytes of an image: 32 × 32 pixels, 3 channels. */
export const imageBytes = 3072;

/**
 * Decodes a file of the binary version: records of a label and 1024 bytes each of red, green and blue.
 *
 * @returns pixels [n, 32, 32, 3] followed by n labels, in one array.
 * @throws {DataError} if the length is not that of 10,000 records or a label is above 9.
 */
export function decodeBinary(file: Uint8Array, path: string): Uint8Array<ArrayBuffer> {
  const record = imageBytes + 1;
  if (file.length !== imagesPerFile * record) {
    throw new DataError("read CIFAR-10", {
      where: path,
      got: `${file.length} bytes`,
      wanted: `${imagesPerFile * record} bytes (10,000 records of the binary version)`,
      hint: "The file is truncated or is not of the binary version; fetch it again",
    });
  }
  const out = new Uint8Array(imagesPerFile * record);
  for (let image = 0; image < imagesPerFile; image++) {
    const from = image * record + 1;
    const to = image * imageBytes;
    for (let pixel = 0; pixel < 1024; pixel++) {
      out[to + 3 * pixel] = file[from + pixel]!;
      out[to + 3 * pixel + 1] = file[from + 1024 + pixel]!;
      out[to + 3 * pixel + 2] = file[from + 2048 + pixel]!;
    }
    out[imagesPerFile * imageBytes + image] = file[from - 1]!;
  }
  checkLabels(out.subarray(imagesPerFile * imageBytes), path);
  return out;
}

/**
 * Decodes a PNG of 1024 × 10,000 RGB pixels whose row i is image i.
 *
 * @param labels Class of each of its images.
 * @returns pixels [n, 32, 32, 3] followed by n labels, in one array.
 * @throws {DataError} if it is not such a PNG or a label is missing.
 */
export async function decodePicture(file: Uint8Array, labels: readonly number[], path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { decode } = await import("fast-png");
  let picture: ReturnType<typeof decode>;
  try {
    picture = decode(file, { checkCrc: true });
  } catch (cause) {
    throw new DataError("read CIFAR-10", {
      where: path,
      got: cause instanceof Error ? cause.message : String(cause),
      wanted: "a PNG",
      hint: "The file is truncated or damaged; fetch it again",
      cause,
    });
  }
  const { width, height, channels, depth, data } = picture;
  if (width !== 1024 || height !== imagesPerFile || channels !== 3 || depth !== 8) {
    throw new DataError("read CIFAR-10", {
      where: path,
      got: `${width} × ${height} pixels, ${channels} channels of ${depth} bits`,
      wanted: "1024 × 10000 pixels, 3 channels of 8 bits",
    });
  }
  if (labels.length !== imagesPerFile) {
    throw new DataError("read CIFAR-10", { where: path, got: `${labels.length} labels`, wanted: `${imagesPerFile} labels` });
  }
  const out = new Uint8Array(imagesPerFile * (imageBytes + 1));
  out.set(data);
  out.set(labels, imagesPerFile * imageBytes);
  checkLabels(labels, path);
  return out;
}

function checkLabels(labels: ArrayLike<number>, path: string): void {
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index]!;
    if (!Number.isInteger(label) || label < 0 || label > 9) {
      throw new DataError("read CIFAR-10", { where: path, got: `label ${label} of image ${index}`, wanted: "a class from 0 to 9" });
    }
  }
}
