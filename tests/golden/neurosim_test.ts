// Runs of DNN+NeuroSim: every figure and every ratio within its limit, and whatever a config asks for beyond that named.

import { assert, assertEquals } from "@std/assert";
import { openBackends, openGolden, runGolden } from "./runner.ts";

const stored = decodeURIComponent(new URL("neurosim/runs.json", import.meta.url).pathname);
const runs = JSON.parse(await Deno.readTextFile(stored)) as { config: Record<string, unknown>; area_um2: number }[];
const { backends } = await openBackends("reference");
Deno.test.afterAll(async () => {
  for (const backend of backends) await backend[Symbol.asyncDispose]();
});

async function rowsOf(content: unknown) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/runs.json`, JSON.stringify(content));
    return await runGolden([`${folder}/runs.json`], backends);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("golden neurosim: chip figures within 25 %, ratios within 10 %, floorplans exact", async () => {
  const rows = await runGolden([stored], backends);
  assertEquals(rows.filter(({ status }) => status !== "pass").map(({ name }) => name), []);
  assertEquals(rows.length, runs.length * 12 + 9);
  const opened = await openGolden(stored);
  assert("run" in opened && await opened.run(backends[0]!) <= opened.limit);
});

Deno.test("golden neurosim: a wrong figure fails, its row and its ratios", async () => {
  const [first, second] = structuredClone(runs);
  first!.area_um2 *= 1.5;
  const failed = (await rowsOf([first, second])).filter(({ status }) => status === "fail").map(({ name }) => name);
  assertEquals(failed.length, 2);
  assert(failed[0]!.startsWith("v13_default: area") && failed[1]!.startsWith("1 ratios of area"));
});

Deno.test("golden neurosim: configs of another kind are not covered, by name", async () => {
  const changes: [string, unknown][] = [
    ["tool", "NeuroSim V1.5"],
    ["network", "ResNet"],
    ["cell", "DRAM"],
    ["nodeNm", 3],
    ["roadmap", "HP"],
    ["schedule", "random"],
    ["interconnect", "ring"],
    ["synchronous", false],
    ["activity", "other"],
    ["adc", { type: "flash", bits: 5, sense: "voltage" }],
    ["colour", "red"],
  ];
  for (const [key, value] of changes) {
    const run = structuredClone(runs[1]!);
    run.config[key] = value;
    const rows = await rowsOf([run, runs[3]]);
    const missed = rows.filter(({ status }) => status === "not covered");
    assertEquals(missed.length, 1, key);
    assert(missed[0]!.reason!.includes(`config.${key}`), missed[0]!.reason);
    assertEquals(rows.filter(({ status }) => status === "pass").length, 12);
  }
});
