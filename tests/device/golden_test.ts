// Device models against recorded results of independent tools: exact on recorded draws, statistical over seeds.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type GoldenCase, NotCovered } from "../golden/format.ts";
import { aihwkit } from "../golden/formats/aihwkit.ts";
import { crosssimStatistics } from "../golden/formats/crosssim_statistics.ts";

const folder = decodeURIComponent(new URL("../golden/device/", import.meta.url).pathname);
const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${folder}${name}.json`));
/** These cases run on no backend. */
const run = (golden: GoldenCase) => golden.run(undefined as never);
const models = await read("noise_models"), statistics = await read("stats");

for (const model of Object.keys(models).filter((name) => name !== "weights")) {
  Deno.test(`golden noise model ${model}`, async () => {
    const golden = aihwkit.open({ path: "models", stem: model, json: { weights: models.weights, [model]: models[model] } });
    const error = await run(golden);
    assert(error <= 1e-6 && error <= golden.limit, `${error}`);
  });
}

Deno.test("golden noise models notice a wrong draw and name an unknown model", async () => {
  const wrong = structuredClone(models.PCMLike_gmax25["3600.0"]);
  wrong.xi_drift[0][0][1] += 0.1;
  const json = { weights: models.weights, PCMLike_gmax25: { "3600.0": wrong } };
  assert(await run(aihwkit.open({ path: "models", stem: "models", json })) > 1e-5);
  const unknown = { weights: models.weights, PCMLike_gmax25: {}, FeFet: {} };
  assertThrows(() => aihwkit.open({ path: "models", stem: "models", json: unknown }), NotCovered, "FeFet");
});

for (const entry of statistics) {
  Deno.test(`golden noise statistics ${entry.name}`, async () => {
    const golden = crosssimStatistics.open({ path: `${folder}stats.json`, stem: "stats", json: [entry] });
    const distance = await run(golden);
    assertEquals(golden.limit, 1);
    assert(distance <= 1, `${distance} of the bound`);
  });
}
