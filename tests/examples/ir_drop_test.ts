// The wire example as its users call it: tables as JSON, three pictures, and physics that can be checked by hand.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("ir_drop", args);

Deno.test("ir_drop.ts tells output errors, accuracies and times", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const small = ["--images", "2", "--repeats", "1", "--sizes", "1,8", "--ohms", "100", "--threads", "1", "--backend", "cpu"];
    const { code, out, error } = await run(...small, "--svg", folder, "--json");
    assertEquals(code, 0, error);
    const { arrays, accuracies, times, pictures } = JSON.parse(out);
    // One cell of 10 kΩ behind a segment of 100 Ω on either side.
    assertAlmostEquals(arrays[0].furthest, 10_000 / 10_200, 1e-12);
    assert(arrays[1].furthest < arrays[0].furthest && arrays[1].error > arrays[0].error && arrays[1].residual < 1e-6);
    assertEquals(accuracies.map(({ ohms }: { ohms: number }) => ohms), [null, 0, 100]);
    assertEquals(Object.keys(times), ["ideal", "analog", "wired", "thermal", "read"]);
    for (const path of pictures) assert((await Deno.readTextFile(path)).startsWith("<svg"));
    assertEquals(pictures.length, 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("ir_drop.ts refuses wrong lists with exit code 2", async () => {
  const { code, out, error } = await run("--sizes", "64,big");
  assertEquals([code, out], [2, ""]);
  assert(error.includes("--sizes") && error.includes("big"));
});
