// Decoded data is kept on disk with a checksum: decoding again costs seconds, and a damaged file must never pass for images.

import { DataError, FileError } from "../errors.ts";
import { writeAtomic } from "../io/atomic.ts";

const magic = "BITLINE1";
const headBytes = 48; // magic (8), length as u64 (8), SHA-256 of the payload (32)

/** Options of `cached`. */
export interface CacheOptions {
  /** Folder to keep files in; `bitline` under $XDG_CACHE_HOME, else under ~/.cache, by default. */
  readonly folder?: string;
}

/** Where decoded data is kept by default, or undefined if the environment names no home or may not be read. */
export function cacheFolder(): string | undefined {
  try {
    const root = Deno.env.get("XDG_CACHE_HOME");
    if (root !== undefined && root !== "") return `${root}/bitline`;
    const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
    return home === undefined || home === "" ? undefined : `${home}/.cache/bitline`;
  } catch {
    return undefined;
  }
}

/**
 * Gives the bytes kept under a key, or makes and keeps them. A file that is truncated or whose checksum is wrong is made again and replaced.
 * Where the cache may not be read or written the bytes are made each time.
 *
 * @param key File name; must change when what `make` gives would change.
 * @param bytes Length in bytes that the result must have.
 * @param make Makes the bytes.
 * @throws {DataError} if `make` gives another length, or the disk is full.
 */
export async function cached(
  key: string,
  bytes: number,
  make: () => Promise<Uint8Array<ArrayBuffer>>,
  options: CacheOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const folder = options.folder ?? cacheFolder();
  const path = folder === undefined ? undefined : `${folder}/${key}`;
  const kept = path === undefined ? undefined : await readEntry(path, bytes);
  if (kept !== undefined) return kept;
  const made = await make();
  if (made.length !== bytes) throw new DataError("decode data", { where: key, got: `${made.length} bytes`, wanted: `${bytes} bytes` });
  if (folder !== undefined && path !== undefined) {
    try {
      await writeAtomic(path, [await head(made), made], { makeFolders: true });
    } catch (error) {
      if (!(error instanceof FileError) || error.got === "the disk is full") {
        throw new DataError("keep decoded data", {
          where: path,
          got: error instanceof FileError ? error.got : String(error),
          hint: "Free some space, or point XDG_CACHE_HOME at a folder with room",
          cause: error,
        });
      }
    }
    await removeStale(folder);
  }
  return made;
}

async function readEntry(path: string, bytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let file: Uint8Array<ArrayBuffer>;
  try {
    if ((await Deno.stat(path)).size !== headBytes + bytes) return undefined;
    file = await Deno.readFile(path);
  } catch {
    return undefined;
  }
  const payload = file.subarray(headBytes);
  const wanted = await head(payload);
  return file.length === headBytes + bytes && wanted.every((byte, index) => byte === file[index]) ? payload : undefined;
}

async function head(payload: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const bytes = new Uint8Array(headBytes);
  bytes.set(new TextEncoder().encode(magic));
  new DataView(bytes.buffer).setBigUint64(8, BigInt(payload.length), true);
  bytes.set(new Uint8Array(await crypto.subtle.digest("SHA-256", payload)), 16);
  return bytes;
}

/** Removes what processes killed while writing left behind more than an hour ago. */
async function removeStale(folder: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (!name.startsWith(".") || !name.endsWith(".tmp")) continue;
      const { mtime } = await Deno.stat(`${folder}/${name}`);
      if (mtime !== null && Date.now() - mtime.getTime() > 3_600_000) await Deno.remove(`${folder}/${name}`);
    }
  } catch {
    // Another process may be cleaning up as well.
  }
}
