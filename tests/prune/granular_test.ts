import { assert, assertEquals, assertThrows } from "@std/assert";
import { MappingError, OptionError } from "../../lib/errors.ts";
import type { Problem } from "../../lib/map/placement.ts";
import { vwSdkMapping } from "../../lib/map/published/vw_sdk.ts";
import { descend } from "../../lib/prune/descend.ts";
import { eliminate, type Factor } from "../../lib/prune/eliminate.ts";
import { granularChannels } from "../../lib/prune/granular.ts";
import { chainModel, macsAt, weightsAt } from "../../lib/prune/model.ts";
import { stairs } from "../../lib/prune/staircase.ts";
import { vwcSdkChannels } from "../../lib/prune/vwc_sdk.ts";
import { hash } from "../../lib/random.ts";
import { cnn8Model, resnet20Model } from "./models.ts";

Deno.test("stairs() finds the right edge of every stair", () => {
  const f = (n: number) => Math.ceil(n / 7) * Math.ceil(n / 10);
  const wanted = Array.from({ length: 64 }, (_, n) => n).filter((n) => n >= 3 && (n === 63 || f(n) < f(n + 1)));
  assertEquals(stairs(f, 3, 63), wanted);
  assertEquals(stairs(() => 5, 1, 9), [9]);
  assertEquals(stairs((n) => n, 4, 4), [4]);
});

/** Random costs of a ring of variables with a chord: two neighbours at a time are enough. */
function ring(seed: number, size: number): { sizes: number[]; factors: Factor[] } {
  const sizes = Array.from({ length: size }, () => 3);
  const scopes = [...sizes.keys()].map((v) => [v, (v + 1) % size].sort((a, b) => a - b)).concat([[0, 2], [1]]);
  const factors = scopes.map((scope, index): Factor => ({
    scope,
    cost(values) {
      const draw = (which: number) => hash(seed, index, which, ...values) % 20;
      return { cycles: draw(0), lost: draw(1) };
    },
  }));
  return { sizes, factors };
}

function exhaustive({ sizes, factors }: ReturnType<typeof ring>, most: number): number[][] {
  const points: number[][] = [];
  for (let code = 0; code < 3 ** sizes.length; code++) {
    const values = sizes.map((_, v) => Math.floor(code / 3 ** v) % 3);
    const costs = factors.map(({ scope, cost }) => cost(scope.map((v) => values[v]!)));
    points.push([costs.reduce((sum, { cycles }) => sum + cycles, 0), costs.reduce((sum, { lost }) => sum + lost, 0)]);
  }
  points.sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!);
  const front: number[][] = [];
  for (const point of points) if (point[1]! <= most && point[1]! < (front.at(-1)?.[1] ?? Infinity)) front.push(point);
  return front;
}

Deno.test("eliminate() finds the whole front, as trying everything does", () => {
  for (let seed = 0; seed < 8; seed++) {
    const problem = ring(seed, 6), most = seed % 2 === 0 ? Infinity : 60;
    const found = eliminate(problem.sizes, problem.factors, { front: 1000, table: 1000, most })!;
    assertEquals(found.map(({ cycles, lost }) => [cycles, lost]), exhaustive(problem, most), `seed ${seed}`);
    for (const { values, cycles } of found) {
      assertEquals(problem.factors.reduce((sum, { scope, cost }) => sum + cost(scope.map((v) => values[v]!)).cycles, 0), cycles);
    }
  }
  assertEquals(eliminate([3, 3, 3], ring(1, 3).factors, { front: 9, table: 8, most: Infinity }), undefined);
});

Deno.test("descend() finds choices that hold, none better than the front", () => {
  const problem = ring(3, 6), front = exhaustive(problem, Infinity);
  const found = descend(problem.sizes, problem.factors, { most: Infinity });
  assert(found.length > 0);
  for (const { cycles, lost } of found) assert(front.some(([c, l]) => c! <= cycles && l! <= lost));
});

const published = [["CNN-8", cnn8Model, 256, 512], ["the wide ResNet-20", resnet20Model, 512, 128]] as const;

for (const [what, model, rows, columns] of published) {
  const rounds = vwcSdkChannels(model, { rows, columns, rounds: 20, search: "published" }).rounds;
  const full = model.groups.map(({ channels }) => channels), channels = full.reduce((sum, count) => sum + count, 0);
  const all = model.layers.reduce((sum, layer) => sum + weightsAt(layer, full), 0);

  Deno.test(`granularChannels() beats VWC-SDK on ${what} by VW-SDK's windows, with no more weights or channels lost`, () => {
    const chip = { rows, columns, mapper: vwSdkMapping };
    for (const { total, weights, counts } of rounds) {
      const byWeights = granularChannels(model, { ...chip, loss: 1 - weights / all }).pruned;
      assert(byWeights.weights >= weights && byWeights.total < total, JSON.stringify(byWeights));
      const kept = counts.reduce((sum, count) => sum + count, 0);
      const byChannels = granularChannels(model, { ...chip, loss: 1 - kept / channels, measure: "channels" }).pruned;
      assert(byChannels.counts.reduce((sum, count) => sum + count, 0) >= kept && byChannels.total < total, JSON.stringify(byChannels));
    }
  });

  Deno.test(`granularChannels() beats VWC-SDK on ${what} by Bitline's mapper, searching by its bound`, () => {
    const { total, weights } = rounds.at(-1)!;
    const { original, pruned } = granularChannels(model, { rows, columns, loss: 1 - weights / all, passes: 2 });
    assert(pruned.weights >= weights && pruned.total < total && pruned.total < 0.85 * original.total, JSON.stringify(pruned));
  });
}

Deno.test("granularChannels() reaches a number of cycles at the least loss, and says when it cannot", () => {
  const chip = { rows: 256, columns: 512, mapper: vwSdkMapping };
  const { pruned, lost, front } = granularChannels(cnn8Model, { ...chip, cycles: 173 });
  assert(pruned.total <= 173);
  for (const point of front) assert(point.cycles > 173 || point.lost >= lost);
  assertThrows(() => granularChannels(cnn8Model, { ...chip, cycles: 10 }), OptionError, "granular.cycles");
});

Deno.test("granularChannels() holds to the least share of channels and to every measure", () => {
  const chip = { rows: 256, columns: 512, mapper: vwSdkMapping }, full = cnn8Model.groups.map(({ channels }) => channels);
  const { pruned } = granularChannels(cnn8Model, { ...chip, loss: 1, least: 0.75 });
  pruned.counts.forEach((count, group) => assert(count >= 0.75 * full[group]!));
  const macs = (counts: readonly number[]) => cnn8Model.layers.reduce((sum, layer) => sum + macsAt(layer, counts), 0);
  const byMacs = granularChannels(cnn8Model, { ...chip, loss: 0.2, measure: "macs" });
  assert(macs(byMacs.pruned.counts) >= 0.8 * macs(full) && byMacs.pruned.total < byMacs.original.total);
  // Half of each group's channels have no norm at all, so they go for nothing.
  const norms = full.map((count) => Array.from({ length: count }, (_, channel) => channel % 2));
  const byNorms = granularChannels(cnn8Model, { ...chip, loss: 0, measure: "norms", norms });
  assertEquals(byNorms.lost, 0);
  assert(byNorms.pruned.total < byNorms.original.total / 1.5);
});

Deno.test("granularChannels() handles densely connected groups", () => {
  const model = chainModel(Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`g${i}`, 12])), [{
    image: 9,
    kernel: 3,
    in: "g0",
    out: "g1",
  }]);
  // Every layer reads all groups before it.
  const dense = {
    ...model,
    layers: Array.from({ length: 8 }, (_, index) => ({
      ...model.layers[0]!,
      name: `layer ${index}`,
      inputs: { fixed: 6, groups: Array.from({ length: index + 1 }, (_, group) => ({ group, repeats: 1 })) },
      outputs: { fixed: 0, groups: [{ group: index + 1, repeats: 1 }] },
    })),
  };
  const { original, pruned, lost } = granularChannels(dense, { rows: 128, columns: 32, mapper: vwSdkMapping, loss: 0.3 });
  assert(pruned.total < original.total && lost <= 0.3);
});

Deno.test("granularChannels() refuses what it cannot do", () => {
  const chip = { rows: 64, columns: 64, mapper: () => ({ cycles: 1 }) };
  for (const [option, value] of Object.entries({ loss: 2, least: 0, candidates: 1, passes: 0, cycles: 0, measure: "size", norms: 3 })) {
    const options = option === "norms" ? { measure: "norms", norms: [] } : { [option]: value };
    assertThrows(() => granularChannels(cnn8Model, { ...chip, ...options } as never), OptionError, `granular.${option}`);
  }
  assertThrows(() => granularChannels(cnn8Model, { ...chip, mapper: (_: Problem) => ({ cycles: NaN }) }), MappingError, "mapper");
});
