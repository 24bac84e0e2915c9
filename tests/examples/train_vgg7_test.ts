import { assert, assertEquals, assertStringIncludes } from "@std/assert";

async function run(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const script = new URL("../../examples/train_vgg7.ts", import.meta.url).pathname, folder = new URL("../..", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output(), text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}

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
