import { assert, assertEquals, assertRejects } from "@std/assert";
import { NumericError, OptionError } from "../../lib/errors.ts";
import { hash, normal } from "../../lib/random.ts";
import { summarise } from "../../lib/report/statistics.ts";
import { type ChipRun, monteCarlo, type MonteCarloOptions, type MonteCarloResult } from "../../lib/simulate/monte_carlo.ts";

const chip: ChipRun = (_draw, _signal, seed) => Promise.resolve({ accuracy: 0.9 + 0.01 * normal(seed), energy: 5 + normal(seed, 1) });

/** A chip that notes which numbers were drawn. */
function counted(): { drawn: number[]; run: ChipRun } {
  const drawn: number[] = [];
  return { drawn, run: (draw, signal, seed) => (drawn.push(draw), chip(draw, signal, seed)) };
}

Deno.test("monteCarlo() makes every draw once, in order, with seeds of its own", async () => {
  const seen: [number, number][] = [];
  const result = await monteCarlo((draw, _signal, seed) => (seen.push([draw, seed]), Promise.resolve(draw)), { draws: 4, seed: 9 });
  assertEquals(seen, [0, 1, 2, 3].map((draw) => [draw, hash(9, draw)]));
  assertEquals(result, {
    kind: "monte-carlo",
    seed: 9,
    draws: 4,
    stopped: "draws",
    samples: { value: [0, 1, 2, 3] },
    summary: { value: summarise([0, 1, 2, 3]) },
  });
});

Deno.test("monteCarlo() stops at the first draw at which every watched mean is known", async () => {
  const all = await monteCarlo(chip, { draws: 200 });
  const narrow = (samples: readonly number[], most: number, count: number) => summarise(samples.slice(0, count)).halfWidth! <= most;
  const first = (test: (count: number) => boolean) => Array.from({ length: 200 }, (_, index) => index + 1).find((n) => n >= 5 && test(n))!;
  const { accuracy, energy } = all.samples as Record<string, number[]>;
  const one = await monteCarlo(chip, { draws: 200, halfWidth: { accuracy: 0.004 } });
  assertEquals([one.stopped, one.draws], ["half-width", first((n) => narrow(accuracy!, 0.004, n))]);
  assertEquals(one.samples.accuracy, accuracy!.slice(0, one.draws));
  const both = await monteCarlo(chip, { draws: 200, halfWidth: 0.3 });
  assertEquals([both.stopped, both.draws], ["half-width", first((n) => narrow(accuracy!, 0.3, n) && narrow(energy!, 0.3, n))]);
  assert(both.draws > one.draws);
});

Deno.test("monteCarlo() makes at least the draws asked for, and all of them where the limit is not reached", async () => {
  assertEquals((await monteCarlo(() => Promise.resolve(1), { draws: 100, halfWidth: 1e-9 })).draws, 5);
  assertEquals((await monteCarlo(() => Promise.resolve(1), { draws: 100, halfWidth: 1e-9, atLeast: 12 })).draws, 12);
  assertEquals((await monteCarlo(() => Promise.resolve(1), { draws: 3, halfWidth: 1e-9 })).stopped, "draws");
  assertEquals((await monteCarlo(chip, { draws: 10, halfWidth: 1e-9 })).stopped, "draws");
  assertEquals((await monteCarlo(() => Promise.resolve(1), { draws: 5, halfWidth: 1e-9 })).stopped, "half-width");
});

Deno.test("monteCarlo() resumes from JSON without drawing a chip twice", async () => {
  const whole = await monteCarlo(chip, { draws: 30, seed: 4 });
  const first = counted(), part = await monteCarlo(first.run, { draws: 12, seed: 4 });
  const second = counted(), rest = await monteCarlo(second.run, { draws: 30, resume: JSON.parse(JSON.stringify(part)) });
  assertEquals(rest, whole);
  assertEquals([...first.drawn, ...second.drawn], Array.from({ length: 30 }, (_, draw) => draw));
  const none = counted();
  assertEquals(await monteCarlo(none.run, { draws: 10, resume: whole }), whole);
  assertEquals(none.drawn, []);
  const stopped = await monteCarlo(chip, { draws: 300, halfWidth: { accuracy: 0.004 } });
  assertEquals(
    await monteCarlo(chip, { draws: 300, halfWidth: { accuracy: 0.002 }, resume: stopped }),
    await monteCarlo(chip, { draws: 300, halfWidth: { accuracy: 0.002 } }),
  );
});

Deno.test("monteCarlo() gives back what was drawn when aborted, and can go on from there", async () => {
  const abort = new AbortController();
  const run: ChipRun = (draw, signal, seed) => {
    if (draw === 7) abort.abort(new Error("enough"));
    signal.throwIfAborted();
    return chip(draw, signal, seed);
  };
  const part = await monteCarlo(run, { draws: 20, signal: abort.signal });
  assertEquals([part.stopped, part.draws], ["aborted", 7]);
  assertEquals(await monteCarlo(chip, { draws: 20, resume: part }), await monteCarlo(chip, { draws: 20 }));
  await assertRejects(() => monteCarlo(chip, { draws: 20, signal: abort.signal }), Error, "enough");
});

Deno.test("monteCarlo() reports progress with a result that can be resumed", async () => {
  const seen: MonteCarloResult[] = [];
  const whole = await monteCarlo(chip, {
    draws: 6,
    onProgress: (done, total, soFar) => {
      assertEquals([done, total], [seen.length + 1, 6]);
      seen.push(soFar);
    },
  });
  assertEquals(seen.map(({ draws, stopped }) => [draws, stopped]), [1, 2, 3, 4, 5, 6].map((draws) => [draws, "running"]));
  assertEquals(await monteCarlo(chip, { draws: 6, resume: seen[2]! }), whole);
});

Deno.test("monteCarlo() passes a chip's error on and refuses figures that are none", async () => {
  await assertRejects(() => monteCarlo(() => Promise.reject(new RangeError("broken chip")), { draws: 2 }), RangeError, "broken chip");
  await assertRejects(() => monteCarlo((draw) => Promise.resolve(draw === 1 ? NaN : 1), { draws: 3 }), NumericError, "draw 1, value");
  await assertRejects(() => monteCarlo(() => Promise.resolve({}), { draws: 3 }), OptionError, "no metrics");
  await assertRejects(
    () => monteCarlo((draw) => Promise.resolve(Object.fromEntries([[draw === 0 ? "a" : "b", 1]])), { draws: 3 }),
    OptionError,
    "metrics a as before",
  );
});

Deno.test("monteCarlo() refuses options that make no sense, before the first draw where it can", async () => {
  const stored = await monteCarlo(chip, { draws: 2 });
  const bad: [Partial<Record<keyof MonteCarloOptions | "draw", unknown>>, string][] = [
    [{ draws: 0 }, "monteCarlo.draws"],
    [{ draws: 2.5 }, "monteCarlo.draws"],
    [{ draw: 5 }, "monteCarlo.draw"],
    [{ confidence: 1 }, "monteCarlo.confidence"],
    [{ percentiles: [200] }, "percentiles[0]"],
    [{ halfWidth: 0 }, "monteCarlo.halfWidth"],
    [{ halfWidth: { accuracy: NaN } }, "monteCarlo.halfWidth.accuracy"],
    [{ atLeast: 1 }, "monteCarlo.atLeast"],
    [{ seed: -1 }, "monteCarlo.seed"],
    [{ resume: { ...stored, seed: 2 }, seed: 1 }, "monteCarlo.resume.seed"],
    [{ resume: { ...stored, draws: 3 } }, "monteCarlo.resume.samples.accuracy"],
    [{ resume: { ...stored, samples: { a: [1, null] } } }, "monteCarlo.resume.samples.a"],
    [{ resume: { ...stored, samples: {} } }, "monteCarlo.resume.samples"],
    [{ resume: {} }, "monteCarlo.resume"],
  ];
  for (const [options, where] of bad) {
    const { drawn, run } = counted();
    await assertRejects(() => monteCarlo(run, { draws: 5, ...options } as MonteCarloOptions), OptionError, where);
    assertEquals(drawn, []);
  }
  const { drawn, run } = counted();
  await assertRejects(() => monteCarlo(run, { draws: 5, halfWidth: { acuracy: 1 } }), OptionError, "accuracy, energy");
  assertEquals(drawn, [0]);
});
