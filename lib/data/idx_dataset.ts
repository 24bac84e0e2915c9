// MNIST and Fashion-MNIST differ only in where their four files lie and in what the classes are called.

import { DataError } from "../errors.ts";
import { tensor } from "../tensor.ts";
import { cached } from "./cache.ts";
import { CALIBRATION_IMAGES, type Dataset, type LoadOptions, loadRange } from "./dataset.ts";
import { readIdx } from "./idx.ts";
import { requireFolder } from "./source.ts";

const imageBytes = 784;

/** What tells one such set from another. */
export interface IdxSet {
  /** Name for messages. */
  readonly title: string;
  /** Name of the data set. */
  readonly name: string;
  /** Name of each class. */
  readonly classes: readonly string[];
  /** Version to keep the set under in the cache, so that its package is asked only once; not kept by default. */
  readonly key?: string;
  /** The folder to read from if the user names none. */
  readonly folder: () => Promise<string>;
}

/** Loads one split as [n, 28, 28, 1]. @throws {DataError} if a file is missing or damaged. */
export async function loadIdx(set: IdxSet, split: "train" | "test", options: LoadOptions): Promise<Dataset> {
  const total = split === "train" ? 60_000 : 10_000;
  const { begin, end } = loadRange(set.title, options, total);
  const read = async () => await readSplit(set, split, total, options.folder ?? await set.folder());
  const bytes = options.folder === undefined && set.key !== undefined
    ? await cached(`${set.name}-${split}-${set.key}.u8`, total * (imageBytes + 1), read)
    : await read();
  return {
    name: `${set.name}/${split}`,
    images: tensor(bytes.slice(begin * imageBytes, end * imageBytes), [end - begin, 28, 28, 1]),
    labels: bytes.slice(total * imageBytes + begin, total * imageBytes + end),
    classes: set.classes,
    calibration: () => loadIdx(set, "train", { ...options, offset: 0, limit: CALIBRATION_IMAGES }),
  };
}

async function readSplit(set: IdxSet, split: "train" | "test", total: number, folder: string): Promise<Uint8Array<ArrayBuffer>> {
  await requireFolder(set.title, folder, "a folder with the four idx files, plain or as .gz");
  const prefix = split === "train" ? "train" : "t10k";
  const images = await readIdx(set.title, folder, `${prefix}-images-idx3-ubyte`, 3);
  const labels = await readIdx(set.title, folder, `${prefix}-labels-idx1-ubyte`, 1);
  const [count, height, width] = images.shape;
  if (count !== total || height !== 28 || width !== 28 || labels.shape[0] !== total) {
    throw new DataError(`read ${set.title}`, {
      where: `${folder}/${prefix}-*`,
      got: `images [${images.shape}], labels [${labels.shape}]`,
      wanted: `images [${total},28,28], labels [${total}]`,
    });
  }
  const wrong = labels.data.findIndex((label) => label >= set.classes.length);
  if (wrong >= 0) {
    throw new DataError(`read ${set.title}`, {
      where: `${folder}/${prefix}-labels`,
      got: `label ${labels.data[wrong]}`,
      wanted: "a class from 0 to 9",
    });
  }
  const bytes = new Uint8Array(total * (imageBytes + 1));
  bytes.set(images.data);
  bytes.set(labels.data, total * imageBytes);
  return bytes;
}
