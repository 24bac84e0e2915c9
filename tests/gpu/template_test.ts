import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { expand } from "../../lib/gpu/template.ts";

Deno.test("expand() unrolls nested loops over lists", () => {
  const text = "//#for i in N\n//#for j in M[i]\na{{i}}_{{j}} = {{W[i]}};\n//#end\n//#end\nend";
  assertEquals(expand(text, { N: 2, M: [1, 2], W: [5, 7] }).split("\n"), ["a0_0 = 5;", "a1_0 = 7;", "a1_1 = 7;", "end"]);
});

Deno.test("expand() chooses branches, also nested", () => {
  const text = "//#if A\n//#if B\nab\n//#else\na\n//#end\n//#else\nnone\n//#end";
  assertEquals(expand(text, { A: 1, B: 1 }), "ab");
  assertEquals(expand(text, { A: 1, B: 0 }), "a");
  assertEquals(expand(text, { A: 0, B: 1 }), "none");
});

Deno.test("expand() includes text in place", () => {
  assertEquals(expand("//#for i in N\n//#include T\n//#end", { N: 2, T: "x{{i}}" }), "x0\nx1");
});

Deno.test("expand() refuses unknown names and open blocks", () => {
  assertThrows(() => expand("{{X}}", {}), OptionError, "X");
  assertThrows(() => expand("//#for i in N\nx", { N: 1 }), OptionError, "not closed");
  assertThrows(() => expand("x\n//#end", {}), OptionError, "without a block");
});
