// The example end to end on few images: what it prints, what it refuses, and that it goes on where it stopped.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { writeDigits } from "./images.ts";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("pim_qat", args);

Deno.test("pim_qat.ts prints one object, keeps rows that are done, and draws curves", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeDigits(folder);
    const few = ["--folder", folder, ..."--images 256 --test 100 --width 4 --batch 32 --epochs 1 --further 1".split(" ")];
    const common = [...few, "--state", `${folder}/state.json`, "--json"];
    const first = await run(...common, "--schemes", "bit-serial", "--bits", "3");
    assertEquals(first.code, 0, first.error);
    const { float, rows } = JSON.parse(first.out);
    assert(float >= 0 && float <= 1);
    assertEquals(Object.keys(JSON.parse(first.out)), ["float", "rows"]);
    assertEquals(rows.length, 1);
    assertEquals([rows[0].scheme, rows[0].adcBits, rows[0].seeds], ["bit-serial", 3, 1]);
    for (const name of ["quantised", "ordinaryMax", "ordinary", "ordinaryCalibrated", "pimQat"]) {
      assert(rows[0][name] >= 0 && rows[0][name] <= 1, name);
    }

    const more = await run(...common, "--schemes", "bit-serial,native", "--bits", "3", "--curves", `${folder}/curves.svg`);
    assertEquals(more.code, 0, more.error);
    assertEquals(JSON.parse(more.out).rows[0], rows[0]);
    assertEquals(JSON.parse(more.out).rows[1].scheme, "native");
    assert(!more.error.includes("bit-serial"), "a row that is done is not trained again");
    const svg = await Deno.readTextFile(`${folder}/curves.svg`);
    assertStringIncludes(svg, "native, 3 bits");

    const seeds = await run(...few, "--state", `${folder}/state.json`, "--schemes", "native", "--bits", "3", "--seeds", "1,2");
    assertEquals(seeds.code, 0, seeds.error);
    assertStringIncludes(seeds.out, "mean ± deviation of 2 seeds");
    assert(!seeds.error.includes("seed 1"), "a seed that is done is not trained again");

    const other = await run(...common, "--rate", "0.02", "--schemes", "native", "--bits", "3");
    assertEquals(other.code, 1);
    assertStringIncludes(other.error, "--fresh");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("pim_qat.ts refuses unknown schemes, widths and options", async () => {
  const refused = await Promise.all([
    run("--schemes", "analog"),
    run("--bits", "3,x"),
    run("--bits", "4.5"),
    run("--rangee", "max"),
    run("--seeds", "1,"),
  ]);
  assertEquals(refused.map(({ code }) => code), [2, 2, 2, 2, 2]);
  assert(refused.every(({ out }) => out === ""));
  assertStringIncludes(refused[0]!.error, "bit-serial");
});
