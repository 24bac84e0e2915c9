// PNG files as pixels: chunks are walked and what they inflate to is counted before a decoder sees them.

import { type Tensor, tensor } from "../tensor.ts";
import type { PictureFault, PictureSize } from "./jpeg.ts";

/** A PNG file that can be decoded: without text, profiles and transparency, which pixels do not need. */
export interface PngScan extends PictureSize {
  /** Bits per sample. */
  readonly depth: number;
  /** Whether pixels are indices of a palette. */
  readonly indexed: boolean;
  /** The file again, of the chunks that matter. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }, WHOLE = "a whole PNG file";

/** Walks the chunks of a PNG file, and gives its extents and the chunks to decode, or what is wrong. */
export function scanPng(bytes: Uint8Array): PngScan | PictureFault {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), kept = [bytes.subarray(0, 8)];
  for (let at = 8, ended = false; !ended;) {
    const length = at + 12 <= bytes.length ? view.getUint32(at) : Infinity, next = at + 12 + length;
    if (next > bytes.length) return { got: `an end at byte ${bytes.length} inside a chunk`, wanted: WHOLE };
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kept.length === 1 && (type !== "IHDR" || length !== 13)) return { got: `a first chunk ${JSON.stringify(type)}`, wanted: WHOLE };
    if (["IHDR", "PLTE", "IDAT", "IEND"].includes(type)) kept.push(bytes.subarray(at, next));
    ended = type === "IEND";
    at = next;
  }
  const [width, height, depth, colour, , , interlace] = [view.getUint32(16), view.getUint32(20), ...bytes.subarray(24, 29)] as number[];
  const channels = CHANNELS[colour!];
  if (channels === undefined || ![1, 2, 4, 8, 16].includes(depth!)) {
    return { got: `colour type ${colour} of ${depth} bits`, wanted: "a PNG file of 1 to 16 bits" };
  }
  if (interlace !== 0 && depth! < 8) return { got: `interlaced pixels of ${depth} bits`, wanted: "8 or 16 bits, or rows in order" };
  const whole = new Uint8Array(kept.reduce((sum, { length }) => sum + length, 0));
  let to = 0;
  for (const part of kept) {
    whole.set(part, to);
    to += part.length;
  }
  return { width: width!, height: height!, depth: depth!, channels, indexed: colour === 3, bytes: whole };
}

/** Pixels `[1, height, width, 1 or 3]`: transparency dropped, 16 bits cut to 8, fewer stretched to 8. */
export async function decodePng(scan: PngScan): Promise<Tensor<Uint8Array> | PictureFault> {
  const { width, height, depth, channels, indexed } = scan, line = Math.ceil(width * channels * depth / 8);
  // A filter byte per row; interlacing has up to twice the rows, and a byte more in each.
  const most = line * height + 4 * height + 64;
  if (await inflatesBeyond(scan.bytes, most)) return { got: `more than the ${most} bytes that its pixels can take`, wanted: WHOLE };
  const { decode } = await import("fast-png");
  const { data, palette } = decode(scan.bytes), shown = indexed ? 3 : channels < 3 ? 1 : 3;
  if (indexed && palette === undefined) return { got: "no palette", wanted: WHOLE };
  const out = new Uint8Array(width * height * shown), shift = depth === 16 ? 8 : 0, top = depth < 8 ? 2 ** depth - 1 : 255;
  for (let row = 0, to = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = (row * width + column) * channels, bit = column * depth;
      const first = depth >= 8 ? data[at]! >> shift : data[row * line + (bit >> 3)]! >> 8 - depth - (bit & 7) & top;
      if (indexed) {
        const colour = palette![first];
        if (colour === undefined) return { got: `colour ${first} of a palette of ${palette!.length}`, wanted: WHOLE };
        for (let channel = 0; channel < 3; channel++) out[to++] = colour[channel]!;
      } else if (depth < 8) out[to++] = Math.round(first * 255 / top);
      else for (let channel = 0; channel < shown; channel++) out[to++] = data[at + channel]! >> shift;
    }
  }
  return tensor(out, [1, height, width, shown]);
}

/** Whether image data inflate to more than so many bytes; damage is left to the decoder. */
async function inflatesBeyond(bytes: Uint8Array<ArrayBuffer>, most: number): Promise<boolean> {
  const view = new DataView(bytes.buffer), stream = new DecompressionStream("deflate"), writer = stream.writable.getWriter();
  const writing = (async () => {
    for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
      if (bytes[at + 4] === 0x49 && bytes[at + 5] === 0x44) await writer.write(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
    }
    await writer.close();
  })().catch(() => {});
  const reader = stream.readable.getReader();
  let count = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      count += part.value.length;
      if (count > most) return true;
    }
  } catch {
    // The stream ends in damage.
  } finally {
    await reader.cancel().catch(() => {});
    await writing;
  }
  return false;
}
