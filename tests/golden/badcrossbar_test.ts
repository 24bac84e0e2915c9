// Line resistance of an independent tool and of a circuit simulator against ours, and what the format makes of damaged files.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { exists } from "../../lib/data/source.ts";
import { FileError } from "../../lib/errors.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { badcrossbar } from "./formats/badcrossbar.ts";
import { findFiles, openGolden, runCase } from "./runner.ts";

const here = new URL("./", import.meta.url);
const stored = decodeURIComponent(new URL("badcrossbar/", here).pathname);
const shared = decodeURIComponent(new URL("../../../shared/golden/badcrossbar", here).pathname);

for (const folder of [stored, shared]) {
  if (!await exists(folder)) continue;
  for (const path of await findFiles([folder])) {
    Deno.test(`golden ${folder === stored ? "stored" : "shared"} badcrossbar/${path.slice(path.lastIndexOf("/") + 1)}`, async () => {
      const opened = await openGolden(path);
      if ("status" in opened) throw new Error(opened.reason);
      await using backend = referenceBackend();
      const row = await runCase(opened, path, backend);
      assertEquals([row.status, row.backend], ["pass", undefined], row.reason);
    });
  }
}

Deno.test("badcrossbar cases with wrong numbers fail, damaged ones are refused by field", async () => {
  const json = JSON.parse(await Deno.readTextFile(`${stored}b01_4x3_full.json`));
  await using backend = referenceBackend();
  const error = async (change: (record: typeof json) => void): Promise<number> => {
    const record = structuredClone(json);
    change(record);
    assert(badcrossbar.matches({ path: "x.json", stem: "x", json: record }));
    return await badcrossbar.open({ path: "x.json", stem: "x", json: record }).run(backend);
  };
  assert(await error(() => {}) < 1e-13);
  for (const name of ["output_currents_A", "device_currents", "node_voltages_word_line", "node_voltages_bit_line"]) {
    assert(await error((record) => record[name].data[2] *= 1.0001) > 1e-6, name);
    await assertRejects(() => error((record) => record[name].data.pop()), FileError, name);
  }
  await assertRejects(() => error((record) => record.m = 0), FileError, "x.json.m");
  await assertRejects(() => error((record) => record.r_bit_line = null), FileError, "r_bit_line");
  await assertRejects(() => error((record) => record.voltages_V.data.push(1)), FileError, "voltages_V");
});
