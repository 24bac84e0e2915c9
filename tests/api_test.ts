// The first page of the API reference.

import { assert, assertEquals } from "@std/assert";
import * as bitline from "../mod.ts";
import { sectionsOf, withSections } from "../docs/api.ts";

const source = await Deno.readTextFile(new URL("../mod.ts", import.meta.url));

Deno.test("sectionsOf() finds every export of mod.ts once", () => {
  const sections = sectionsOf(source), values = sections.flatMap(({ values }) => values), types = sections.flatMap(({ types }) => types);
  assertEquals([...values].sort(), Object.keys(bitline).sort());
  assertEquals(new Set([...values, ...types]).size, values.length + types.length);
  assert(sections.length > 10 && sections.every(({ title, values }) => title !== "" && values.length > 0));
});

Deno.test("withSections() puts links to all of them into the description, and changes nothing else", () => {
  const made = withSections(source), code = (text: string) => text.slice(text.indexOf("*/"));
  assertEquals(code(made), code(source));
  for (const text of ["## Mapping", "{@linkcode bestMapping}", "Types: ", "@module"]) {
    assert(made.slice(0, made.indexOf("*/")).includes(text), text);
  }
});
