import { assert, assertEquals, assertRejects } from "@std/assert";
import { explorationSvg, explore, OptionError } from "@bitline/bitline";
import { bits, randomImages, smallNetwork } from "./nets.ts";

Deno.test("explorationSvg() draws every judged point once, its front and a colour per value", async () => {
  const lists = { quantize: bits, cell: ["RRAM"], adcBits: [2, 3, 5], columnsPerAdc: [4, 8], backend: "reference" } as const;
  const found = await explore(smallNetwork(), await randomImages(8), lists);
  for (const x of ["energyPj", "areaUm2"] as const) {
    const svg = await explorationSvg(found, { x });
    assertEquals(svg.match(/<title>[^<]*adcBits/g)?.length, 6);
    for (const text of ["adcBits 2", "adcBits 5", "Pareto front", x === "areaUm2" ? "Area" : "Energy"]) assert(svg.includes(text), text);
  }
  const byCircuit = await explorationSvg(found, { x: "latencyNs", y: "areaUm2", colour: "columnsPerAdc", width: 500, height: 300 });
  assert(byCircuit.includes("columnsPerAdc 4") && byCircuit.includes('width="500"'));
});

Deno.test("explorationSvg() refuses what it does not know, and figures that no point has", async () => {
  const found = await explore(smallNetwork(), undefined, { quantize: bits, objectives: { energyPj: "min" } });
  await assertRejects(() => explorationSvg(found), OptionError, "accuracy");
  await assertRejects(() => explorationSvg(found, { y: "beauty" as "fps" }), OptionError, "explorationSvg.y");
  await assertRejects(() => explorationSvg(found, { colour: "hue" as "rows" }), OptionError, "explorationSvg.colour");
  await assertRejects(() => explorationSvg(found, { size: 3 } as never), OptionError, "explorationSvg.size");
  assert((await explorationSvg(found, { y: "fps" })).startsWith("<svg"));
});
