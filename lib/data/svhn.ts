// Street View House Numbers (Netzer et al., 2011), cropped digits: 73,257 training and 26,032 test images, 32 × 32 RGB, 10 classes.

import { DataError, OptionError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { tensor } from "../tensor.ts";
import { CALIBRATION_IMAGES, type Dataset, type DatasetSource, type LoadOptions, loadRange } from "./dataset.ts";
import { type MatArray, readMat } from "./mat.ts";
import { readPart, requireFolder } from "./source.ts";

const SIDE = 32, PIXELS = SIDE * SIDE, BYTES = 3 * PIXELS;
const classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;
const expected = "a folder with train_32x32.mat and test_32x32.mat";

/**
 * Loads SVHN's cropped digits as [n, 32, 32, 3] bytes from the official files, which `folder` must hold: `train_32x32.mat` and `test_32x32.mat`. The files' class 10,
 * the digit 0, becomes class 0. Only the images asked for are unpacked, and those before them.
 *
 * `train` and `test` reject with a {@linkcode DataError} if a file is missing, damaged or not SVHN, and with an {@linkcode OptionError} without `folder`.
 *
 * @example
 * ```ts
 * import { DataError, svhn } from "@bitline/bitline";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => svhn.test({ limit: 512, folder: "no/such/folder" }), DataError, "no such folder");
 * ```
 */
export const svhn: DatasetSource = {
  train: (options = {}) => load("train", options),
  test: (options = {}) => load("test", options),
};

async function load(split: "train" | "test", options: LoadOptions): Promise<Dataset> {
  checkOptions("load SVHN", "svhn", options, ["limit", "offset", "folder"]);
  const { folder } = options;
  if (typeof folder !== "string" || folder === "") {
    throw new OptionError("load SVHN", {
      where: "svhn.folder",
      got: folder ?? "none",
      wanted: expected,
      hint: "The set has no package to come from.",
    });
  }
  await requireFolder("SVHN", folder, expected);
  const path = `${folder}/${split}_32x32.mat`;
  const arrays = await readMat(await readPart("SVHN", path, `${split}_32x32.mat`), path);
  const images = named(arrays, "X", path), answers = named(arrays, "y", path);
  const [height, width, channels, count = 1] = images.shape;
  if (height !== SIDE || width !== SIDE || channels !== 3 || images.shape.length > 4 || answers.shape[0]! * answers.shape[1]! !== count) {
    throw new DataError("read SVHN", {
      where: path,
      got: `X [${images.shape}], y [${answers.shape}]`,
      wanted: "X [32,32,3,n], y [n,1]",
    });
  }
  if (count === 0) throw new DataError("read SVHN", { where: path, got: "no images", wanted: "at least one" });
  const { begin, end } = loadRange("SVHN", options, count);
  return {
    name: `svhn/${split}`,
    images: tensor(transposed(await pixels(images, end, path), begin, end), [end - begin, SIDE, SIDE, 3]),
    labels: digits(await answers.read(end), begin, path),
    classes,
    calibration: () => load("train", { folder, limit: CALIBRATION_IMAGES }),
  };
}

function named(arrays: readonly MatArray[], name: string, path: string): MatArray {
  const found = arrays.find((array) => array.name === name);
  if (found !== undefined) return found;
  throw new DataError("read SVHN", {
    where: path,
    got: arrays.length === 0 ? "no arrays of numbers" : `arrays ${arrays.map((array) => array.name).join(", ")}`,
    wanted: `an array ${name}`,
  });
}

async function pixels(images: MatArray, count: number, path: string): Promise<Uint8Array> {
  const data = await images.read(count * BYTES);
  if (data instanceof Uint8Array) return data;
  throw new DataError("read SVHN", { where: `${path}, X`, got: "numbers wider than a byte", wanted: "unsigned bytes" });
}

/** MATLAB's order has rows contiguous, then columns, then channels: `[n][channel][column][row]` to `[n][row][column][channel]`. */
function transposed(data: Uint8Array, begin: number, end: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array((end - begin) * BYTES);
  for (let image = begin; image < end; image++) {
    const from = image * BYTES, to = (image - begin) * BYTES;
    for (let channel = 0; channel < 3; channel++) {
      for (let column = 0; column < SIDE; column++) {
        const source = from + channel * PIXELS + column * SIDE, target = to + 3 * column + channel;
        for (let row = 0; row < SIDE; row++) out[target + 3 * SIDE * row] = data[source + row]!;
      }
    }
  }
  return out;
}

function digits(labels: ArrayLike<number>, begin: number, path: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(labels.length - begin);
  for (let index = 0; index < out.length; index++) {
    const label = labels[begin + index]!;
    if (!Number.isInteger(label) || label < 1 || label > 10) {
      throw new DataError("read SVHN", {
        where: `${path}, y`,
        got: `label ${label} of image ${begin + index}`,
        wanted: "a class from 1 to 10",
      });
    }
    out[index] = label % 10;
  }
  return out;
}
