// One shape for every set of labelled images, so that a network, a trainer and a calibration take any of them.

import { OptionError } from "../errors.ts";
import { type Tensor, tensor } from "../tensor.ts";

/** Classes of images. */
export type Labels = Uint8Array | Uint16Array;

/** Labelled images, as stored: 8-bit, not normalised. */
export interface Dataset {
  /** Name with the split, such as `cifar10/test`. */
  readonly name: string;
  /** Pixels 0–255, shape [n, height, width, channels]. */
  readonly images: Tensor<Uint8Array>;
  /** Class of each image, n entries: bytes, or 16-bit numbers where there are more than 256 classes. */
  readonly labels: Labels;
  /** Name of each class. */
  readonly classes: readonly string[];
  /** Loads a few dozen training images of the same set, for choosing ADC ranges. */
  readonly calibration?: () => Promise<Dataset>;
}

/** Training images a test set hands out for calibration. */
export const CALIBRATION_IMAGES = 64;

/** Which part of a data set to load, and from where. */
export interface LoadOptions {
  /** How many images; by default all from `offset` on. */
  readonly limit?: number;
  /** How many images to skip; 0 by default. */
  readonly offset?: number;
  /** Folder that holds the files; by default the set's own source. */
  readonly folder?: string;
}

/** A data set with its two splits. */
export interface DatasetSource {
  /** Loads the training images. */
  train(options?: LoadOptions): Promise<Dataset>;
  /** Loads the test images. */
  test(options?: LoadOptions): Promise<Dataset>;
}

/** The images begin ≤ i < end of a data set, without copying. */
export function sliceDataset(dataset: Dataset, begin: number, end: number = dataset.labels.length): Dataset {
  const count = dataset.labels.length;
  if (!Number.isInteger(begin) || !Number.isInteger(end) || begin < 0 || end < begin || end > count) {
    throw new OptionError("slice a data set", { where: dataset.name, got: [begin, end], wanted: `0 ≤ begin ≤ end ≤ ${count}` });
  }
  const [, ...rest] = dataset.images.shape;
  const size = rest.reduce((product, extent) => product * extent, 1);
  return {
    ...dataset,
    images: tensor(dataset.images.data.subarray(begin * size, end * size), [end - begin, ...rest]),
    labels: dataset.labels.subarray(begin, end),
  };
}

/** Mean and standard deviation (over n, not n − 1) of each channel, pixels scaled to 0–1. */
export function channelStatistics(images: Tensor<Uint8Array>): { mean: number[]; std: number[] } {
  const channels = images.shape.at(-1) ?? 1;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  const { data } = images;
  for (let base = 0; base < data.length; base += channels) {
    for (let channel = 0; channel < channels; channel++) {
      const value = data[base + channel]!;
      sums[channel]! += value;
      squares[channel]! += value * value;
    }
  }
  const count = data.length / channels;
  const mean = [...sums].map((sum) => sum / count / 255);
  const std = [...squares].map((square, channel) => Math.sqrt(square / count / 65025 - mean[channel]! ** 2));
  return { mean, std };
}

/** Checks load options against the images there are; gives the range begin ≤ i < end to load. @throws {OptionError} on a bad or unknown option. */
export function loadRange(name: string, options: LoadOptions, total: number): { begin: number; end: number } {
  for (const key of Object.keys(options)) {
    if (key !== "limit" && key !== "offset" && key !== "folder") {
      throw new OptionError(`load ${name}`, { where: key, got: "an unknown option", wanted: "limit, offset or folder" });
    }
  }
  const { offset = 0, limit = total - offset, folder } = options;
  if (folder !== undefined && (typeof folder !== "string" || folder === "")) {
    throw new OptionError(`load ${name}`, { where: "folder", got: folder, wanted: "the path of a folder" });
  }
  if (!Number.isInteger(offset) || offset < 0 || offset >= total) {
    throw new OptionError(`load ${name}`, { where: "offset", got: offset, wanted: `an integer from 0 to ${total - 1}` });
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > total - offset) {
    throw new OptionError(`load ${name}`, { where: "limit", got: limit, wanted: `an integer from 1 to ${total - offset}` });
  }
  return { begin: offset, end: offset + limit };
}
