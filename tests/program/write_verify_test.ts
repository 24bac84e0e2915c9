import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { checkVerify } from "../../lib/program/verify_options.ts";
import { addCosts, joinCosts, toleranceFor, verifyCells, verifyStatistics, writeCost } from "../../lib/program/write_verify.ts";

const GOLDEN = new URL("../golden/swim/write_verify_loop.json", import.meta.url);

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: ArrayLike<number>) => Math.sqrt(mean(Array.from(values, (value) => value * value)));

Deno.test("verifyCells() redraws as its closed form says", () => {
  for (const [sigma, tolerance] of [[0.1, 0.06], [0.2, 0.05], [0.3, 0.1]] as const) {
    const { open, left, pulses, reads, failed } = verifyCells(40_000, sigma, { tolerance, maxPulses: 10_000 }, 3);
    const wanted = verifyStatistics(sigma, tolerance), noise = 4 / Math.sqrt(40_000);
    assertEquals(failed, 0);
    assertEquals(reads, pulses);
    assertAlmostEquals(deviation(open) / sigma, 1, noise);
    assertAlmostEquals(mean(pulses) / wanted.cycles, 1, noise);
    assertAlmostEquals(deviation(left) / wanted.deviation, 1, noise);
    assert(left.every((error) => Math.abs(error) < tolerance));
    open.forEach((error, cell) => assertEquals(Math.abs(error) < tolerance, pulses[cell] === 1));
  }
});

Deno.test("verifyCells() stops at the most pulses and counts what failed", () => {
  const { left, pulses, failed } = verifyCells(5000, 0.3, { tolerance: 0.03, maxPulses: 4 }, 3);
  assertEquals(Math.max(...pulses), 4);
  assertEquals(failed, left.filter((error) => Math.abs(error) >= 0.03).length);
  assertAlmostEquals(failed / 5000, (1 - 1 / verifyStatistics(0.3, 0.03).cycles) ** 4, 0.03);
});

Deno.test("verifyCells() moves by a share of the error with incremental pulses", () => {
  const exact = verifyCells(1000, 0.2, { tolerance: 0.05, loop: "incremental", step: 0.5, pulseError: 0 }, 9);
  exact.open.forEach((error, cell) => {
    const pulses = 1 + Math.max(0, Math.floor(Math.log2(Math.abs(error) / 0.05)) + 1);
    assertEquals(exact.pulses[cell], pulses);
    assertAlmostEquals(exact.left[cell]!, error / 2 ** (pulses - 1), 1e-12);
  });
  const noisy = verifyCells(1000, 0.2, { tolerance: 0.05, loop: "incremental" }, 9);
  assertEquals(noisy.open, exact.open);
  assert(mean(noisy.pulses) < verifyStatistics(0.2, 0.05).cycles);
});

Deno.test("verifyCells() disturbs cells of a row that have passed, in proportion to the pulses after them", () => {
  const quiet = verifyCells(40_000, 0.2, { tolerance: 0.05 }, 4, 20),
    loud = verifyCells(40_000, 0.2, { tolerance: 0.05, disturb: 0.01 }, 4, 20);
  assertEquals(loud.pulses, quiet.pulses);
  const moved = (column: number) => {
    return deviation(Array.from({ length: 2000 }, (_, row) => loud.left[row * 20 + column]! - quiet.left[row * 20 + column]!));
  };
  assertEquals(moved(19), 0);
  for (const column of [0, 10, 18]) assertAlmostEquals(moved(column) / (0.01 * Math.sqrt((19 - column) * mean(quiet.pulses))), 1, 0.1);
});

Deno.test("verifyCells() draws by counter: a cell is the same whatever stands after it", () => {
  const few = verifyCells(10, 0.2, { tolerance: 0.05 }, 7), many = verifyCells(100, 0.2, { tolerance: 0.05 }, 7);
  assertEquals(few.left, many.left.slice(0, 10));
});

Deno.test("toleranceFor() inverts the closed form", () => {
  for (const sigma of [0.1, 0.3]) assertAlmostEquals(verifyStatistics(sigma, toleranceFor(sigma, 0.03)).deviation, 0.03, 1e-9);
  assertThrows(() => toleranceFor(0.1, 0.1), OptionError, "below σ");
});

Deno.test("writeCost() adds pulses, reads, time and energy; arrays side by side take the longest time", () => {
  const verify = checkVerify("test", "verify", { tolerance: 1, pulseTime: 100, readTime: 10, pulseEnergy: 2, readEnergy: 0.5 });
  const cost = writeCost(verify, { pulses: [3, 1], reads: [3, 1], open: 5, failed: 1 });
  assertEquals(cost, { cells: 7, verified: 2, failed: 1, pulses: 9, cycles: 4, reads: 4, time: 940, energy: 20 });
  assertEquals(addCosts(cost, cost).time, 1880);
  assertEquals(joinCosts([cost, cost]), { ...addCosts(cost, cost), time: 940 });
});

Deno.test("verify options are refused by name when unknown or out of range", () => {
  const refused = (options: object, part: string) => assertThrows(() => checkVerify("test", "verify", options as never), OptionError, part);
  refused({ tolerance: 0 }, "verify.tolerance");
  refused({ tolerance: 0.1, loop: "again" }, "verify.loop");
  refused({ tolerance: 0.1, pulses: 3 }, "verify.pulses");
  refused({ tolerance: 0.1, step: 2 }, "verify.step");
  refused({ tolerance: 0.1, maxPulses: 0 }, "verify.maxPulses");
});

Deno.test("verifyCells() and its closed form equal an independent simulation, redrawn and incremental", () => {
  for (const row of JSON.parse(Deno.readTextFileSync(GOLDEN)) as Record<string, number>[]) {
    const { sigma0: sigma, tol: tolerance } = row as { sigma0: number; tol: number }, closed = verifyStatistics(sigma, tolerance);
    assertAlmostEquals(closed.deviation, row["analytic_std"]!, 1e-12);
    assertAlmostEquals(closed.cycles, row["analytic_cycles"]!, 1e-9);
    for (const [loop, std, cycles] of [["redraw", "mc_std", "mc_cycles"], ["incremental", "incr_std", "incr_cycles"]] as const) {
      const { left, pulses } = verifyCells(20_000, sigma, { tolerance, loop }, 11);
      assertAlmostEquals(mean(pulses) / row[cycles]!, 1, 0.03);
      if (row["mc_std"]! < 1.03 * row["analytic_std"]! || loop === "incremental") {
        assertAlmostEquals(deviation(left) / row[std]!, 1, 0.03);
      }
    }
  }
});
