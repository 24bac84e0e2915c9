// Files appear whole or not at all: a run that is killed while writing must not leave a checkpoint that only looks complete.

import { FileError } from "../errors.ts";

/** Options of `writeAtomic`. */
export interface WriteAtomicOptions {
  /** Make missing parent folders; false by default. */
  readonly makeFolders?: boolean;
  /**
   * Flush to disk before renaming, which may take a tenth of a second on a busy disk; true by default. Without it a killed process still leaves whole
   * files only, but a machine that loses power may leave an empty one.
   */
  readonly flush?: boolean;
}

/**
 * Writes a file by way of a temporary file in the same folder, which is flushed to disk and then renamed over `path`.
 * On failure the temporary file is removed and whatever `path` held before is untouched.
 *
 * @param path File to write or to replace.
 * @param contents Bytes, pieces of bytes in order, or text (UTF-8).
 * @throws {FileError} if the folder is missing, the disk is full, or writing is not allowed.
 *
 * @example
 * ```ts
 * import { writeAtomic } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await writeAtomic(`${folder}/log.txt`, "done");
 * assertEquals(await Deno.readTextFile(`${folder}/log.txt`), "done");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeAtomic(
  path: string,
  contents: string | Uint8Array | readonly Uint8Array[],
  options: WriteAtomicOptions = {},
): Promise<void> {
  const pieces = typeof contents === "string"
    ? [new TextEncoder().encode(contents)]
    : contents instanceof Uint8Array
    ? [contents]
    : contents;
  const temporary = temporaryName(path);
  try {
    if (options.makeFolders) await Deno.mkdir(folderOf(path), { recursive: true });
    using file = await Deno.open(temporary, { write: true, createNew: true });
    for (const piece of pieces) {
      for (let done = 0; done < piece.length;) done += await file.write(piece.subarray(done));
    }
    if (options.flush ?? true) await file.sync();
  } catch (cause) {
    await discard(temporary);
    throw failure(path, cause);
  }
  try {
    await Deno.rename(temporary, path);
  } catch (cause) {
    await discard(temporary);
    throw failure(path, cause);
  }
}

/** Folder part of a path: `.` for a bare name. */
export function folderOf(path: string): string {
  const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return cut < 0 ? "." : cut === 0 ? path.slice(0, 1) : path.slice(0, cut);
}

/** Reads a whole file as bytes, saying what to do when it is not there. @throws {FileError} if it cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    const missing = cause instanceof Deno.errors.NotFound;
    throw new FileError("read a file", {
      where: path,
      got: missing ? "no such file" : reason(cause),
      hint: missing ? "Check the path" : "Check that the file is readable and that --allow-read covers it",
      cause,
    });
  }
}

function temporaryName(path: string): string {
  const name = path.slice(folderOf(path) === "." && !path.startsWith("./") ? 0 : folderOf(path).length).replace(/^[/\\]/, "");
  return `${folderOf(path)}/.${name}.${crypto.randomUUID()}.tmp`;
}

async function discard(path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
}

function failure(path: string, cause: unknown): FileError {
  const full = /os error (28|122)\b|ENOSPC|EDQUOT/.test(reason(cause));
  const hint = full
    ? "Free some space on the disk, or write elsewhere"
    : cause instanceof Deno.errors.NotFound
    ? "Make the folder first"
    : "Check that the folder is writable and that --allow-write covers it";
  return new FileError("write a file", { where: path, got: full ? "the disk is full" : reason(cause), hint, cause });
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
