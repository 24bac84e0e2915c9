// Mapping searches of independent tools against ours, and what the format makes of wrong numbers and damaged records.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { exists } from "../../lib/data/source.ts";
import { FileError } from "../../lib/errors.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { mapping } from "./formats/mapping.ts";
import { findFiles, openGolden, runCase, runGolden } from "./runner.ts";

const here = new URL("./", import.meta.url);
const stored = decodeURIComponent(new URL("mapping/", here).pathname);
const shared = decodeURIComponent(new URL("../../../shared/golden/mapping", here).pathname);

for (const folder of [stored, shared]) {
  if (!await exists(folder)) continue;
  for (const path of await findFiles([folder])) {
    Deno.test(`golden ${folder === stored ? "stored" : "shared"} mapping/${path.slice(path.lastIndexOf("/") + 1)}`, async () => {
      const opened = await openGolden(path);
      if ("status" in opened) throw new Error(opened.reason);
      await using backend = referenceBackend();
      const row = await runCase(opened, path, backend);
      assertEquals([row.status, row.backend], ["pass", undefined], row.reason);
    });
  }
}

type Json = Record<string, unknown>;
const CFG: Json = { image: 6, kernel: 3, ic: 2, oc: 2, stride: 1, pad: 0, rows: 40, cols: 8, cols_logical: 8 };
const CLEAN: Json = {
  im2col: 16,
  smd: { cycles: 8, dup: 2 },
  sdk: { cycles: 4, dup: 2, pw: 4 },
  vwsdk: { cycles: 4, pw_row: 6, pw_col: 3, ICt: 2, OCt: 2, AR: 1, AC: 1, im2col_fallback: false },
};
const BEYOND: Json = { I: 6, K: 3, IC: 2, OC: 2, R: 40, C: 8, vw: 4, best: [4, "vw"], LB: 4 };

const open = (...records: unknown[]) => mapping.open({ path: "test.json", stem: "test", json: { doc: "", records } });

async function reason(...records: unknown[]): Promise<string> {
  await using backend = referenceBackend();
  return (await runCase(open(...records), "test.json", backend)).reason ?? "none";
}

Deno.test("mapping.open() names the record and the number that differs", async () => {
  assertEquals(await reason({ cfg: CFG, clean: CLEAN }, BEYOND), "none");
  const wrong = { ...CLEAN, smd: { cycles: 7, dup: 2 } };
  assertEquals(
    await reason(BEYOND, { cfg: { ...CFG, tag: "one" }, clean: wrong }),
    "1 of 2 records: records[1] one (6², 3 × 3, 2 → 2 on 40 × 8): smd cycles 8, wanted 7",
  );
  const fallback = { ...(CLEAN["vwsdk"] as Json), ICt: null, im2col_fallback: true };
  assert((await reason({ cfg: CFG, clean: { ...CLEAN, vwsdk: fallback } })).endsWith(
    "vwsdk inputTile 2, wanted none, vwsdk fallback absent, wanted im2col",
  ));
  assert((await reason({ ...BEYOND, vw: 5 })).endsWith("vw cycles 4, wanted 5"));
  assert((await reason({ ...BEYOND, best: [3, "x"], LB: 3 })).endsWith("best 4, wanted at most 3"));
  const above = await reason({ ...BEYOND, best: [9, "x"], LB: 9 });
  assert(above.includes("best 4, below the proved bound 9") && above.includes("wanted at least 9"), above);
  assert((await reason(...Array.from({ length: 7 }, () => ({ ...BEYOND, vw: 5 })))).endsWith("; and 2 more"));
});

Deno.test("mapping.open() refuses records it does not know", () => {
  const refused = (record: unknown, said: string) => assertThrows(() => open(BEYOND, record), FileError, said);
  const clean = (change: Json) => ({ cfg: CFG, clean: { ...CLEAN, ...change } });
  const cfg = (change: Json) => ({ cfg: { ...CFG, ...change }, clean: CLEAN });
  assertThrows(() => open(), FileError, "an empty list");
  refused(7, "test.json: records[1]): got 7, wanted an object");
  refused({ hello: 1 }, 'got "hello", wanted cfg and clean, or');
  refused({ cfg: CFG }, "records[1].clean");
  refused(clean({ smd: undefined }), "records[1].clean.smd");
  refused(clean({ other: 3 }), 'records[1].clean.other): got "an unknown field"');
  refused(clean({ sdk: { cycles: 4 } }), 'records[1].clean.sdk.dup): got "nothing"');
  refused(clean({ im2col: "16" }), "records[1].clean.im2col");
  refused(cfg({ dilation: 2 }), "records[1].cfg.dilation");
  refused(cfg({ cols_logical: 9 }), "records[1].cfg.cols_logical): got 9, wanted 8");
  refused(cfg({ out: 5 }), "records[1].cfg.out): got 5, wanted 4");
  refused(cfg({ kernel: 8 }), "at least one output");
  refused({ ...BEYOND, LB: 5 }, "records[1].best): got 4, wanted at least the bound 5");
  refused({ ...BEYOND, best: "4" }, "records[1].best");
});

Deno.test("runGolden() runs a case that needs no backend once", async () => {
  await using first = referenceBackend();
  await using second = referenceBackend();
  const rows = await runGolden([`${stored}stride1_bits.json`], [first, second]);
  assertEquals(rows.map(({ status, backend }) => [status, backend]), [["pass", undefined]]);
});
