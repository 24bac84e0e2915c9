// JPEG files as pixels: the file is walked before a decoder sees it, so that what it unpacks to is known and a cut file is refused rather than grey.

import { lazyPackage } from "../io/lazy_package.ts";
import { type Tensor, tensor } from "../tensor.ts";

/** What is asked of the JPEG package. */
export interface JpegLibrary {
  /** Decodes a file to red, green, blue and opacity; `warnings` are what the decoder said about damage it painted over. */
  decode(bytes: Uint8Array<ArrayBuffer>): Promise<{
    readonly width: number;
    readonly height: number;
    readonly data: ArrayLike<number>;
    readonly warnings: readonly string[];
  }>;
}

/** Why a picture cannot be read: what was found, what belongs there. */
export interface PictureFault {
  readonly got: string;
  readonly wanted: string;
}

/** What the head of a picture tells. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** More scans than any encoder makes; each costs a pass over the picture. */
const MOST_SCANS = 100;

const START_OF_SCAN = 0xda, END = 0xd9, WHOLE = "a whole JPEG file";

/** Markers that begin a frame: all of 0xC0 to 0xCF but tables and extensions. Huffman-coded DCT frames, baseline to progressive, are 0xC0 to 0xC2. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Walks the markers of a JPEG file from its first byte to the end marker, and gives its extents or what is wrong. */
export function scanJpeg(bytes: Uint8Array): PictureSize | PictureFault {
  const short = (at: number) => bytes[at]! << 8 | bytes[at + 1]!;
  let size: PictureSize | undefined, scans = 0, at = 2;
  for (;;) {
    // Between segments any number of fill bytes may stand; decoders skip whatever else is there, and so does this.
    while (at < bytes.length && bytes[at] !== 0xff) at++;
    while (at < bytes.length && bytes[at] === 0xff) at++;
    if (at >= bytes.length) return { got: `an end at byte ${bytes.length} without the end marker`, wanted: WHOLE };
    const marker = bytes[at++]!;
    if (marker === 0 || marker === 1 || marker >= 0xd0 && marker <= 0xd8) continue; // stuffing, restarts: inside a scan
    if (marker === END) break;
    const length = at + 2 <= bytes.length ? short(at) : 0;
    if (length < 2 || at + length > bytes.length) {
      return { got: `a segment at byte ${at - 2} that does not end inside the file`, wanted: WHOLE };
    }
    if (isFrame(marker)) {
      if (size !== undefined) return { got: "two frames", wanted: "one" };
      if (marker > 0xc2) return { got: `a frame of type ${marker - 0xc0}`, wanted: "a baseline, extended or progressive one" };
      if (length < 8 || bytes[at + 2] !== 8) return { got: `${bytes[at + 2]} bits per sample`, wanted: "8" };
      size = { height: short(at + 3), width: short(at + 5), channels: bytes[at + 7]! };
    }
    if (marker === START_OF_SCAN && ++scans > MOST_SCANS) return { got: `more than ${MOST_SCANS} scans`, wanted: "at most that many" };
    at += length;
  }
  if (size === undefined || scans === 0) return { got: "no picture before the end marker", wanted: WHOLE };
  if (size.channels !== 1 && size.channels !== 3) {
    return { got: `${size.channels} colour channels`, wanted: "grey or RGB; convert CMYK pictures first" };
  }
  return size;
}

/** Pixels `[1, height, width, 1 or 3]` of a JPEG file that {@linkcode scanJpeg} has found whole. Its EXIF orientation is not applied. */
export async function decodeJpeg(
  bytes: Uint8Array<ArrayBuffer>,
  { width, height, channels }: PictureSize,
): Promise<Tensor<Uint8Array> | PictureFault> {
  const library = await lazyPackage<JpegLibrary>(new URL("./jpeg_npm.ts", import.meta.url), "the JPEG decoder", "@jsquash/jpeg");
  const found = await library.decode(bytes), short = found.warnings.find((text) => /premature end/i.test(text));
  if (short !== undefined) return { got: short, wanted: WHOLE };
  if (found.width !== width || found.height !== height) {
    return { got: `${found.width} × ${found.height} pixels where the head says ${width} × ${height}`, wanted: WHOLE };
  }
  const out = new Uint8Array(width * height * channels);
  for (let pixel = 0, to = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < channels; channel++) out[to++] = found.data[4 * pixel + channel]!;
  }
  return tensor(out, [1, height, width, channels]);
}
