import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import type { Axes } from "../../lib/sweep/axes.ts";
import { metricOf, promote, rungs } from "../../lib/sweep/halving.ts";
import {
  checkSpace,
  gridSpace,
  halvingSpace,
  randomSpace,
  shardCount,
  sobolSpace,
  type Space,
  spacePoints,
} from "../../lib/sweep/space.ts";

Deno.test("gridSpace() visits every combination once, the last axis fastest", () => {
  const space = gridSpace({ bits: [4, 6], scheme: ["offset", "pairs"], float: [true, false] }), points = spacePoints(space);
  assertEquals(points.length, shardCount(space));
  assertEquals(new Set(points.map((point) => JSON.stringify(point))).size, 8);
  assertEquals(points.slice(0, 3), [
    { bits: 4, scheme: "offset", float: true },
    { bits: 4, scheme: "offset", float: false },
    { bits: 4, scheme: "pairs", float: true },
  ]);
});

Deno.test("gridSpace() spreads ranges evenly or by ratio, ends included", () => {
  const values = (axis: Axes[string]) => spacePoints(gridSpace({ x: axis })).map(({ x }) => x);
  assertEquals(values({ from: 0, to: 1, steps: 5 }), [0, 0.25, 0.5, 0.75, 1]);
  assertEquals(values({ from: 16, to: 256, steps: 5, scale: "log", integer: true }), [16, 32, 64, 128, 256]);
  assertEquals(values({ from: 1, to: 3, steps: 7, integer: true }), [1, 2, 3]);
  assertEquals(values({ from: 0.1, to: 0.7, steps: 4 }).at(-1), 0.7);
});

Deno.test("randomSpace() and sobolSpace() stay within ranges, reach all values, and do not depend on the count", () => {
  const axes = {
    list: ["a", "b", "c"],
    linear: { from: -1, to: 1 },
    log: { from: 0.001, to: 0.1, scale: "log" },
    whole: { from: 3, to: 6, integer: true },
    ratio: { from: 1, to: 64, integer: true, scale: "log" },
  } as const;
  for (const make of [randomSpace, sobolSpace]) {
    const points = spacePoints(make(axes, { count: 256, seed: 9 }));
    assertEquals(points.slice(0, 20), spacePoints(make(axes, { count: 20, seed: 9 })));
    assertNotEquals(points.slice(0, 20), spacePoints(make(axes, { count: 20, seed: 10 })));
    assertEquals(new Set(points.map(({ list }) => list)), new Set(["a", "b", "c"]));
    assertEquals(new Set(points.map(({ whole }) => whole)), new Set([3, 4, 5, 6]));
    const numbers = (name: string) => points.map((point) => Number(point[name]));
    assert(numbers("linear").every((value) => value >= -1 && value <= 1));
    assert(numbers("log").every((value) => value >= 0.001 && value <= 0.1));
    assert(numbers("ratio").every((value) => Number.isInteger(value) && value >= 1 && value <= 64));
    assertAlmostEquals(numbers("log").reduce((sum, value) => sum + Math.log10(value), 0) / 256, -2, 0.1);
  }
  assertEquals(spacePoints(sobolSpace({ x: { from: 0, to: 8 } }, { count: 4, seed: null })).map(({ x }) => x), [0, 4, 6, 2]);
});

Deno.test("halvingSpace() lets a factor fewer candidates run on a factor more", () => {
  const budget = { name: "images", least: 10, most: 100 }, candidates = randomSpace({ x: { from: 0, to: 1 } }, { count: 27 });
  const space = halvingSpace(candidates, { budget, metric: "m", direction: "minimise" });
  assertEquals(rungs(space, 27), [{ budget: 10, count: 27 }, { budget: 30, count: 9 }, { budget: 90, count: 3 }, {
    budget: 100,
    count: 1,
  }]);
  assertEquals(shardCount(space), 40);
  const few = halvingSpace(gridSpace({ x: [1, 2] }), { budget: { ...budget, most: 1000 }, factor: 10, metric: "m", direction: "minimise" });
  assertEquals(rungs(few, 2).map(({ count }) => count), [2, 1, 1]);
});

Deno.test("promote() ranks by the metric, failed candidates last, ties by order", () => {
  const of = (direction: "maximise" | "minimise") =>
    halvingSpace(gridSpace({ x: [1] }), { budget: { name: "b", least: 1, most: 9 }, metric: "a.b", direction });
  const ranked = [3, 9, undefined, 9, 1].map((value, candidate) => ({
    candidate,
    result: value === undefined ? value : { a: { b: value } },
  }));
  assertEquals(promote(of("maximise"), ranked, 2), [1, 3]);
  assertEquals(promote(of("minimise"), ranked, 2), [0, 4]);
  assertEquals(promote(of("maximise"), ranked, 5), [0, 1, 3, 4]);
  assertThrows(() => metricOf({ a: "high" }, "a"), OptionError, "no number a");
});

Deno.test("checkSpace() gives an equal space from JSON", () => {
  const inner = sobolSpace({ x: { from: 0, to: 1 } }, { count: 4 });
  const spaces = [
    gridSpace({ x: [1, 2] }),
    inner,
    randomSpace({ x: ["a", "b"] }, { count: 2, seed: 4 }),
    halvingSpace(inner, { budget: { name: "b", least: 1, most: 3 }, metric: "m", direction: "maximise" }),
  ];
  for (const space of spaces) assertEquals(checkSpace(JSON.parse(JSON.stringify(space))), space);
  assertThrows(() => checkSpace({ kind: "spiral" } as unknown as Space), OptionError, "space");
});

Deno.test("spaces refuse what is not sound, naming it", () => {
  const refused: readonly (readonly [() => unknown, string])[] = [
    [() => gridSpace({}), "space.axes"],
    [() => gridSpace({ x: [] }), "space.axes.x"],
    [() => gridSpace({ x: [1, 1] }), "space.axes.x"],
    [() => gridSpace({ x: [NaN] }), "space.axes.x"],
    [() => gridSpace({ x: { from: 0, to: 1 } }), "space.axes.x.steps"],
    [() => gridSpace({ x: { from: 0, to: 1, step: 3 } as never }), "space.axes.x.step"],
    [() => randomSpace({ x: { from: 0, to: 1, scale: "log" } }, { count: 1 }), "space.axes.x.from"],
    [() => randomSpace({ x: { from: 2, to: 1 } }, { count: 1 }), "space.axes.x.to"],
    [() => randomSpace({ x: { from: 0.5, to: 1, integer: true } }, { count: 1 }), "space.axes.x.from"],
    [() => randomSpace({ x: [1] }, { count: 0 }), "space.count"],
    [() => randomSpace({ x: [1] }, { count: 1, seed: null }), "space.seed"],
    [() => sobolSpace(Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`x${i}`, [1]])), { count: 1 }), "space.axes"],
  ];
  const budget = { name: "b", least: 1, most: 9 }, common = { budget, metric: "m", direction: "maximise" } as const;
  const halving: readonly (readonly [object, string])[] = [
    [{ budget: { ...budget, name: "x" } }, "space.budget.name"],
    [{ budget: { ...budget, most: 0.5 } }, "space.budget"],
    [{ budget: { ...budget, least: 0.5 } }, "space.budget"],
    [{ factor: 1 }, "space.factor"],
    [{ metric: "" }, "space.metric"],
    [{ direction: "up" }, "space.direction"],
    [{ rungs: 3 }, "space.rungs"],
  ];
  for (const [make, where] of refused) assertThrows(make, OptionError, `(${where})`);
  for (const [change, where] of halving) {
    assertThrows(() => halvingSpace(gridSpace({ x: [1] }), { ...common, ...change }), OptionError, `(${where})`);
  }
});
