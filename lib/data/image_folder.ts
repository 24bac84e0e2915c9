// Images from a folder as a data set, brought to the size a network wants.

import { DataError, OptionError } from "../errors.ts";
import type { Shape } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { Dataset } from "./dataset.ts";
import { readPart } from "./source.ts";

/** Options of {@linkcode imageFolder}. */
export interface ImageFolderOptions {
  /** Height, width and channels (1 or 3) of the images made. */
  readonly size: Shape;
  /** Images read, of all classes in turn; default all. */
  readonly limit?: number;
}

const MOST_PIXELS = 2 ** 26;

/**
 * Reads PNG files of a folder: its subfolders are the classes in alphabetical order, each class's files in alphabetical order. Without subfolders all images
 * have class 0. Images of another size are resized bilinearly, grey and colour turned into each other, transparency dropped.
 *
 * @throws {DataError} if there are no images, or one cannot be read or decoded.
 * @throws {OptionError} if an option is unknown or wrong.
 */
export async function imageFolder(folder: string, options: ImageFolderOptions): Promise<Dataset> {
  checkOptions("read images", "options", options, ["size", "limit"]);
  const { size, limit = Infinity } = options;
  if (!(limit >= 1)) throw new OptionError("read images", { where: "options.limit", got: limit, wanted: "at least 1" });
  if (size[2] !== 1 && size[2] !== 3) throw new OptionError("read images", { where: "options.size", got: size, wanted: "1 or 3 channels" });
  const entries = await list(folder), classes = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  const files = await Promise.all((classes.length === 0 ? [""] : classes).map(async (name) => {
    const inner = classes.length === 0 ? entries : await list(`${folder}/${name}`);
    return inner.filter((each) => each.isFile && /\.png$/i.test(each.name)).map((each) =>
      `${folder}/${name === "" ? "" : `${name}/`}${each.name}`
    );
  }));
  const chosen: { path: string; label: number }[] = [], longest = Math.max(...files.map(({ length }) => length));
  for (let at = 0; at < longest; at++) {
    files.forEach((paths, label) => {
      if (at < paths.length && chosen.length < limit) chosen.push({ path: paths[at]!, label });
    });
  }
  if (chosen.length === 0) {
    throw new DataError("read images", { where: folder, got: "no .png files", wanted: "images, or subfolders of images" });
  }
  if (classes.length > 256) {
    throw new DataError("read images", { where: folder, got: `${classes.length} subfolders`, wanted: "at most 256 classes" });
  }
  const each = size[0] * size[1] * size[2], data = new Uint8Array(chosen.length * each);
  for (const [at, { path }] of chosen.entries()) data.set(resizeImages(await readImage(path), size).data, at * each);
  return {
    name: folder,
    images: tensor(data, [chosen.length, ...size]),
    labels: Uint8Array.from(chosen, ({ label }) => label),
    classes: classes.length === 0 ? ["unlabelled"] : classes,
  };
}

async function list(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (cause) {
    throw new DataError("read images", { where: folder, got: (cause as Error).message, wanted: "a readable folder", cause });
  }
}

async function readImage(path: string): Promise<Tensor<Uint8Array>> {
  const bytes = await readPart("images", path, "a PNG file"), head = new DataView(bytes.buffer);
  const pixels = bytes.length < 24 ? 0 : head.getUint32(16) * head.getUint32(20);
  if (!(pixels > 0 && pixels <= MOST_PIXELS)) {
    throw new DataError("read images", { where: path, got: `${pixels} pixels`, wanted: `1 to ${MOST_PIXELS}` });
  }
  try {
    const { decode } = await import("fast-png");
    const { width, height, channels, depth, data, palette } = decode(bytes), colours = palette === undefined ? channels : 3;
    const shown = colours < 3 ? 1 : 3, out = new Uint8Array(width * height * shown), shift = depth === 16 ? 8 : 0;
    for (let at = 0; at < width * height; at++) {
      for (let channel = 0; channel < shown; channel++) {
        out[at * shown + channel] = palette === undefined ? data[at * channels + channel]! >> shift : palette[data[at]!]![channel]!;
      }
    }
    return tensor(out, [1, height, width, shown]);
  } catch (cause) {
    throw new DataError("read images", { where: path, got: (cause as Error).message, wanted: "a whole PNG file of 8 or 16 bits", cause });
  }
}

/** Images `[n, height, width, channels]` in another size, bilinear between pixel centres; grey is repeated, colour averaged to grey. */
export function resizeImages({ data, shape }: Tensor<Uint8Array>, [height, width, channels]: Shape): Tensor<Uint8Array> {
  const [count, rows, columns, from] = shape as [number, number, number, number], out = new Uint8Array(count * height * width * channels);
  const place = (at: number, size: number, source: number): readonly [number, number, number] => {
    const centre = Math.min(Math.max((at + 0.5) * source / size - 0.5, 0), source - 1), low = Math.floor(centre);
    return [low, Math.min(low + 1, source - 1), centre - low];
  };
  for (let image = 0, to = 0; image < count; image++) {
    const pixel = (row: number, column: number, channel: number) => {
      const at = ((image * rows + row) * columns + column) * from;
      if (channels === from) return data[at + channel]!;
      return from === 1 ? data[at]! : (data[at]! + data[at + 1]! + data[at + 2]!) / 3;
    };
    for (let row = 0; row < height; row++) {
      const [top, bottom, down] = place(row, height, rows);
      for (let column = 0; column < width; column++) {
        const [left, right, across] = place(column, width, columns);
        for (let channel = 0; channel < channels; channel++, to++) {
          const upper = pixel(top, left, channel) * (1 - across) + pixel(top, right, channel) * across;
          const lower = pixel(bottom, left, channel) * (1 - across) + pixel(bottom, right, channel) * across;
          out[to] = Math.round(upper * (1 - down) + lower * down);
        }
      }
    }
  }
  return tensor(out, [count, height, width, channels]);
}
