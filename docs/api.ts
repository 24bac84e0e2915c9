/**
 * The API reference as pages: `deno doc --html`, with every export on the first page under its section of mod.ts.
 *
 *     deno task api [FOLDER]      default .api; open its index.html
 */

import { resolve } from "node:path";

/** A section of mod.ts: the comment before its exports, and what they are. */
export interface Section {
  readonly title: string;
  /** Functions, classes and constants. */
  readonly values: readonly string[];
  readonly types: readonly string[];
}

/** Sections of mod.ts, in its order. */
export function sectionsOf(source: string): Section[] {
  const sections: { title: string; values: string[]; types: string[] }[] = [];
  for (const [, title, names] of source.matchAll(/^\/\/ (.+)$|^export \{([^}]*)\}/gm)) {
    if (title !== undefined) sections.push({ title, values: [], types: [] });
    for (const name of names?.split(",").map((each) => each.trim()) ?? []) {
      const exported = name.replace(/^type /, "").split(" as ").at(-1)!, section = sections.at(-1);
      if (exported !== "") section?.[name.startsWith("type ") ? "types" : "values"].push(exported);
    }
  }
  return sections;
}

/** mod.ts with its sections and their exports at the end of the module's description. */
export function withSections(source: string): string {
  const links = (names: readonly string[]) => names.map((name) => `{@linkcode ${name}}`).join(", ");
  const text = sectionsOf(source).flatMap(({ title, values, types }) => [
    ...["", `## ${title}`, ""],
    ...(values.length === 0 ? [] : [links(values)]),
    ...(types.length === 0 ? [] : ["", `Types: ${links(types)}`]),
  ]);
  const at = source.search(/ \*\n \* @example| \*\n \* @module/);
  if (at < 0) throw new Error("mod.ts has no description that ends in @example or @module");
  return `${source.slice(0, at)}${text.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n${source.slice(at)}`;
}

/** Runs on a mod.ts of its own with links to everything else, so that the pages are those of mod.ts. */
async function main(output: string): Promise<void> {
  const root = `${resolve(import.meta.dirname!, "..")}/`, folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/mod.ts`, withSections(await Deno.readTextFile(`${root}mod.ts`)));
    for (const name of ["deno.json", "lib", "kernels", "shims"]) await Deno.symlink(`${root}${name}`, `${folder}/${name}`);
    const args = ["doc", "--html", "--name=Bitline", `--output=${output}`, "mod.ts"];
    const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: folder, stdout: "inherit", stderr: "inherit" }).spawn().status;
    Deno.exitCode = code;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main(resolve(Deno.args[0] ?? ".api"));
