// Examples run as a user runs them: as programs, by their options and exit codes.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { cifar10 } from "../mod.ts";

const noData = await cifar10.test({ limit: 1 }).then(() => false, () => true);

async function run(script: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `examples/${script}`, ...args],
    cwd: new URL("..", import.meta.url),
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

// Skipped only where CIFAR-10 is neither cached nor to be fetched.
Deno.test({ name: "examples/vgg7.ts --json prints one object and nothing else", ignore: noData }, async () => {
  const { code, out } = await run("vgg7.ts", "--images", "8", "--json", "--no-float", "--backend", "cpu");
  assertEquals(code, 0);
  const { accuracy, images, layers } = JSON.parse(out);
  assertEquals(images, 8);
  assert(accuracy.quantized >= 0 && accuracy.quantized <= 1 && accuracy.crossbar >= 0 && accuracy.crossbar <= 1);
  assertEquals(layers.length, 5);
});

Deno.test("examples/vgg7.ts says what is wrong with its options, and ends with an error code", async () => {
  const cases: [string[], number, string][] = [
    [["--adc-bit", "6"], 2, "--adc-bit"],
    [["--rows", "0"], 2, "--rows"],
    [["--width", "7"], 2, "0.25"],
    [["--adc-range", "wide"], 2, "simulate.adc.range"],
    [["--columns", "3", "--images", "1"], 1, "MappingError"],
    [["--data", "no/such/folder"], 1, "no/such/folder"],
    [["--weights", "no/such/file"], 1, "no/such/file"],
  ];
  for (const [args, wanted, text] of cases) {
    const { code, out, err } = await run("vgg7.ts", ...args);
    assertEquals([code, out], [wanted, ""], err);
    assertStringIncludes(err, text);
  }
});

Deno.test("every example has --help", async () => {
  for await (const { name } of Deno.readDir(new URL("../examples", import.meta.url))) {
    if (!name.endsWith(".ts")) continue;
    const { code, out } = await run(name, "--help");
    assertEquals(code, 0, name);
    assertStringIncludes(out, "Usage:");
  }
});
