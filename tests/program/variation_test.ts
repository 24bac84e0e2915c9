import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { OptionError, ShapeError } from "../../lib/errors.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { arrayGroups, magnitudeScores, randomScores, selectWeights, sensitivityScores } from "../../lib/program/select.ts";
import { selectCells } from "../../lib/program/select_cells.ts";
import { ALL_CELLS } from "../../lib/program/selection.ts";
import {
  checkVariation,
  drawErrors,
  effectiveDeviation,
  erroneousWeights,
  largest,
  weightNames,
  weightWriteCost,
} from "../../lib/program/variation.ts";
import { toleranceFor, verifyStatistics } from "../../lib/program/write_verify.ts";
import { tensor } from "../../lib/tensor.ts";

const net = lenet({ seed: 4 }), weights = net.parameters["fc1.weight"]!, most = largest(weights);
const spread = (values: ArrayLike<number>) => Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length);

Deno.test("effectiveDeviation() of published cells, in steps and in shares of full scale", () => {
  assertAlmostEquals(effectiveDeviation({ sigma: 0.2 }), 0.57735, 1e-5);
  assertAlmostEquals(effectiveDeviation({ sigma: 0.2, cellBits: 2, unit: "fullScale" }), 0.7776, 1e-4);
  assertThrows(() => checkVariation({ sigma: -1 }), OptionError, "variation.sigma");
  assertThrows(() => checkVariation({ sigma: 0.1, cellBits: 3 }), OptionError, "variation.cellBits");
  assertThrows(() => checkVariation({ sigma: 0.1, noise: 3 } as never), OptionError, "variation.noise");
});

Deno.test("drawErrors() have the model's deviations, a chip's own numbers, and leave biases alone", () => {
  const errors = drawErrors(net, { sigma: 0.2 }, { seed: 3, draw: 1 }), { open, verified } = errors.layers["fc1.weight"]!;
  assertEquals(Object.keys(errors.layers), weightNames(net));
  assertAlmostEquals(spread(open) / most / 0.2 / 0.57735, 1, 0.02);
  assertAlmostEquals(spread(verified) / most / 0.03 / 0.57735, 1, 0.02);
  assertEquals(drawErrors(net, { sigma: 0.2 }, { seed: 3, draw: 1 }), errors);
  assertNotEquals(drawErrors(net, { sigma: 0.2 }, { seed: 3, draw: 2 }), errors);
});

Deno.test("drawErrors() with a loop leave what its closed form says, and say what it took", () => {
  const tolerance = toleranceFor(0.2, 0.03), verify = { tolerance, maxPulses: 10_000 };
  const errors = drawErrors(net, { sigma: 0.2, verify }, { seed: 3 }), { open, verified } = errors.layers["fc1.weight"]!;
  assertAlmostEquals(spread(open) / most / 0.2 / 0.57735, 1, 0.02);
  assertAlmostEquals(spread(verified) / most / 0.03 / 0.57735, 1, 0.02);
  const all = weightWriteCost(errors, "all"), none = weightWriteCost(errors);
  assertAlmostEquals(all.cycles / all.cells, verifyStatistics(0.2, tolerance).cycles, 0.05);
  assertEquals([none.cycles, none.pulses, all.failed], [0, none.cells, 0]);
  const chosen = selectWeights(net, magnitudeScores(net), { share: 0.25 });
  assertAlmostEquals(weightWriteCost(errors, chosen).cycles / all.cycles, 0.25, 0.01);
  assertThrows(() => weightWriteCost(drawErrors(net, { sigma: 0.2 })), OptionError, "without a loop");
});

Deno.test("erroneousWeights() mix both errors by weight and by cell", () => {
  for (const verify of [undefined, { tolerance: 0.05 }]) {
    const errors = drawErrors(net, { sigma: 0.2, ...(verify === undefined ? {} : { verify }) }),
      { open, verified } = errors.layers["fc1.weight"]!;
    const selection = selectWeights(net, randomScores(net, 5), { share: 0.3 }),
      mixed = erroneousWeights(net, errors, selection)["fc1.weight"]!;
    selection.cells["fc1.weight"]!.forEach((depth, at) => {
      assertEquals(mixed.data[at], Math.fround(weights.data[at]! + (depth === ALL_CELLS ? verified : open)[at]!));
    });
    const depths = {
      cells: Object.fromEntries(weightNames(net).map((name) => [name, new Uint8Array(net.parameters[name]!.data.length).fill(1)])),
    };
    const first = erroneousWeights(net, errors, { ...depths, count: 0, total: 0, share: 0 })["fc1.weight"]!.data.map((w, at) =>
      w - weights.data[at]!
    );
    const left = verify === undefined ? 0.03 : verifyStatistics(0.2, 0.05).deviation;
    assertAlmostEquals(spread(first) / most, Math.sqrt(0.2 ** 2 * (1 / 3 - 1 / 4) + left ** 2 / 4), 0.002);
  }
});

Deno.test("selectWeights() takes the highest scores, ties by magnitude and then position", () => {
  const scores = magnitudeScores(net), { cells, count, total } = selectWeights(net, scores, { share: 0.1 });
  assertEquals([count, total], [Math.round(0.1 * 61470), 61470]);
  const chosen: number[] = [], left: number[] = [];
  for (const name of weightNames(net)) cells[name]!.forEach((depth, at) => (depth > 0 ? chosen : left).push(scores[name]!.data[at]!));
  assert(chosen.reduce((a, b) => Math.min(a, b)) >= left.reduce((a, b) => Math.max(a, b)));
  const flat = Object.fromEntries(
    Object.entries(scores).map(([name, { shape, data }]) => [name, tensor(new Float32Array(data.length), shape)]),
  );
  assertEquals(selectWeights(net, flat, { share: 0.1 }).cells, cells);
  assertEquals(selectWeights(net, scores, { cycles: 1000, cost: 4.5 }).count, 222);
  assertEquals([selectWeights(net, scores, { share: 0 }).count, selectWeights(net, scores, { share: 1 }).count], [0, 61470]);
  assertThrows(() => selectWeights(net, scores, {}), OptionError, "either share or cycles");
  assertThrows(() => selectWeights(net, {}, { share: 0.1 }), ShapeError, "conv1.weight");
});

Deno.test("selectWeights() by row or array takes whole groups within the budget", () => {
  for (const [by, size] of [["row", 64], ["array", 64 * 64]] as const) {
    const groups = arrayGroups(net, by, { rows: 64, columns: 64 });
    const { cells, count } = selectWeights(net, magnitudeScores(net), { share: 0.4, groups });
    assert(count <= 0.4 * 61470 && count > 0.4 * 61470 - size);
    for (const name of weightNames(net)) {
      const kinds = new Map<number, Set<number>>();
      cells[name]!.forEach((depth, at) => kinds.set(groups[name]![at]!, (kinds.get(groups[name]![at]!) ?? new Set()).add(depth)));
      assert([...kinds.values()].every((kind) => kind.size === 1));
    }
  }
});

Deno.test("selectCells() minimises the variance left, weighted with scores", () => {
  const scores = randomScores(net, 8), { cells, share } = selectCells(net, scores, { share: 0.2 });
  assertAlmostEquals(share, 0.2, 1e-5);
  let used = 0, worst = 0, best = Infinity;
  for (const name of weightNames(net)) {
    cells[name]!.forEach((stored, at) => {
      const depth = stored === ALL_CELLS ? 8 : stored, score = scores[name]!.data[at]!;
      used += depth;
      if (depth > 0) best = Math.min(best, score * 4 ** -depth);
      if (depth < 8) worst = Math.max(worst, score * 4 ** -(depth + 1));
    });
  }
  assertEquals(used, Math.round(0.2 * 61470 * 8));
  assert(best >= worst);
  assertThrows(() => selectCells(net, scores, { share: 2 }), OptionError, "selectCells.share");
});

Deno.test("sensitivityScores() are |S| max|W|², with the gradient and the state's variance on request", () => {
  const fill = (value: number) =>
    Object.fromEntries(
      weightNames(net).map((name) => {
        const { shape, data } = net.parameters[name]!;
        return [name, tensor(new Float32Array(data.length).fill(value), shape)];
      }),
    );
  const derivatives = { second: fill(3), gradient: fill(-0.5), images: 1 };
  assertAlmostEquals(sensitivityScores(net, derivatives)["fc1.weight"]!.data[5]!, 3 * most ** 2, 1e-6);
  assertAlmostEquals(sensitivityScores(net, derivatives, { gradient: 2 })["fc1.weight"]!.data[5]!, Math.abs(3 * most ** 2 - most), 1e-6);
  const state = sensitivityScores(net, derivatives, { variance: (w) => w * w })["fc1.weight"]!.data[5]!;
  assertAlmostEquals(state, 3 * weights.data[5]! ** 2, 1e-6);
});
