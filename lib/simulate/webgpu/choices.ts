// Tile choices on disk: measuring them takes a second or two per network, and the same adapter chooses the same every time.

import analogText from "../../../kernels/analog.wgsl" with { type: "text" };
import analogPlanesText from "../../../kernels/analog_planes.wgsl" with { type: "text" };
import analogProductsText from "../../../kernels/analog_products.wgsl" with { type: "text" };
import convCode from "../../../kernels/conv.wgsl" with { type: "text" };
import crossbarCode from "../../../kernels/crossbar.wgsl" with { type: "text" };
import commonText from "../../../kernels/crossbar_common.wgsl" with { type: "text" };
import tileCode from "../../../kernels/crossbar_tile.wgsl" with { type: "text" };
import gemmCode from "../../../kernels/gemm.wgsl" with { type: "text" };
import partialText from "../../../kernels/partial.wgsl" with { type: "text" };
import planesText from "../../../kernels/planes.wgsl" with { type: "text" };
import { FileError } from "../../errors.ts";
import { cacheFolder } from "../../data/cache.ts";
import { writeAtomic } from "../../io/atomic.ts";
import { sha256 } from "../../io/sha256.ts";

/** Remembers a choice per class of shapes from one run to the next. */
export interface ChoiceStore {
  /** What is remembered; empty where nothing is or it cannot be read. */
  load(): Promise<ReadonlyMap<string, string>>;
  /** Adds choices to what is remembered; does nothing where that is not allowed. */
  save(choices: ReadonlyMap<string, string>): Promise<void>;
}

/** Options of {@linkcode choiceFile}. */
export interface ChoiceFileOptions {
  /** Folder of the file; by default the one of all cached data. None without permission to read the environment. */
  readonly folder?: string;
  /** Texts whose change makes old choices void; by default those of the kernels with tiles. */
  readonly texts?: readonly string[];
}

const KERNELS = [
  ...[convCode, crossbarCode, commonText, tileCode, gemmCode, partialText, planesText],
  ...[analogText, analogPlanesText, analogProductsText],
];

/**
 * A JSON file per adapter and kernel texts: `{ adapter, choices: { class: choice } }`. A damaged file counts as empty and is replaced; without
 * permission, which is never asked for, or without a folder it stays unused.
 *
 * @param adapter What the adapter calls itself, and whatever else tells it from others.
 */
export function choiceFile(adapter: string, options: ChoiceFileOptions = {}): ChoiceStore {
  const { texts = KERNELS } = options;
  const place = async (use: "read" | "write"): Promise<string | undefined> => {
    const folder = options.folder ?? (environmentIsOpen() ? cacheFolder() : undefined);
    if (folder === undefined) return undefined;
    const path = `${folder}/tiles-${(await sha256(JSON.stringify([adapter, ...texts]))).slice(0, 16)}.json`;
    return granted({ name: use, path: use === "read" ? path : folder }) ? path : undefined;
  };
  const load = async (): Promise<ReadonlyMap<string, string>> => {
    const path = await place("read");
    if (path === undefined) return new Map();
    try {
      const { adapter: named, choices } = JSON.parse(await Deno.readTextFile(path));
      const entries = Object.entries(choices);
      const sound = named === adapter && entries.every(([, choice]) => typeof choice === "string");
      return new Map(sound ? entries as [string, string][] : []);
    } catch {
      return new Map(); // Missing or damaged: measured and written again.
    }
  };
  return {
    load,
    save: async (choices) => {
      const path = await place("write");
      if (path === undefined) return;
      // Another process may have added some since.
      const all = new Map([...await load(), ...choices]);
      try {
        await writeAtomic(path, JSON.stringify({ adapter, choices: Object.fromEntries([...all].sort()) }), { makeFolders: true });
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
      }
    },
  };
}

/** Whether the variables that name the cache folder can be read without asking. */
function environmentIsOpen(): boolean {
  return ["XDG_CACHE_HOME", "HOME", "USERPROFILE"].every((variable) => granted({ name: "env", variable }));
}

function granted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}
