import { assertEquals } from "@std/assert";
import { progressLine } from "../../mod.ts";

Deno.test("progressLine() rewrites one line on a terminal", () => {
  const written: string[] = [], line = progressLine({ terminal: true, write: (text) => written.push(text) });
  line.update("a");
  line.update("b");
  line.clear();
  line.clear();
  assertEquals(written, ["\ra\u001b[K", "\rb\u001b[K", "\r\u001b[K"]);
});

Deno.test("progressLine() writes few lines elsewhere", () => {
  const written: string[] = [], line = progressLine({ terminal: false, interval: 1000, write: (text) => written.push(text) });
  for (let step = 0; step < 10; step++) line.update(`step ${step}`);
  line.clear();
  assertEquals(written, ["step 0\n"]);
});
