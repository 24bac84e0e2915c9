// The example end to end on few images: what it prints, that it goes on where it stopped, and what it refuses.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { writeDigits } from "./images.ts";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("lg_lsq", args);

Deno.test("lg_lsq.ts prints one object, keeps runs that are done, and draws errors against bits", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeDigits(folder);
    const common = [
      "--folder",
      folder,
      ..."--images 128 --test 50 --batch 32 --epochs 1 --json --state".split(" "),
      `${folder}/state.json`,
    ];
    const first = await run(...common, "--methods", "lsq,apot", "--bits", "3,1", "--seeds", "1");
    assertEquals(first.code, 0, first.error);
    const { float, images, rows } = JSON.parse(first.out);
    assertEquals([float.accuracy.length, float.std, images], [1, null, 50]);
    assert(float.mean >= 0 && float.mean <= 1);
    // APoT has no 1-bit weights.
    assertEquals(rows.map(({ method, bits }: { method: string; bits: number }) => [method, bits]), [["lsq", 1], ["lsq", 3], ["apot", 3]]);

    const svg = `${folder}/bits.svg`;
    const more = await run(...common, "--methods", "lsq,lgLsq", "--bits", "3", "--seeds", "2,1", "--svg", svg);
    assertEquals(more.code, 0, more.error);
    const again = JSON.parse(more.out).rows;
    assertEquals(again.map(({ method }: { method: string }) => method), ["lsq", "lgLsq"]);
    assertEquals(again[0].accuracy[1], rows[1].accuracy[0]);
    assert(typeof again[0].std === "number");
    const done = JSON.parse(await Deno.readTextFile(`${folder}/state.json`)).runs;
    // Floats twice; three of the first command; lsq with seed 2, lgLsq with both.
    assertEquals(done.length, 2 + 3 + 3);
    assertStringIncludes(await Deno.readTextFile(svg), "lgLsq");

    const other = await run(...common, "--rate", "0.1");
    assertEquals(other.code, 1);
    assertStringIncludes(other.error, "--fresh");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("lg_lsq.ts refuses unknown methods, bits, seeds and options", async () => {
  const refused = await Promise.all([run("--methods", "lsq,best"), run("--bits", "5"), run("--seeds", "one"), run("--epoch", "3")]);
  assertEquals(refused.map(({ code, out }) => [code, out]), [[2, ""], [2, ""], [2, ""], [2, ""]]);
  assertStringIncludes(refused[0]!.error, "lgLsq-ssg");
});
