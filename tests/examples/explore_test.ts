import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { writePhotographs } from "./images.ts";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("explore", args);

Deno.test("explore.ts prints one object with --json, draws pictures, and goes on from its file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writePhotographs(folder);
    const space = [
      "--data",
      folder,
      "--images",
      "6",
      "--adc-range",
      "full",
      "--cell-bits",
      "2",
      "--rows",
      "128",
      "--columns-per-adc",
      "4,16",
    ];
    const file = ["--file", `${folder}/points.jsonl`, "--backend", "cpu"];
    const first = await run(...space, ...file, "--adc-bits", "4", "--svg", `${folder}/pictures/explore`, "--json");
    assertEquals(first.code, 0, first.error);
    const { points, front, counts, images, baseline } = JSON.parse(first.out);
    assertEquals([points.length, images, counts], [2, 6, { resumed: 0, mapped: 1, simulated: 1 }]);
    assert(front.length >= 1 && baseline >= 0 && baseline <= 1);
    for (const name of ["energy", "area"]) {
      assertStringIncludes(await Deno.readTextFile(`${folder}/pictures/explore_${name}.svg`), "Pareto front");
    }
    const more = await run(
      ...space,
      ...file,
      "--adc-bits",
      "4",
      "--objectives",
      "accuracy,topsPerWatt",
      "--constraints",
      "accuracy>=0,areaUm2<=1e9",
    );
    assertEquals(more.code, 0, more.error);
    for (const text of ["2 points read from file, 0 mappings, 0 simulations", "efficiency TOPS/W"]) assertStringIncludes(more.out, text);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("explore.ts without accuracy among the objectives simulates nothing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writePhotographs(folder);
    const { code, out, error } = await run(
      ...["--data", folder, "--images", "2", "--rows", "64,128,256", "--columns", "64,128,256", "--square", "--backend", "cpu"],
      ...["--objectives", "energyPj,areaUm2", "--svg", `${folder}/explore`],
    );
    assertEquals(code, 0, error);
    assertStringIncludes(out, "of 72 points on the front");
    assertStringIncludes(out, "0 simulations");
    assertStringIncludes(await Deno.readTextFile(`${folder}/explore_area.svg`), "Latency");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("explore.ts refuses options it does not know or cannot use", async () => {
  const results = await Promise.all([
    run("--row", "64"),
    run("--rows", "sixty"),
    run("--objectives", "speed"),
    run("--constraints", "areaUm2<3"),
    run("--adc-bits", "4,,5"),
    run("--device", "magic"),
    run("--data", "no/such/folder"),
  ]);
  assertEquals(results.map(({ code }) => code), [2, 2, 2, 2, 2, 2, 1]);
  const said = ["--row", "explore.rows", "--objectives", "--constraints", "explore.adcBits", "magic", "no/such/folder"];
  results.forEach(({ error, out }, at) => {
    assertStringIncludes(error, said[at]!);
    assertEquals(out, "");
  });
});
