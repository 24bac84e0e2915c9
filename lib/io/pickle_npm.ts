// The only module that imports the pickle parser; loaded by pth.ts when a file of PyTorch is read.

import { Parser } from "pickleparser";
import type { PickleLibrary } from "./pth.ts";

/** See {@linkcode PickleLibrary.parse}. */
export const parse: PickleLibrary["parse"] = (bytes, resolve, storage) => {
  const parser = new Parser({
    nameResolver: { resolve },
    persistentResolver: { resolve: storage as unknown as (pid: string) => unknown },
    unpicklingTypeOfDictionary: "Map",
  });
  return parser.parse(bytes);
};
