// The example end to end on an untrained network and few images.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lenet, saveTrained } from "@bitline/bitline";
import { writeDigits } from "./images.ts";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("post_training", args);

Deno.test("post_training.ts measures every method at every width", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeDigits(folder);
    await saveTrained(lenet({ batchNorm: true }), `${folder}/lenet.safetensors`);
    const few = "--calibration 8 --test 40 --steps 3 --bits 8,2 --json".split(" ");
    const { code, out, error } = await run("--network", `${folder}/lenet.safetensors`, "--folder", folder, ...few);
    assertEquals(code, 0, error);
    const { float, images, rows } = JSON.parse(out);
    assertEquals([images, rows.length], [40, 14]);
    const eight = rows.find((row: { method: string; bits: number }) => row.bits === 8 && row.method === "minmax");
    assert(Math.abs(eight.accuracy - float) <= 0.1, "8 bits follow floats");
    assertEquals(rows.at(-1).method, "mse, adaRound, correctBias");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("post_training.ts refuses widths it has no codes for, and no network", async () => {
  const [bits, network] = await Promise.all([run("--network", "x", "--bits", "1"), run("--json")]);
  assertEquals([bits.code, bits.out, network.code, network.out], [2, "", 2, ""]);
  assertStringIncludes(bits.error, "from 2 to 8");
  assertStringIncludes(network.error, "--network");
});
