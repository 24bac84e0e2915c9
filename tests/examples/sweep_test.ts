// The sweep as its users call it: results that survive in files, the same on a second call, JSON alone on standard output, and clear refusals.

import { assert, assertEquals } from "@std/assert";
import { withFolder } from "../sweep/count.ts";
import { runExample } from "./run.ts";

const small = ["--adc-bits", "4,8", "--cell-bits", "2", "--rows", "128", "--images", "8", "--workers", "1"];

Deno.test("sweep.ts simulates each configuration once, and goes on from what is there", () =>
  withFolder(async (folder) => {
    const run = async (...args: string[]) => await runExample("sweep", [...small, "--out", `${folder}/sweep`, ...args]);
    const first = await run("--json");
    assertEquals(first.code, 0, first.error);
    const { rows, failed, resumed } = JSON.parse(first.out);
    assertEquals([rows.length, failed.length, resumed], [2, 0, 0]);
    for (const [index, { point, result }] of rows.entries()) {
      assertEquals(point, { adcBits: [4, 8][index], cellBits: 2, rows: 128, width: 0.25, images: 8 });
      assert(result.accuracy.crossbar >= 0 && result.accuracy.crossbar <= 1);
    }
    assert(rows[1].result.logitError < rows[0].result.logitError);
    const again = JSON.parse((await run("--json")).out);
    assertEquals([again.resumed, again.rows], [2, rows]); // seconds included: nothing was simulated
    const table = await run();
    assert(table.out.includes("accuracy.crossbar") && table.out.includes("2 of them from before"), table.out);
    const other = await run("--seed", "2");
    assertEquals(other.code, 1);
    assert(other.error.includes("another seed"), other.error);
  }));

Deno.test("sweep.ts refuses what is no list of numbers with exit code 2", async () => {
  const { code, out, error } = await runExample("sweep", ["--rows", "64,many"]);
  assertEquals([code, out], [2, ""]);
  assert(error.includes("--rows"), error);
});
