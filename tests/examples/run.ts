// Runs an example as its users do, in a process of its own.

/** What a process left behind. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs `examples/NAME.ts` with arguments; `permissions` default to all. */
export async function runExample(name: string, args: readonly string[], permissions: readonly string[] = ["-A"]): Promise<Ended> {
  const script = new URL(`../../examples/${name}.ts`, import.meta.url).pathname, folder = new URL("../..", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, "--no-check", script, ...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output(), text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}
