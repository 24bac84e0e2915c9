import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("train_vgg7", args);

Deno.test("train_vgg7.ts --help lists every option", async () => {
  const { code, out } = await run("--help");
  assertEquals(code, 0);
  for (const name of ["width", "epochs", "seed", "batch", "rate", "float", "checkpoint", "out", "limit", "data", "threads", "json"]) {
    assertStringIncludes(out, `--${name}`);
  }
});

Deno.test("train_vgg7.ts refuses unknown options and missing data, saying what to do", async () => {
  const [option, value, data] = await Promise.all([
    run("--epoch", "3"),
    run("--epochs", "few"),
    run("--data", "no/such/folder", "--limit", "9"),
  ]);
  assertEquals([option.code, value.code, data.code], [2, 2, 1]);
  assertStringIncludes(option.error, "--epoch)");
  assertStringIncludes(option.error, "--epochs");
  assertStringIncludes(value.error, "an integer of at least 1");
  assertStringIncludes(data.error, "no/such/folder");
  assert([option, value, data].every(({ out }) => out === ""));
});
