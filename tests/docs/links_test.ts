// Links between Markdown files lead somewhere: to a file that is there, and to a heading it has.

import { assert, assertEquals } from "@std/assert";
import { anchorsOf, exists, linksOf, markdownFiles, textOf } from "./markdown.ts";

Deno.test("anchorsOf() makes GitHub's anchors", () => {
  const text = "# A *b*: `c()`, d?\n\n```sh\n# no heading\n```\n\n## What it shows\n\n## What it shows\n";
  assertEquals([...anchorsOf(text)], ["a-b-c-d", "what-it-shows", "what-it-shows-1"]);
});

Deno.test("linksOf() finds links and images, but none in code", () => {
  const found = linksOf("[a](b.md#c) ![d](e.svg) `[no](f.md)`\n```md\n[no](g.md)\n```\n[h](<i.md>)");
  assertEquals(found.map(({ line, target }) => [line, target]), [[1, "b.md#c"], [1, "e.svg"], [5, "i.md"]]);
});

Deno.test("links in Markdown files lead to files and headings that exist", async () => {
  const problems: string[] = [];
  let count = 0;
  for (const path of await markdownFiles()) {
    const text = await textOf(path), folder = path.slice(0, path.lastIndexOf("/") + 1);
    for (const { line, target } of linksOf(text)) {
      if (/^[a-z][a-z+.-]*:/i.test(target)) continue;
      count++;
      const [file = "", anchor] = target.split("#"), to = file === "" ? path : new URL(file, `file:///${folder}`).pathname.slice(1);
      if (!await exists(to)) problems.push(`${path}, line ${line}: ${target}: no such file`);
      else if (anchor !== undefined && to.endsWith(".md") && !anchorsOf(await textOf(to)).has(anchor)) {
        problems.push(`${path}, line ${line}: ${target}: no such heading`);
      }
    }
  }
  assert(count > 30, `only ${count} links found`);
  assertEquals(problems, []);
});
