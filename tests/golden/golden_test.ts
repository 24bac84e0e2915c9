// Results of independent tools, reproduced on every backend this machine has; and what the runner makes of files it cannot use.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { exists } from "../../lib/data/source.ts";
import { OptionError } from "../../lib/errors.ts";
import { findFiles, goldenTable, openBackends, openGolden, type Row, runCase, runGolden } from "./runner.ts";

const here = new URL("./", import.meta.url);
const stored = decodeURIComponent(new URL("crosssim/", here).pathname);
const shared = decodeURIComponent(new URL("../../../shared/golden/lowprec_rram", here).pathname);
const wires = decodeURIComponent(new URL("../../../shared/golden/crosssim", here).pathname);
const products = decodeURIComponent(new URL("aihwkit/", here).pathname);
const runner = decodeURIComponent(new URL("run.ts", here).pathname);

const { backends, missing } = await openBackends();
Deno.test.afterAll(async () => {
  for (const backend of backends) await backend[Symbol.asyncDispose]();
});

const folders = [[stored, "crosssim"], [products, "aihwkit"], [shared, "lowprec_rram"], [wires, "crosssim wires"]] as const;
for (const [folder, what] of folders) {
  const there = await exists(folder);
  // Of the folder of large cases only those with line resistance, p….
  const files = (there ? await findFiles([folder]) : []).filter((path) => folder !== wires || /\/p[^/]*$/.test(path));
  // lowprec_rram may not be copied into the repository, so a checkout on its own has nothing to compare with; the skip shows in the list.
  if (!there) Deno.test({ name: `golden ${what} (skipped: no such folder)`, ignore: true, fn: () => {} });
  for (const path of files) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    Deno.test({
      name: `golden ${what}/${name} on ${backends.map((backend) => backend.name).join(", ")}${
        missing.length > 0 ? " (others are missing here)" : ""
      }`,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        const opened = await openGolden(path);
        if ("status" in opened) throw new Error(opened.reason);
        for (const backend of backends) {
          const row = await runCase(opened, path, backend);
          assertEquals(row.status, "pass", `${backend.name}: ${row.reason ?? `error ${row.error}`}`);
        }
      },
    });
  }
}

async function withFiles(files: Readonly<Record<string, string | Uint8Array>>, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeFile(`${folder}/${name}`, typeof content === "string" ? new TextEncoder().encode(content) : content);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runGolden() fails unknown formats, damaged files and wrong results, and names what is not covered", async () => {
  const source = JSON.parse(await Deno.readTextFile(`${stored}g07_bal_digital_posneg_adc6_MAX.json`));
  const wrong = structuredClone(source);
  wrong.arrays.Y.data[7] += 0.01;
  const short = structuredClone(source);
  short.arrays.X.data.pop();
  const damaged = {
    "a.json": JSON.stringify({ hello: 1 }),
    "b.txt": "text",
    "c.json": "{",
    "d.npz": Uint8Array.of(1, 2, 3),
    "e.json": JSON.stringify(wrong),
    "f.json": JSON.stringify(short),
    "g.json": `{"config": {"read_noise": {"magnitude": Infinity}}, "arrays": {}, "note": "NaN"}`,
    "README.md": "no case",
  };
  await withFiles(damaged, async (folder) => {
    const { backends: [reference] } = await openBackends("reference");
    const rows = await runGolden(await findFiles([folder]), [reference!]);
    assertEquals(rows.map(({ status }) => status), ["fail", "fail", "fail", "fail", "fail", "fail", "not covered"]);
    const reasons = rows.map(({ reason }) => reason ?? "");
    assertEquals([reasons[0], reasons[1], reasons[6]], ["unknown format", "unknown format", "read noise"]);
    assert(reasons[3]!.includes("zip") && reasons[5]!.includes("arrays.X"), reasons.join("\n"));
    assert(rows[4]!.error! > rows[4]!.limit!);
  });
});

Deno.test("goldenTable() draws one row per case", () => {
  const row: Row = { name: "one", path: "one.json", backend: "cpu", error: 2e-7, limit: 1e-5, status: "pass" };
  const lines = goldenTable([row, { name: "two", path: "two.json", status: "fail", reason: "unknown format" }]).split("\n");
  assertEquals(lines.map((line) => line.split(/\s{1,}/)), [
    ["case", "backend", "error", "limit", "result"],
    ["one", "cpu", "2.0e-7", "1.0e-5", "pass"],
    ["two", "–", "–", "–", "fail:", "unknown", "format"],
  ]);
});

Deno.test("openBackends() refuses an unknown name", async () => {
  await assertRejects(() => openBackends("abacus"), OptionError, "abacus");
});

Deno.test("run.ts exits with 1 on a failed case and prints JSON alone", async () => {
  const run = async (...args: string[]) => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", runner, "--backend", "reference", ...args] })
      .output();
    return { code, text: new TextDecoder().decode(stdout) };
  };
  const good = await run("--json", `${stored}g09_offset_digital_cb4_adc7_MAX.json`);
  assertEquals(good.code, 0);
  assertEquals(JSON.parse(good.text).passed, 1);
  await withFiles({ "a.json": "[]" }, async (folder) => {
    const bad = await run(folder);
    assertEquals(bad.code, 1);
    assert(bad.text.includes("unknown format"));
  });
  assertEquals((await run("--colour", stored)).code, 2);
});
