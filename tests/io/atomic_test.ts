import { assertEquals, assertRejects } from "@std/assert";
import { FileError } from "../../lib/errors.ts";
import { folderOf, readBytes, writeAtomic } from "../../lib/io/atomic.ts";

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

Deno.test("writeAtomic() writes, replaces and leaves nothing else behind", async () => {
  const folder = await Deno.makeTempDir();
  await writeAtomic(`${folder}/x.txt`, "one");
  await writeAtomic(`${folder}/x.txt`, [Uint8Array.of(116, 119), Uint8Array.of(111)]);
  await writeAtomic(`${folder}/deep/er/y.bin`, Uint8Array.of(1), { makeFolders: true });
  assertEquals(new TextDecoder().decode(await readBytes(`${folder}/x.txt`)), "two");
  assertEquals(await names(folder), ["deep", "x.txt"]);
  assertEquals(await names(`${folder}/deep/er`), ["y.bin"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("writeAtomic() that cannot finish keeps the old file and removes its own", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/taken/inside`, { recursive: true });
  await assertRejects(() => writeAtomic(`${folder}/taken`, "x"), FileError, "taken");
  await assertRejects(() => writeAtomic(`${folder}/none/x`, "x"), FileError, "Make the folder first");
  assertEquals(await names(folder), ["taken"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("writeAtomic() says that a disk is full", async () => {
  if (!await Deno.stat("/dev/full").then(() => true, () => false)) return;
  const open = Deno.open;
  // The temporary file opens as a device on which every write fails for want of space.
  Deno.open = () => open("/dev/full", { write: true });
  try {
    await assertRejects(() => writeAtomic("full.txt", "x"), FileError, "the disk is full");
  } finally {
    Deno.open = open;
  }
});

Deno.test("readBytes() names a missing file", async () => {
  await assertRejects(() => readBytes("no/such.bin"), FileError, "no/such.bin");
});

Deno.test("folderOf() gives the folder of a path", () => {
  assertEquals(["a", "a/b", "/a", "./a", "a\\b\\c"].map(folderOf), [".", "a", "/", ".", "a\\b"]);
});
