import { assert, assertEquals, assertRejects } from "@std/assert";
import { cached, cacheFolder } from "../../lib/data/cache.ts";
import { DataError } from "../../lib/errors.ts";

/** Makes bytes and counts how often. */
function maker() {
  const state = { calls: 0, make: () => Promise.resolve((state.calls++, Uint8Array.of(1, 2, 3))) };
  return state;
}

Deno.test("cached() makes once, then reads, and leaves no temporary file", async () => {
  const folder = `${await Deno.makeTempDir()}/new`;
  const source = maker();
  for (let round = 0; round < 3; round++) assertEquals([...await cached("x", 3, source.make, { folder })], [1, 2, 3]);
  assertEquals(source.calls, 1);
  assertEquals((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), ["x"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("cached() makes again what was truncated or damaged, and mends the file", async () => {
  const folder = await Deno.makeTempDir();
  const source = maker();
  await cached("x", 3, source.make, { folder });
  const good = await Deno.readFile(`${folder}/x`);
  for (
    const damage of [
      good.subarray(0, 10),
      good.with(0, 0),
      good.with(8, 9),
      good.with(20, good[20]! ^ 1),
      good.with(50, 9),
      new Uint8Array(0),
    ]
  ) {
    await Deno.writeFile(`${folder}/x`, damage);
    const before = source.calls;
    assertEquals([...await cached("x", 3, source.make, { folder })], [1, 2, 3]);
    assertEquals(source.calls, before + 1);
    assertEquals(await Deno.readFile(`${folder}/x`), good);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("cached() removes what killed processes left behind", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeFile(`${folder}/.old.1.tmp`, new Uint8Array(9));
  await Deno.utime(`${folder}/.old.1.tmp`, 1, 1);
  await Deno.writeFile(`${folder}/.new.2.tmp`, new Uint8Array(9));
  await cached("x", 3, maker().make, { folder });
  assertEquals((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(), [".new.2.tmp", "x"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("cached() says what is wrong with the length and with a full disk", async () => {
  const folder = await Deno.makeTempDir();
  await assertRejects(() => cached("x", 4, maker().make, { folder }), DataError, "3 bytes");
  if (await Deno.stat("/dev/full").then(() => true, () => false)) {
    const open = Deno.open;
    // The temporary file opens as a device on which every write fails for want of space.
    Deno.open = () => open("/dev/full", { write: true });
    try {
      await assertRejects(() => cached("x", 3, maker().make, { folder }), DataError, "XDG_CACHE_HOME");
    } finally {
      Deno.open = open;
    }
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("cached() works without a cache it may write", async () => {
  const file = await Deno.makeTempFile();
  const source = maker();
  assertEquals([...await cached("x", 3, source.make, { folder: `${file}/not-a-folder` })], [1, 2, 3]);
  assertEquals(source.calls, 1);
  await Deno.remove(file);
});

Deno.test("cacheFolder() follows XDG_CACHE_HOME, then HOME", () => {
  const before = Deno.env.get("XDG_CACHE_HOME");
  try {
    Deno.env.set("XDG_CACHE_HOME", "/some/where");
    assertEquals(cacheFolder(), "/some/where/bitline");
    Deno.env.delete("XDG_CACHE_HOME");
    assert(cacheFolder()?.endsWith("/.cache/bitline"));
  } finally {
    if (before !== undefined) Deno.env.set("XDG_CACHE_HOME", before);
  }
});
