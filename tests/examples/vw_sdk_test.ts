// The mapping example as its users call it: JSON alone on standard output, no permissions needed, and clear refusals.

import { assert, assertEquals } from "@std/assert";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("vw_sdk", args, ["--no-prompt"]);

Deno.test("vw_sdk.ts prints one JSON object with every method's cycles", async () => {
  const { code, out } = await run("--network", "CNN-8", "--json");
  assertEquals(code, 0);
  const { networks } = JSON.parse(out) as { networks: Record<string, unknown>[] };
  assertEquals(networks.map(({ name, vwSdk }) => [name, vwSdk]), [["CNN-8", 239], ["CNN-8, RCP1", 173], ["CNN-8, RCP2", 173]]);
  const { rows, columns, im2col, best, bound, layers } = networks[0]!;
  assertEquals([rows, columns, im2col], [256, 512, 1023]);
  assert((best as number) <= 167 && (bound as number) >= 123);
  assertEquals((layers as { vwSdk: number }[]).map(({ vwSdk }) => vwSdk), [64, 80, 28, 30, 30, 7]);
});

Deno.test("vw_sdk.ts refuses half an array and unknown options with exit code 2", async () => {
  const half = await run("--rows", "128");
  assertEquals([half.code, half.out], [2, ""]);
  assert(half.error.includes("both or neither"));
  const unknown = await run("--row", "128");
  assertEquals(unknown.code, 2);
  assert(unknown.error.includes("--row"));
});
