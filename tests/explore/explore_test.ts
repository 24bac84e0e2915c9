import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  decompose,
  type DesignConfiguration,
  estimateOf,
  explore,
  type ExploreOptions,
  genericDevice,
  map,
  OptionError,
  paretoSet,
  program,
  type ProgramOptions,
  simulate,
} from "@bitline/bitline";
import { inputCodes } from "../../lib/explore/stages.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { bits, randomImages, smallNetwork, smallQuantized } from "./nets.ts";

const common = { quantize: bits, cell: ["RRAM"], backend: "reference" } as const satisfies ExploreOptions;

/** Accuracy and estimate of a point by the stages themselves. */
async function byHand(
  { scheme, cellBits, rows, columns, algorithm, ...rest }: DesignConfiguration,
  images: number,
  cells?: ProgramOptions,
) {
  const data = await randomImages(images), mapped = map(decompose(smallQuantized(), { scheme, cellBits }), { rows, columns, algorithm });
  const { adcBits, adcRange: range, digitBits } = rest, chip = cells === undefined ? mapped : program(mapped, cells);
  const { accuracy } = await simulate(chip, data, { adc: { bits: adcBits, range }, digitBits, backend: "reference" });
  const codes = await inputCodes(smallQuantized(), data, referenceBackend());
  const { cell, node, columnsPerAdc, schedule, speedUp } = rest;
  const options = { cell, node, columnsPerAdc, digitBits, schedule, speedUp, adc: { type: rest.adcType, bits: adcBits } };
  return { accuracy, chip: estimateOf(mapped, codes, options).chip };
}

Deno.test("explore() gives every point the accuracy of simulate() and the figures of estimateOf()", async () => {
  const spaces: [ExploreOptions, number, number][] = [
    [{ adcBits: [2, 4], rows: [32, 64], digitBits: [1, 2], columnsPerAdc: [4, 8] }, 8, 2],
    [{ adcBits: [3, 5], scheme: ["balanced", "pairs"], adcRange: ["full", "percentile"], algorithm: ["best"], node: [22, 7] }, 8, 2],
  ];
  for (const [lists, simulations, mappings] of spaces) {
    const found = await explore(smallNetwork(), await randomImages(12), { ...common, ...lists });
    assertEquals([found.points.length, found.counts.simulated, found.counts.mapped], [16, simulations, mappings]);
    assert(new Set(found.points.map(({ figures }) => figures.accuracy)).size > 2, "accuracies differ");
    for (const index of [0, 6, 13]) {
      const { configuration, figures } = found.points[index]!, wanted = await byHand(configuration, 12);
      assertEquals([figures.accuracy, found.baseline], [wanted.accuracy.crossbar, wanted.accuracy.quantized]);
      const { energyPj, areaUm2, latencyNs, topsPerWatt } = wanted.chip;
      assertEquals([figures.energyPj, figures.areaUm2, figures.latencyNs, figures.topsPerWatt], [
        energyPj,
        areaUm2,
        latencyNs,
        topsPerWatt,
      ]);
    }
  }
});

Deno.test("explore() simulates chips of real cells as program() and simulate() do", async () => {
  const device = genericDevice({ onOff: 20, program: { distribution: "normal", scaling: "independent", magnitude: 0.1 } });
  for (const cells of [{ device, seed: 3 }, { device: "rram_milo", seed: 4 }]) {
    const space = { cell: ["RRAM"], backend: "reference", program: cells } as const;
    const found = await explore(smallQuantized(), await randomImages(8), { ...space, adcBits: [5] });
    for (const { configuration, figures } of found.points) {
      assertEquals(figures.accuracy, (await byHand(configuration, 8, cells)).accuracy.crossbar);
    }
  }
  const draws = 3,
    three = await explore(smallQuantized(), await randomImages(8), { cell: ["RRAM"], backend: "reference", program: { device }, draws });
  const mapped = map(decompose(smallQuantized(), { cellBits: 1 }), { algorithm: "im2col" });
  const wanted = await simulate(program(mapped, { device }), await randomImages(8), { adc: { bits: 6 }, backend: "reference", draws });
  assertAlmostEquals(three.points[0]!.figures.accuracy!, wanted.accuracy.crossbar, 1e-12);
});

Deno.test("explore() finds the front of all points, best first, and tells of it", async () => {
  const found = await explore(smallNetwork(), await randomImages(12), {
    ...common,
    adcBits: [1, 2, 3, 5],
    rows: [16, 64],
    columnsPerAdc: [4, 16],
  });
  const values = found.points.map(({ figures: { accuracy, energyPj, areaUm2, latencyNs } }) => [accuracy!, energyPj, areaUm2, latencyNs]);
  const wanted = paretoSet(values, ["max", "min", "min", "min"]).map((index) => found.points[index]!.key);
  assertEquals(found.front.map(({ key }) => key).toSorted(), wanted.toSorted());
  const accuracies = found.front.map(({ figures }) => figures.accuracy!);
  assertEquals(accuracies, accuracies.toSorted((a, b) => b - a));
  for (const text of ["accuracy %", "energy µJ", `${found.front.length} of ${found.points.length} points`]) {
    assertStringIncludes(found.table(), text);
  }
  assertEquals(JSON.parse(JSON.stringify(found)).front.length, found.front.length);
});

Deno.test("explore() keeps constraints, and simulates nothing that breaks one of the hardware", async () => {
  const all = await explore(smallNetwork(), undefined, {
    ...{ quantize: bits, cell: ["RRAM"], rows: [16, 32, 64], columnsPerAdc: [2, 8] },
    objectives: { areaUm2: "min", latencyNs: "min" },
  });
  const areas = all.points.map(({ figures }) => figures.areaUm2), most = areas.toSorted((a, b) => a - b)[2]!;
  assertEquals([all.counts.simulated, all.baseline, all.data], [0, undefined, undefined]);
  const some = await explore(smallNetwork(), await randomImages(8), {
    ...{ ...common, rows: [16, 32, 64], columnsPerAdc: [2, 8] },
    constraints: { areaUm2: { most } },
  });
  // With images the activity is measured: areas stay as they were.
  assertEquals(some.points.map(({ figures }) => figures.areaUm2), areas);
  for (const { state, figures } of some.points) {
    assertEquals(state, figures.areaUm2 <= most ? "judged" : "infeasible");
    assertEquals(figures.accuracy === undefined, state === "infeasible");
  }
  assertEquals(some.points.filter(({ state }) => state === "judged").length, 3);
  assert(some.front.every(({ figures }) => figures.areaUm2 <= most));
  const none = await explore(smallNetwork(), await randomImages(8), { ...common, constraints: { accuracy: { least: 1.5 } } });
  assertEquals([none.points[0]!.state, none.front.length, none.counts.simulated], ["infeasible", 0, 1]);
});

Deno.test("explore() with prune simulates less and loses no point that could have been better", async () => {
  const lists = { ...common, adcBits: [3, 5, 8], adcRange: ["full"], rows: [16, 64], digitBits: [1, 2] } as const;
  const all = await explore(smallNetwork(), await randomImages(12), lists),
    pruned = await explore(smallNetwork(), await randomImages(12), { ...lists, prune: true });
  assert(pruned.counts.simulated < all.counts.simulated, `${pruned.counts.simulated} of ${all.counts.simulated}`);
  const front = new Set(pruned.front.map(({ key }) => key));
  for (const point of all.front) {
    // What is missing is either no better than the network without arrays, or was beaten by a point that is.
    assert(
      front.has(point.key) || pruned.front.some(({ figures }) => {
        const cheaper = figures.energyPj <= point.figures.energyPj && figures.areaUm2 <= point.figures.areaUm2;
        return cheaper && figures.latencyNs <= point.figures.latencyNs && figures.accuracy! >= all.baseline!;
      }),
    );
  }
  for (const { key, state, figures } of pruned.points) {
    if (state === "judged") assertEquals(figures, all.points.find((point) => point.key === key)!.figures);
    else assertEquals([state, figures.accuracy], ["pruned", undefined]);
  }
  // Full tolerance: what some simulated point dominates on hardware figures is left out.
  const hard = await explore(smallNetwork(), await randomImages(12), { ...lists, prune: { tolerance: 1 } });
  const costs = hard.points.map(({ figures: { energyPj, areaUm2, latencyNs } }) => [energyPj, areaUm2, latencyNs]);
  const best = paretoSet(costs, ["min", "min", "min"]).map((index) => hard.points[index]!.state);
  assert(best.every((state) => state === "judged") && hard.counts.simulated <= pruned.counts.simulated);
});

Deno.test("explore() tells combinations that are no chip, and why", async () => {
  const found = await explore(smallNetwork(), undefined, {
    ...{ quantize: bits, cellBits: [1, 2], cell: ["SRAM", "RRAM"], columns: [4, 64], columnsPerAdc: [8] },
    objectives: { energyPj: "min" },
  });
  assertEquals([found.points.length, found.refused.length], [3, 5]);
  const reason = found.refused.find(({ configuration: { cell, columns } }) => cell === "SRAM" && columns === 64)!.reason;
  assertStringIncludes(reason, "2 bits in a cell of SRAM");
  const all = explore(smallNetwork(), undefined, { quantize: bits, cellBits: [2], objectives: { energyPj: "min" } });
  await assertRejects(() => all, OptionError, "estimate.cell");
});

Deno.test("explore() goes through the combinations that `where` allows", async () => {
  const found = await explore(smallNetwork(), undefined, {
    ...{ quantize: bits, rows: [32, 64, 128], columns: [32, 64, 128], objectives: { energyPj: "min" } },
    where: ({ rows, columns }) => rows === columns,
  });
  assertEquals(found.points.map(({ configuration: { rows, columns } }) => [rows, columns]), [[32, 32], [64, 64], [128, 128]]);
});

Deno.test("explore() refuses what it does not know or cannot use", async () => {
  const two = await randomImages(2);
  const refuse = (options: unknown, where: string) =>
    assertRejects(() => explore(smallNetwork(), two, { quantize: bits, ...options as ExploreOptions }), OptionError, where);
  await refuse({ row: [64] }, "explore.row");
  await refuse({ rows: 64 }, "explore.rows");
  await refuse({ rows: [64, 64] }, "explore.rows");
  await refuse({ rows: [] }, "explore.rows");
  await refuse({ adcBits: [4, 99] }, "explore.adcBits[1]");
  await refuse({ node: [23] }, "23");
  await refuse({ scheme: ["magic"] }, "explore.scheme[0]");
  await refuse({ adc: { bits: 4 } }, "explore.adc.bits");
  await refuse({ estimate: { cell: "RRAM" } }, "explore.estimate.cell");
  await refuse({ objectives: { speed: "max" } }, "explore.objectives.speed");
  await refuse({ objectives: { energyPj: "less" } }, "explore.objectives.energyPj");
  await refuse({ constraints: { energyPj: { max: 1 } } }, "explore.constraints.energyPj.max");
  await refuse({ prune: { tolerance: 2 } }, "explore.prune.tolerance");
  await refuse({ prune: true, objectives: { energyPj: "min" } }, "explore.prune");
  await refuse({ where: () => false }, "explore.where");
  await assertRejects(() => explore(smallNetwork(), undefined, { quantize: bits }), OptionError, "(data)");
});

Deno.test("explore() stops when told to, and says how far it is", async () => {
  const controller = new AbortController(), seen: [string, number, number][] = [];
  const run = explore(smallNetwork(), await randomImages(8), {
    ...{ ...common, adcBits: [2, 4, 6], signal: controller.signal },
    onProgress: (phase, done, total) => {
      seen.push([phase, done, total]);
      if (phase === "accuracy" && done >= 8) controller.abort(new Error("enough"));
    },
  });
  await assertRejects(() => run, Error, "enough");
  assertEquals(seen.filter(([phase]) => phase === "hardware").at(-1), ["hardware", 3, 3]);
  assertEquals(seen.at(-1), ["accuracy", 8, 24]);
});
