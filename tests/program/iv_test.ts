import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cubicCell } from "../../lib/circuit/wires/nonlinear.ts";
import { OptionError } from "../../lib/errors.ts";
import { digitCount, isOhmic, type IvOptions, oddCoefficients, resolveIv } from "../../lib/program/iv.ts";
import { type ProgramOptions, resolveProgram } from "../../lib/program/options.ts";

const resolve = (options: IvOptions) => resolveIv("test", options, "iv");

Deno.test("resolveIv() fills in defaults, as plain data", () => {
  assertEquals(resolve({ law: "cubic", readVoltage: 0.5 }), { law: "cubic", readVoltage: 0.5, conductance: "read", coefficient: -0.25 });
  const given = { law: "polynomial", readVoltage: 1, conductance: "zero", odd: [1, [0.1, 0.2, 0.4]] } as const;
  assertEquals(resolve(JSON.parse(JSON.stringify(resolve(given)))), given);
});

Deno.test("resolveIv() refuses what is not a law, naming the field", () => {
  const bad: [object, string][] = [
    [{ law: "square", readVoltage: 1 }, "iv.law"],
    [{ law: "toString", readVoltage: 1 }, "iv.law"],
    [{ readVoltage: 1 }, "iv.law"],
    [{ law: "sinh", readVoltage: 1, v0: 1, odd: [1] }, "iv.odd"],
    [{ law: "cubic", readVoltage: 0 }, "iv.readVoltage"],
    [{ law: "cubic" }, "iv.readVoltage"],
    [{ law: "cubic", readVoltage: 1, conductance: "low" }, "iv.conductance"],
    [{ law: "cubic", readVoltage: 1, coefficient: [-0.1] }, "iv.coefficient"],
    [{ law: "cubic", readVoltage: 1, coefficient: [-0.1, NaN] }, "iv.coefficient"],
    [{ law: "cubic", readVoltage: 2, coefficient: [0, -0.25] }, "iv.coefficient"], // no current left at 2 V
    [{ law: "sinh", readVoltage: 1 }, "iv.v0"],
    [{ law: "sinh", readVoltage: 1, v0: [0.1, 0] }, "iv.v0"],
    [{ law: "sinh", readVoltage: 1, v0: 1e-4 }, "iv.v0"], // overflows
    [{ law: "polynomial", readVoltage: 1, odd: [] }, "iv.odd"],
    [{ law: "polynomial", readVoltage: 1, odd: [1, "2"] }, "iv.odd[1]"],
    [{ law: "polynomial", readVoltage: 1, odd: [1, -3, 2.1] }, "iv.odd"], // negative in the middle only
  ];
  for (const [options, field] of bad) assertThrows(() => resolve(options as IvOptions), OptionError, `(${field})`, JSON.stringify(options));
  assertThrows(() => resolve(3 as unknown as IvOptions), OptionError, "iv");
});

Deno.test("program() takes a law by layer, and refuses it together with wires unless it is Ohm's", () => {
  const resolved = (options: ProgramOptions) => resolveProgram(options, ["conv", "fc"]);
  const iv = { law: "sinh", readVoltage: 0.3, v0: 0.1 } as const, wires = { wordLine: 1, bitLine: 1 };
  const { options, layers } = resolved({ iv, layers: { fc: { iv: { ...iv, v0: 0.2 } } } });
  assertEquals([options.iv, layers["conv"]!.iv], [{ ...iv, conductance: "read" }, { ...iv, conductance: "read" }]);
  assertEquals(options.layers["fc"]!.iv, { ...iv, v0: 0.2, conductance: "read" });
  assertThrows(() => resolved({ iv, wires, gMax: 100 }), OptionError, "solveNonlinearWires");
  assertThrows(() => resolved({ wires, gMax: 100, layers: { fc: { iv } } }), OptionError, "program.layers.fc.iv");
  assertThrows(() => resolved({ iv: { ...iv, v0: -1 } }), OptionError, "program.iv.v0");
  resolved({ iv: { law: "cubic", readVoltage: 1, coefficient: 0 }, wires, gMax: 100 });
});

Deno.test("digitCount() is the law's current over that of the first digit by Ohm's", () => {
  const volts = 0.4, top = 7;
  for (let digit = 1; digit <= top; digit++) {
    const u = volts * digit / top, ohm = volts / top;
    const sinh = { law: "sinh", readVoltage: volts, v0: 0.15 } as const;
    const zero = digitCount(resolve({ ...sinh, conductance: "zero" }), 0, digit, top)(0.3);
    assertAlmostEquals(zero, 0.15 * Math.sinh(u / 0.15) / ohm, 1e-12);
    assertAlmostEquals(digitCount(resolve(sinh), 0, digit, top)(0.3), zero * volts / (0.15 * Math.sinh(volts / 0.15)), 1e-12);
    // The published cubic cell, whose voltage is a share of the read voltage.
    const odd = cubicCell(volts), share = digit / top;
    const cubic = digitCount(resolve({ law: "cubic", readVoltage: volts, conductance: "zero" }), 0, digit, top)(0.3);
    assertAlmostEquals(cubic, top * (odd[0]! * share + odd[1]! * share ** 3), 1e-12);
  }
});

Deno.test("oddCoefficients() make the currents of the law", () => {
  const laws: IvOptions[] = [
    { law: "sinh", readVoltage: 0.9, v0: 0.05, conductance: "zero" },
    { law: "sinh", readVoltage: 0.9, v0: 3 },
    { law: "cubic", readVoltage: 1.5 },
    { law: "polynomial", readVoltage: 0.5, odd: [0.8, 3, 0.1] },
  ];
  for (const law of laws) {
    const iv = resolve(law), odd = oddCoefficients(iv), top = 5;
    for (let digit = 1; digit <= top; digit++) {
      const volts = law.readVoltage * digit / top, current = odd.reduce((sum, factor, k) => sum + factor * volts ** (2 * k + 1), 0);
      assertAlmostEquals(current * top / law.readVoltage / digitCount(iv, 0, digit, top)(1), 1, 1e-12, JSON.stringify(law));
    }
  }
  assertThrows(() => oddCoefficients(resolve({ law: "cubic", readVoltage: 1, coefficient: [0, 0.1] })), OptionError, "one law for all");
});

Deno.test("digitCount() runs linearly between constants given by conductance, and no further than the states", () => {
  const iv = resolve({ law: "polynomial", readVoltage: 1, conductance: "zero", odd: [1, [0.1, 0.2, 0.6]] }), gMin = 0.2;
  const at = digitCount(iv, gMin, 1, 1);
  const wanted = [[0.1, 1.1], [0.2, 1.1], [0.4, 1.15], [0.6, 1.2], [0.8, 1.4], [1, 1.6], [1.3, 1.6]] as const;
  for (const [g, count] of wanted) assertAlmostEquals(at(g), count, 1e-12, String(g));
});

Deno.test("isOhmic() tells Ohm's law however it is written", () => {
  const common = { readVoltage: 1 } as const;
  assertEquals(
    [
      resolve({ law: "cubic", ...common, coefficient: [0, 0] }),
      resolve({ law: "polynomial", ...common, odd: [1, 0, [0, 0]] }),
      resolve({ law: "cubic", ...common, coefficient: [0, 1e-9] }),
      resolve({ law: "polynomial", ...common, odd: [2] }),
      resolve({ law: "sinh", ...common, v0: 1e6 }),
    ].map(isOhmic),
    [true, true, false, false, false],
  );
});
