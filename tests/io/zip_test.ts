// Archives that lie: every claim in a zip is checked.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { strToU8, zipSync } from "fflate";
import { FileError, OptionError, unzip } from "../../mod.ts";
import { crc32 } from "../../lib/io/zip.ts";

const files = {
  "a.txt": strToU8("some text, some text, some text"),
  "b/c.bin": new Uint8Array(5000).map((_, at) => at * at),
  "empty": new Uint8Array(),
};

/** Offsets of the directory's entries, and of its end. */
function directory(bytes: Uint8Array): { entries: number[]; end: number } {
  const view = new DataView(bytes.buffer), end = bytes.length - 22, entries: number[] = [];
  for (let at = view.getUint32(end + 16, true); at < end; at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true)) {
    entries.push(at);
  }
  return { entries, end };
}

/** A copy with some numbers changed. */
function changed(bytes: Uint8Array, change: (view: DataView, entries: readonly number[], end: number) => void): Uint8Array {
  const copy = bytes.slice(), { entries, end } = directory(copy);
  change(new DataView(copy.buffer), entries, end);
  return copy;
}

Deno.test("unzip() gives what was packed, stored or deflated", () => {
  for (const level of [0, 6] as const) {
    const found = unzip(zipSync(files, { level }));
    assertEquals([...found.keys()], Object.keys(files));
    for (const [name, data] of Object.entries(files)) assertEquals(found.get(name), data);
  }
  assertEquals([...unzip(zipSync(files), { want: (name) => name === "empty" }).keys()], ["empty"]);
  assertEquals(crc32(strToU8("123456789")), 0xcbf43926);
});

Deno.test("unzip() refuses bombs: by ratio, by sum, by number, and where a size is a lie", () => {
  const bomb = zipSync({ "zeros": new Uint8Array(8 * 2 ** 20) }, { level: 9 });
  assert(bomb.length < 10_000);
  assertThrows(() => unzip(bomb), FileError, "ratio");
  assertEquals(unzip(bomb, { limits: { ratio: 2000 } }).get("zeros")!.length, 8 * 2 ** 20);
  assertThrows(() => unzip(bomb, { limits: { ratio: 2000, bytes: 2 ** 20 } }), FileError, "when unpacked");
  assertThrows(() => unzip(zipSync(files), { limits: { entries: 2 } }), FileError, "3 entries");
  // Declared as a few bytes: found out after so many and one more.
  const small = changed(bomb, (view, [entry]) => view.setUint32(entry! + 24, 100, true));
  assertThrows(() => unzip(small), FileError, "more than 100 bytes");
  const large = changed(zipSync(files), (view, [entry]) => view.setUint32(entry! + 24, 1000, true));
  assertThrows(() => unzip(large), FileError, "as declared");
  // Declared as 4 GiB less one: refused before anything is allocated.
  const huge = changed(zipSync(files), (view, [entry]) => view.setUint32(entry! + 24, 0xfffffffe, true));
  assertThrows(() => unzip(huge), FileError, "4294967294");
});

Deno.test("unzip() refuses names that lead out of a folder", () => {
  for (const name of ["../evil", "a/../../evil", "/etc/passwd", "\\evil", "C:\\evil", "a\\..\\..\\evil", "a\0b"]) {
    assertThrows(() => unzip(zipSync({ [name]: new Uint8Array(3) })), FileError, "leads out");
  }
});

Deno.test("unzip() refuses archives that are damaged, overlap or contradict themselves", () => {
  const bytes = zipSync(files);
  for (let length = 0; length < bytes.length; length += 7) assertThrows(() => unzip(bytes.subarray(0, length)), FileError);
  assertThrows(() => unzip(changed(bytes, (view, [entry]) => view.setUint32(entry! + 16, 1, true))), FileError, "checksum");
  assertThrows(() => unzip(changed(bytes, (view, [entry]) => view.setUint16(entry! + 8, 1, true))), FileError, "encrypted");
  assertThrows(() => unzip(changed(bytes, (view, [entry]) => view.setUint16(entry! + 10, 12, true))), FileError, "method 12");
  assertThrows(() => unzip(changed(bytes, (view, [, entry]) => view.setUint32(entry! + 42, 0, true))), FileError, "another name");
  assertThrows(() => unzip(changed(bytes, (view, _, end) => view.setUint16(end + 10, 9, true))), FileError, "ends early");
  // Two names for one piece of data: the trick of the densest bombs.
  const twins = changed(zipSync({ aa: files["b/c.bin"], ab: files["b/c.bin"] }), (view, [first, second]) => {
    view.setUint32(second! + 42, view.getUint32(first! + 42, true), true);
    view.setUint8(second! + 47, "a".charCodeAt(0));
  });
  assertThrows(() => unzip(twins), FileError, "two entries");
  const overlapping = changed(bytes, (view, [entry]) => view.setUint32(entry! + 20, 200, true));
  assertThrows(() => unzip(overlapping), FileError, "over another");
  assertThrows(() => unzip(bytes, { limits: { ratio: 0 } }), OptionError, "ratio");
  assertThrows(() => unzip(bytes, { limit: {} } as object), OptionError, "limit");
});
