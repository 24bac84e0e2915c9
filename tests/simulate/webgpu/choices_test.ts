// Tile choices that outlive a process: what is kept, what makes it void, and that nothing breaks where it cannot be kept. No adapter needed.

import { assert, assertEquals } from "@std/assert";
import { DeviceError } from "../../../lib/errors.ts";
import { choiceFile, type ChoiceStore } from "../../../lib/simulate/webgpu/choices.ts";
import type { Launch, PlanContext } from "../../../lib/simulate/webgpu/launch.ts";
import type { Tile, TileRequest } from "../../../lib/simulate/webgpu/tiles.ts";
import { tuningTiles } from "../../../lib/simulate/webgpu/tune.ts";

const WIDE: Tile = { lanesX: 8, lanesY: 4, rows: 1, columns: 1 };

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/cache`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Tunes one class, the second choice being the fastest; gives back the choices made in order and the measurements. */
async function tune(store: ChoiceStore | undefined, refuse: (choice: Tile) => boolean = () => false) {
  const made: Tile[] = [], timed: Tile[] = [];
  let last: Tile = "direct";
  const tiles = tuningTiles({
    ...(store === undefined ? {} : { store }),
    measure: () => {
      timed.push(last);
      return Promise.resolve(last === WIDE ? 1 : 2);
    },
  });
  const request: TileRequest = {
    key: "crossbar 4 1",
    choices: ["direct", WIDE],
    scratch: {},
    make: (tile) => {
      if (refuse(tile)) throw new DeviceError("compile a kernel", { got: "a refusal" });
      made.push(last = tile);
      return Promise.resolve([] as Launch[]);
    },
  };
  await tiles.pick({} as PlanContext, request);
  await tiles.keep?.();
  return { made, timed };
}

Deno.test("choiceFile() lets another backend on the same adapter choose without measuring", async () => {
  await inFolder(async (folder) => {
    assertEquals(await tune(choiceFile("card", { folder })), { made: ["direct", WIDE], timed: ["direct", WIDE] });
    assertEquals(await tune(choiceFile("card", { folder })), { made: [WIDE], timed: [] });
    assertEquals((await tune(choiceFile("other card", { folder }))).timed.length, 2);
    assertEquals((await tune(choiceFile("card", { folder, texts: ["another kernel"] }))).timed.length, 2);
    assertEquals(await tune(choiceFile("card", { folder }), (choice) => choice === WIDE), { made: ["direct"], timed: ["direct"] });
  });
});

Deno.test("choiceFile() adds to what another process kept and leaves no temporary files", async () => {
  await inFolder(async (folder) => {
    const [one, two] = [choiceFile("card", { folder }), choiceFile("card", { folder })];
    await one.save(new Map([["a", "1"], ["b", "2"]]));
    await two.save(new Map([["b", "3"], ["c", "4"]]));
    assertEquals([...await one.load()], [["a", "1"], ["b", "3"], ["c", "4"]]);
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assert(names.length === 1 && /^tiles-[0-9a-f]{16}\.json$/.test(names[0]!), String(names));
  });
});

Deno.test("choiceFile() measures again and rewrites where the file is damaged", async () => {
  await inFolder(async (folder) => {
    await tune(choiceFile("card", { folder }));
    const path = `${folder}/${Array.from(Deno.readDirSync(folder))[0]!.name}`, sound = Deno.readTextFileSync(path);
    for (const text of ["", sound.slice(0, -3), "null", "[1]", '{"adapter":"card"}', '{"adapter":"card","choices":{"a":1}}', "\xff\0"]) {
      Deno.writeTextFileSync(path, text);
      assertEquals((await tune(choiceFile("card", { folder }))).timed.length, 2, text);
      assertEquals(Deno.readTextFileSync(path), sound);
    }
  });
});

Deno.test("choiceFile() stays unused where the folder cannot be made", async () => {
  await inFolder(async (folder) => {
    Deno.writeTextFileSync(folder, "a file");
    assertEquals((await tune(choiceFile("card", { folder }))).timed.length, 2);
    assertEquals(Deno.readTextFileSync(folder), "a file");
  });
});

Deno.test({
  name: "choiceFile() stays unused without permission",
  permissions: { read: false, write: false, env: false },
  fn: async () => {
    for (const store of [choiceFile("card"), choiceFile("card", { folder: "/tmp/nowhere" })]) {
      assertEquals((await tune(store)).timed.length, 2);
      assertEquals((await store.load()).size, 0);
    }
  },
});
