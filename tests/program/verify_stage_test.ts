import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { decompose } from "../../lib/decompose/decompose.ts";
import { OptionError, ShapeError } from "../../lib/errors.ts";
import { genericDevice } from "../../lib/device/generic.ts";
import { stuckAt } from "../../lib/device/stuck_at.ts";
import type { Device } from "../../lib/device/device.ts";
import { map } from "../../lib/map/map.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { chipSeed, program } from "../../lib/program/program.ts";
import { magnitudeScores, selectWeights } from "../../lib/program/select.ts";
import { selectCells } from "../../lib/program/select_cells.ts";
import type { StageVerifyOptions } from "../../lib/program/verify_stage.ts";
import { verifyStatistics } from "../../lib/program/write_verify.ts";
import { writeCosts } from "../../lib/program/write_costs.ts";
import { wantedArray, writeArray } from "../../lib/program/write.ts";
import { simulate } from "../../lib/simulate/simulate.ts";
import { dorefa } from "../../lib/quantize/dorefa.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { quantize } from "../../lib/quantize/quantize.ts";
import { tensor } from "../../lib/tensor.ts";

const SIGMA = 0.1, TOLERANCE = 0.04;
const noisy: Device = { ...genericDevice(), name: "noisy", program: (target, draw) => target + SIGMA * draw("normal") };
const bits = { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) }, net = lenet({ seed: 2 });
const place = (scheme: "balanced" | "offset" | "twosComplement", cellBits: number) =>
  map(decompose(quantize(net, { ...bits, digital: [] }), { scheme, cellBits }), { algorithm: "im2col" });

/** Errors of all cells of a layer, and whether each is within tolerance. */
function errorsOf(mapped: ReturnType<typeof place>, verify: StageVerifyOptions | undefined, name: string, device = noisy) {
  const chip = program(mapped, { device, ...(verify === undefined ? {} : { verify }) }), layer = mapped.layer(name);
  const number = Object.keys(mapped.layers).indexOf(name);
  return layer.arrays.flatMap((array, index) => {
    const { conductances } = writeArray(layer, array, chip.layers[name]!, { seed: chipSeed(chip, 0), layer: number, array: index });
    const { targets } = wantedArray(layer, array, device.gMin);
    return Array.from(conductances, (g, cell) => g - targets[cell]!);
  });
}

const spread = (errors: readonly number[]) => Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);

Deno.test("program() with verify leaves every cell within tolerance, as the closed form says", () => {
  for (const [scheme, cellBits] of [["balanced", 3], ["offset", 1], ["twosComplement", 2]] as const) {
    const mapped = place(scheme, cellBits), errors = errorsOf(mapped, { tolerance: TOLERANCE, maxPulses: 1000 }, "fc2");
    const inside = errors.filter((error) => Math.abs(error) < TOLERANCE);
    assertEquals(inside.length, errors.length);
    assert(spread(errors) <= verifyStatistics(SIGMA, TOLERANCE).deviation * 1.03);
    assert(spread(errorsOf(mapped, undefined, "fc2")) > 0.9 * SIGMA);
  }
});

Deno.test("program() verifies the cells of chosen weights only, and leaves all others as they were", () => {
  const mapped = place("balanced", 4), before = errorsOf(mapped, undefined, "fc1");
  const after = errorsOf(mapped, { tolerance: TOLERANCE, select: "magnitude", share: 0.3 }, "fc1");
  const changed = after.filter((error, cell) => error !== before[cell]).length;
  after.forEach((error, cell) => error !== before[cell] && assert(Math.abs(error) < TOLERANCE));
  const share = selectWeights(net, magnitudeScores(net), { share: 0.3 }).cells["fc1.weight"]!.filter((depth) => depth > 0).length / 48000;
  const misses = 1 - 1 / verifyStatistics(SIGMA, TOLERANCE).cycles;
  assertAlmostEquals(changed / after.length, share * misses, 0.02);
});

Deno.test("program() with a selection of cells verifies the most significant ones first", () => {
  const mapped = place("twosComplement", 1), selection = selectCells(net, magnitudeScores(net), { share: 0.3, bits: 4 });
  const before = errorsOf(mapped, undefined, "fc2"), after = errorsOf(mapped, { tolerance: TOLERANCE, select: selection }, "fc2");
  const { sliceWeights } = mapped.layer("fc2").sliced, changed = sliceWeights.map(() => 0);
  after.forEach((error, cell) => error !== before[cell] && changed[cell % sliceWeights.length]!++);
  const ranked = sliceWeights.map((weight, slice) => ({ weight: Math.abs(weight), changed: changed[slice]! })).sort((a, b) =>
    b.weight - a.weight
  );
  assert(ranked[0]!.changed > 0);
  ranked.slice(1).forEach(({ changed }, index) => assert(changed <= ranked[index]!.changed));
});

Deno.test("writeCosts() count pulses, reads, time and energy of a chip by layer", () => {
  const mapped = place("balanced", 4),
    verify = { tolerance: TOLERANCE, maxPulses: 1000, pulseTime: 50, readTime: 5, pulseEnergy: 3, readEnergy: 1 };
  const cost = writeCosts(program(mapped, { device: noisy, verify }))!;
  const cells = Object.values(mapped.layers).flatMap(({ arrays }) => arrays).reduce(
    (sum, { rows, physicalColumns }) => sum + rows * physicalColumns,
    0,
  );
  assertEquals(cost.cells, cells);
  assertEquals(cost.verified, 2 * (61470 + 990)); // the first and last layers have two slices; cells of no weight stand open loop
  assertAlmostEquals(cost.cycles / cost.verified, verifyStatistics(SIGMA, TOLERANCE).cycles, 0.05);
  assertEquals(cost.energy, 3 * cost.pulses + cost.reads);
  assertEquals(cost.time, Math.max(...Object.values(cost.layers).map(({ time }) => time)));
  assertEquals(Object.values(cost.layers).reduce((sum, { pulses }) => sum + pulses, 0), cost.pulses);
  assertEquals(writeCosts(program(mapped, { device: noisy })), undefined);
});

Deno.test("program() with verify gives up on stuck cells, with spare columns too", () => {
  const device = stuckAt(noisy, { low: 0.05 }), mapped = place("balanced", 4);
  for (const loop of ["redraw", "incremental"] as const) {
    const verify = { tolerance: TOLERANCE, maxPulses: 20, loop };
    const cost = writeCosts(program(mapped, { device, verify, spareColumns: 2, remap: false }))!;
    assert(cost.failed > 0.005 * cost.verified && cost.failed < 0.05 * cost.verified);
    assert(cost.cycles >= cost.verified + 19 * cost.failed);
  }
});

Deno.test("program() with incremental pulses needs fewer of them", () => {
  const mapped = place("balanced", 4),
    cycles = (loop: "redraw" | "incremental") => writeCosts(program(mapped, { device: noisy, verify: { tolerance: 0.02, loop } }))!.cycles;
  assert(cycles("incremental") < 0.7 * cycles("redraw"));
});

Deno.test("simulate() tells what writing took, and runs verified chips the same on two backends", async () => {
  const mapped = place("balanced", 4), images = tensor(new Uint8Array(2 * 784).map((_, at) => at % 251), [2, 28, 28, 1]);
  const data = { name: "ramp", images, labels: Uint8Array.of(0, 1), classes: [] };
  const chip = program(mapped, { device: noisy, verify: { tolerance: TOLERANCE, select: "random", share: 0.5, by: "row" } });
  const [one, other] = await Promise.all((["reference", "cpu"] as const).map((backend) => {
    return simulate(chip, data, { backend, adc: { bits: 8, range: "full" } });
  }));
  assertEquals(one!.logitError, other!.logitError);
  assertEquals(one!.writing, writeCosts(chip)!);
  assertEquals(chip.options.verify!.by, "row");
});

Deno.test("program() refuses wrong verify options by name", () => {
  const mapped = place("balanced", 4);
  const refused = (verify: object, part: string, type: typeof OptionError | typeof ShapeError = OptionError) =>
    assertThrows(() => program(mapped, { device: noisy, verify: verify as never }), type, part);
  refused({}, "program.verify.tolerance");
  refused({ tolerance: 0.1, select: "best" }, "program.verify.select");
  refused({ tolerance: 0.1, share: 0.5 }, "program.verify.share");
  refused({ tolerance: 0.1, by: "column" }, "program.verify.by");
  refused({ tolerance: 0.1, tolerence: 1 }, "program.verify.tolerence");
  refused({ tolerance: 0.1, select: {} }, "conv1.weight", ShapeError);
});
