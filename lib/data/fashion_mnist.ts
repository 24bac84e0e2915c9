// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): MNIST's counts and format, with pictures of clothes.

import { DataError } from "../errors.ts";
import type { DatasetSource } from "./dataset.ts";
import { type IdxSet, loadIdx } from "./idx_dataset.ts";
import { exists } from "./source.ts";

const debian = "/usr/share/datasets/fashion-mnist";

const set: IdxSet = {
  title: "Fashion-MNIST",
  name: "fashion_mnist",
  classes: ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"],
  folder: async () => {
    if (await exists(debian)) return debian;
    throw new DataError("read Fashion-MNIST", {
      where: debian,
      got: "no such folder",
      hint: "Install Debian's package dataset-fashion-mnist, or pass `folder` with the four idx files (plain or .gz)",
    });
  },
};

/**
 * Loads Fashion-MNIST as [n, 28, 28, 1] bytes, from `folder` (the four idx files, plain or as `.gz`) or, by default, from where Debian's package
 * `dataset-fashion-mnist` puts them.
 *
 * `train` and `test` reject with a {@linkcode DataError} if the files are missing or damaged.
 *
 * @example
 * ```ts
 * import { DataError, fashionMnist } from "@bitline/bitline";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => fashionMnist.test({ folder: "no/such/folder" }), DataError, "no such folder");
 * ```
 */
export const fashionMnist: DatasetSource = {
  train: (options = {}) => loadIdx(set, "train", options),
  test: (options = {}) => loadIdx(set, "test", options),
};
