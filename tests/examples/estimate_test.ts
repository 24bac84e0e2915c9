import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { decompose, dorefa, estimate, lenet, map, pact, quantize } from "@bitline/bitline";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("estimate", args);

Deno.test("estimate.ts gives the chip of a mapped network, and pictures of it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const options = ["--network", "LeNet", "--layout", "im2col", "--cell-bits", "2", "--rows", "64", "--activation-bits", "8"];
    const { code, out, error } = await run(...options, "--svg", `${folder}/chip`, "--json");
    assertEquals([code, error], [0, ""]);
    const { chip, layers, shared, sources, ...found } = JSON.parse(out);

    const bits = {
      weights: dorefa({ bits: 4 }),
      activations: pact({ bits: 8, alpha: 2 }),
      first: dorefa({ bits: 4 }),
      last: dorefa({ bits: 4 }),
    };
    const mapped = map(decompose(quantize(lenet(), { ...bits, digital: [] }), { cellBits: 2 }), {
      rows: 64,
      columns: 128,
      algorithm: "im2col",
    });
    const wanted = estimate(mapped, { cell: "RRAM", layout: "im2col" });
    assertEquals([found.network, found.floorplan.arrays], ["lenet", wanted.floorplan.arrays]);
    for (const name of ["areaUm2", "latencyNs", "periodNs", "macs"] as const) {
      assertAlmostEquals(chip[name] / wanted.chip[name], 1, 1e-9, name);
    }

    const sum = (name: string, parts: Record<string, number>[]) => parts.reduce((total, part) => total + part[name]!, 0);
    for (const name of ["areaUm2", "dynamicPj", "leakageUw"]) {
      assertAlmostEquals((sum(name, layers) + sum(name, shared)) / chip[name], 1, 1e-9, name);
      assertAlmostEquals(sum(name, chip.components) / chip[name], 1, 1e-9, name);
    }
    assert(Object.keys(sources).includes("cells.RRAM"));
    for (const name of ["floorplan", "timeline"]) assert((await Deno.readTextFile(`${folder}/chip_${name}.svg`)).startsWith("<svg"), name);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("estimate.ts takes every option to the chip, and prints tables without --json", async () => {
  const results = await Promise.all([
    run("--network", "ResNet-20"),
    run("--network", "ResNet-20", "--node", "7", "--adc-type", "SAR", "--schedule", "layer-by-layer", "--sources"),
    run("--network", "ResNet-20", "--digital", "conv1,fc", "--json"),
    run("--network", "ResNet-20", "--json"),
  ]);
  const [plain, other, fewer, all] = results.map(({ out }) => out) as [string, string, string, string];
  assertEquals(results.map(({ code }) => code), [0, 0, 0, 0]);
  for (const text of ["TOPS/W", "conv1", "flash", "mm²"]) assertStringIncludes(plain, text);
  for (const text of ["SAR", "technology.7: "]) assertStringIncludes(other, text);
  assertEquals(JSON.parse(all).layers.length - JSON.parse(fewer).layers.length, 2);
});

Deno.test("estimate.ts refuses networks, layers and parts it does not know", async () => {
  const results = await Promise.all([
    run("--network", "AlexNet"),
    run("--digital", "conv99"),
    run("--adc-type", "magic"),
    run("--cell", "SRAM", "--cell-bits", "2"),
    run("--nodes", "22"),
  ]);
  assertEquals(results.map(({ code }) => code), [2, 2, 2, 2, 2]);
  const said = ["--network", "--digital", "magic", "2 bits in a cell of SRAM", "--nodes"];
  results.forEach(({ error, out }, at) => {
    assertStringIncludes(error, said[at]!);
    assertEquals(out, "");
  });
});
