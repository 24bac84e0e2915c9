// Images from a folder as a data set, brought to the size a network wants.

import { BitlineError, DataError, OptionError } from "../errors.ts";
import type { Shape } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { Dataset } from "./dataset.ts";
import { decodeJpeg, type PictureFault, type PictureSize, scanJpeg } from "./jpeg.ts";
import { decodePng, scanPng } from "./png.ts";
import { resizeImages, type ResizeOptions } from "./resize.ts";
import { readPart } from "./source.ts";

/** Options of {@linkcode imageFolder}. */
export interface ImageFolderOptions extends ResizeOptions {
  /** Height, width and channels (1 or 3) of the images made. */
  readonly size: Shape;
  /** Images read, of all classes in turn; default all. */
  readonly limit?: number;
  /** Names of a network's classes in its order, where subfolders hold only some of them or sort differently; default the subfolders in alphabetical order. */
  readonly classes?: readonly string[];
}

const ACTION = "read images", MOST_PIXELS = 2 ** 26, MOST_SIDE = 65535, MOST_BYTES = 2 ** 28, MOST_CLASSES = 2 ** 16;

/**
 * Reads PNG and JPEG files of a folder: its subfolders are the classes in alphabetical order, each class's files in alphabetical order. Without subfolders all
 * images have class 0. Names that begin with a dot are passed over. Files are told apart by their first bytes. Images of another size are resized as {@linkcode resizeImages} does, grey and colour turned into
 * each other, transparency dropped; orientations noted in EXIF data are not applied. At most 2^26 pixels and 256 MiB a file.
 *
 * @throws {DataError} if there are no images, one cannot be read or decoded, or a subfolder is none of the classes; it names the file.
 * @throws {OptionError} if an option is unknown or wrong.
 */
export async function imageFolder(folder: string, options: ImageFolderOptions): Promise<Dataset> {
  checkOptions(ACTION, "options", options, ["size", "limit", "classes", "crop"]);
  const { size, limit = Infinity, classes, crop } = options;
  if (!(limit >= 1)) throw new OptionError(ACTION, { where: "options.limit", got: limit, wanted: "at least 1" });
  if (size[2] !== 1 && size[2] !== 3) throw new OptionError(ACTION, { where: "options.size", got: size, wanted: "1 or 3 channels" });
  if (classes !== undefined && (classes.length === 0 || new Set(classes).size !== classes.length)) {
    throw new OptionError(ACTION, { where: "options.classes", got: classes.slice(0, 8), wanted: "different names" });
  }
  const { folders, chosen } = await pictures(folder, limit), names = classes ?? (folders.length === 0 ? ["unlabelled"] : folders);
  const strange = classes === undefined ? undefined : folders.find((name) => !classes.includes(name));
  if (strange !== undefined) {
    throw new DataError(ACTION, {
      where: `${folder}/${strange}`,
      got: "a subfolder that is no class",
      wanted: `one of ${classes!.length} names`,
    });
  }
  if (names.length > MOST_CLASSES) {
    throw new DataError(ACTION, { where: folder, got: `${names.length} classes`, wanted: `at most ${MOST_CLASSES}` });
  }
  const each = size[0] * size[1] * size[2], data = new Uint8Array(chosen.length * each), fit = crop === undefined ? {} : { crop };
  const labels = names.length > 256 ? new Uint16Array(chosen.length) : new Uint8Array(chosen.length);
  for (const [at, { path, folder }] of chosen.entries()) {
    data.set(resizeImages(await readPicture(path), size, fit).data, at * each);
    labels[at] = Math.max(0, folder === undefined ? 0 : names.indexOf(folder));
  }
  return { name: folder, images: tensor(data, [chosen.length, ...size]), labels, classes: names };
}

/** Files of a folder in the order they are read, those of its subfolders in turn. */
async function pictures(folder: string, limit: number): Promise<{ folders: string[]; chosen: { path: string; folder?: string }[] }> {
  const { files: own, folders } = await list(folder), chosen: { path: string; folder?: string }[] = [];
  const inner = folders.length === 0
    ? [own.map((name) => ({ path: `${folder}/${name}` }))]
    : await Promise.all(folders.map(async (name) =>
      (await list(`${folder}/${name}`)).files.map((file) => ({ path: `${folder}/${name}/${file}`, folder: name }))
    ));
  const longest = inner.reduce((most, { length }) => Math.max(most, length), 0);
  for (let at = 0; at < longest && chosen.length < limit; at++) {
    for (const files of inner) if (at < files.length && chosen.length < limit) chosen.push(files[at]!);
  }
  if (chosen.length === 0) {
    throw new DataError(ACTION, { where: folder, got: "no .png, .jpg or .jpeg files", wanted: "images, or subfolders of images" });
  }
  return { folders, chosen };
}

/** Names of pictures and of folders, links followed. */
async function list(folder: string): Promise<{ files: string[]; folders: string[] }> {
  try {
    const entries = (await Array.fromAsync(Deno.readDir(folder))).sort((a, b) => a.name < b.name ? -1 : 1);
    const files: string[] = [], folders: string[] = [];
    for (const { name, isFile, isDirectory, isSymlink } of entries) {
      if (name.startsWith(".")) continue;
      const target = isSymlink ? await Deno.stat(`${folder}/${name}`).catch(() => undefined) : { isFile, isDirectory };
      if (target?.isDirectory) folders.push(name);
      else if (target?.isFile && /\.(png|jpe?g)$/i.test(name)) files.push(name);
    }
    return { files, folders };
  } catch (cause) {
    throw new DataError(ACTION, { where: folder, got: (cause as Error).message, wanted: "a readable folder", cause });
  }
}

async function readPicture(path: string): Promise<Tensor<Uint8Array>> {
  const refuse = (got: string, wanted: string, cause?: unknown): never => {
    throw new DataError(ACTION, { where: path, got, wanted, ...(cause === undefined ? {} : { cause }) });
  };
  const length = await Deno.stat(path).then(({ size }) => size, () => 0);
  if (length > MOST_BYTES) return refuse(`${length} bytes`, `at most ${MOST_BYTES}`);
  const bytes = await readPart("images", path, "a PNG or JPEG file"),
    starts = (...head: number[]) => head.every((byte, at) => bytes[at] === byte);
  const png = starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  if (!png && !starts(0xff, 0xd8)) return refuse(bytes.length === 0 ? "an empty file" : "other contents", "a PNG or JPEG file");
  const beyond = ({ width, height }: PictureSize): PictureFault | undefined => {
    const pixels = width * height;
    if (pixels > 0 && pixels <= MOST_PIXELS && Math.max(width, height) <= MOST_SIDE) return undefined;
    return { got: `${width} × ${height} pixels`, wanted: `1 to ${MOST_PIXELS}, at most ${MOST_SIDE} along a side` };
  };
  const decoded = async () => {
    if (png) {
      const scan = scanPng(bytes);
      return "got" in scan ? scan : beyond(scan) ?? await decodePng(scan);
    }
    const scan = scanJpeg(bytes);
    return "got" in scan ? scan : beyond(scan) ?? await decodeJpeg(bytes, scan);
  };
  const found = await decoded().catch((cause) => {
    if (cause instanceof BitlineError) throw cause;
    return refuse((cause as Error).message, `a whole ${png ? "PNG" : "JPEG"} file`, cause);
  });
  return "got" in found ? refuse(found.got, found.wanted) : found;
}
