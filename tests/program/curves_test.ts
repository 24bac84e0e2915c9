import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { type CurvePoint, curvePoints, cyclesWithin, pointKey, verifyCurves } from "../../lib/program/curves.ts";
import { trainInSitu } from "../../lib/program/in_situ.ts";
import { leastBudget } from "../../lib/program/least_budget.ts";
import { secondDerivatives } from "../../lib/program/second_derivatives.ts";
import { magnitudeScores, selectWeights } from "../../lib/program/select.ts";
import { drawErrors, erroneousWeights } from "../../lib/program/variation.ts";
import { weightGraph } from "../../lib/program/weight_graph.ts";
import { hash, normal } from "../../lib/random.ts";
import { tensor } from "../../lib/tensor.ts";

const net = lenet({ seed: 6 });
const images = tensor(new Uint8Array(20 * 784).map((_, index) => hash(5, index) & 255), [20, 28, 28, 1]);
const data = { name: "noise", images, labels: new Uint8Array(20).map((_, index) => index % 10), classes: [] };

Deno.test("weightGraph() evaluates weights given, and the network's own again after them", async () => {
  using graph = await weightGraph(net, { batch: 8, threads: 1 });
  const before = graph.evaluate(data), { "fc3.weight": last } = net.parameters;
  const zero = graph.evaluate(data, { "fc3.weight": tensor(new Float32Array(last!.data.length), last!.shape) });
  assertAlmostEquals(zero.loss, Math.log(10), 1e-5);
  assert(Math.abs(before.loss - zero.loss) > 1e-4);
  assertEquals(graph.evaluate(data), before);
});

Deno.test("verifyCurves() evaluate the same chips for all methods, and go on where samples end", async () => {
  using graph = await weightGraph(net, { batch: 20, threads: 1 });
  const magnitude = magnitudeScores(net),
    methods = [{ name: "magnitude", select: (share: number) => selectWeights(net, magnitude, { share }) }];
  const options = {
    methods,
    sigmas: [0.2],
    shares: [0, 0.3, 1],
    variation: (sigma: number) => ({ sigma, verify: { tolerance: 0.05 } }),
    seed: 3,
  };
  const two = verifyCurves(net, graph, data, { ...options, draws: 2 });
  const resumed = verifyCurves(net, graph, data, {
    ...options,
    draws: 2,
    resume: verifyCurves(net, graph, data, { ...options, draws: 1 }),
  });
  assertEquals(resumed, two);
  const errors = drawErrors(net, options.variation(0.2), { seed: 3, draw: 1 });
  const direct = graph.evaluate(data, erroneousWeights(net, errors, methods[0]!.select(0.3))).accuracy;
  assertEquals(two[pointKey("magnitude", 0.2, 0.3)]!.accuracy[1], direct);
  const points = curvePoints(two);
  assertEquals(points.map(({ share }) => share), [0, 0.3, 1]);
  assertEquals([points[0]!.writeCycles, points[2]!.writeCycles], [0, 1]);
  assertAlmostEquals(points[1]!.writeCycles, 0.3, 0.02);
  assertThrows(() => verifyCurves(net, graph, data, { ...options, draws: 0 }), OptionError, "draws");
});

Deno.test("cyclesWithin() finds where a curve comes close to full write-verify", () => {
  const point = (writeCycles: number, mean: number): CurvePoint => ({
    method: "m",
    sigma: 0.2,
    share: writeCycles,
    writeCycles,
    mean,
    std: 0,
    p5: 0,
    draws: 1,
  });
  const curve = [point(0, 0.5), point(0.01, 0.8), point(0.1, 0.96), point(1, 0.97)];
  assertEquals(cyclesWithin(curve, 0.01), 0.1);
  assertAlmostEquals(cyclesWithin(curve, 0.09)!, 0.01 * 10 ** 0.5, 1e-9);
  assertEquals(cyclesWithin(curve.slice(0, 3), 0.01), undefined);
});

Deno.test("leastBudget() bisects to the least share whose interval lies above the target", async () => {
  const chip = (share: number, draw: number) => 0.9 + 0.08 * share + 0.002 * normal(4, draw);
  const { share, trials } = await leastBudget(chip, { target: 0.94 });
  assert(Math.abs(share! - 0.5) < 0.05);
  assert(trials.every(({ reached, interval }) => reached === interval[0] >= 0.94));
  assertEquals((await leastBudget(chip, { target: 0.99 })).share, undefined);
  assertEquals((await leastBudget(chip, { target: 0.8 })).share, 0);
  await assertRejects(() => leastBudget(chip, { target: 2 }), OptionError, "leastBudget.target");
});

Deno.test("trainInSitu() without errors is SGD with momentum, and each step has errors of its own", async () => {
  const steps: Float32Array[] = [];
  const quiet = await trainInSitu(net, data, { variation: { sigma: 0 }, steps: 2, batch: 20, rate: 0.1, momentum: 0.5, threads: 1 });
  const slope = async (weights: Record<string, typeof quiet[string]>) => {
    const { gradient } = await secondDerivatives({ ...net, parameters: { ...net.parameters, ...weights } }, data, { threads: 1 });
    return gradient["fc3.weight"]!.data.map((value) => value / 20);
  };
  const names = Object.keys(quiet), own = Object.fromEntries(names.map((name) => [name, net.parameters[name]!]));
  const one = await trainInSitu(net, data, { variation: { sigma: 0 }, steps: 1, batch: 20, rate: 0.1, momentum: 0.5, threads: 1 });
  const first = await slope(own), second = await slope(one);
  own["fc3.weight"]!.data.forEach((weight, at) => {
    assertAlmostEquals(one["fc3.weight"]!.data[at]!, weight - 0.1 * first[at]!, 1e-6);
    assertAlmostEquals(quiet["fc3.weight"]!.data[at]!, weight - 0.1 * (1.5 * first[at]! + second[at]!), 1e-6);
  });
  await trainInSitu(net, data, {
    variation: { sigma: 0.2 },
    steps: 2,
    batch: 20,
    threads: 1,
    onStep: (_, weights) => steps.push(weights["fc3.weight"]!.data),
  });
  assert(steps[0]!.some((weight, at) => Math.abs(weight - steps[1]![at]!) > 0.01));
  await assertRejects(() => trainInSitu(net, data, { variation: { sigma: 0.2 }, steps: 0 }), OptionError, "trainInSitu.steps");
});

Deno.test("secondDerivatives() takes weights of its own for each batch", async () => {
  const weights = (batch: number) => erroneousWeights(net, drawErrors(net, { sigma: 0.2 }, { draw: batch }));
  const both = await secondDerivatives(net, data, { batch: 10, threads: 1, weights });
  const halves = await Promise.all([0, 1].map((half) => {
    const part = {
      ...data,
      images: tensor(images.data.slice(half * 7840, half * 7840 + 7840), [10, 28, 28, 1]),
      labels: data.labels.slice(half * 10, half * 10 + 10),
    };
    return secondDerivatives({ ...net, parameters: { ...net.parameters, ...weights(half) } }, part, { threads: 1 });
  }));
  const largest = both.second["fc3.weight"]!.data.reduce((a, b) => Math.max(a, b));
  both.second["fc3.weight"]!.data.forEach((value, at) => {
    assertAlmostEquals(value / largest, halves.reduce((sum, { second }) => sum + second["fc3.weight"]!.data[at]!, 0) / largest, 1e-5);
  });
});
