// What users get wrong about chips, converters and draws is refused with the field's name, what was got and what is wanted.

import { assert, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { BitlineError, checkAdc, decompose, device, dorefa, genericDevice, lenet, map, pact } from "../../mod.ts";
import { parseLevels, program, quantize, simulate, tableDevice, tensor } from "../../mod.ts";

const bits = { weights: dorefa({ bits: 2 }), activations: pact({ bits: 2, alpha: 2 }) };
const mapped = map(decompose(quantize(lenet(), bits), { scheme: "balanced", cellBits: 2 }), { algorithm: "im2col" });
const data = { name: "one", images: tensor(new Uint8Array(784), [1, 28, 28, 1]), labels: Uint8Array.of(0), classes: [] };
const adc = { bits: 6, range: "full" }, wires = { wordLine: 1, bitLine: 1 };

/** Options as they come from a file: of no type. */
type Loose = never;

const PROGRAMS: readonly (readonly [options: unknown, where: string, wanted: string])[] = [
  [null, "(program)", "an object of options"],
  ["pcm_like", "(program)", "an object of options"],
  [{ devise: "pcm_like" }, "program.devise", "device, time"],
  [{ device: "pcm" }, "program.device", "pcm_like"],
  [{ device: {} }, "program.device.model", 'got "nothing"'],
  [{ device: () => 1 }, "program.device", "yet to be called"],
  [{ device: { model: "pcm_like", onoff: 5 } }, "pcm_like.onoff", "onOff"],
  [{ device: { model: "stuck_at", low: 0.1 } }, "stuck_at.device.model", "generic"],
  [{ device: "sonos_agrawal", time: 3e7 }, "program.time", "432000"],
  [{ time: "1h" }, "program.time", "at least 0 s"],
  [{ wires: { wordLine: 1 } }, "program.wires.bitLine", 'got "nothing"'],
  [{ wires }, "program.gMax", "µS"],
  [{ gMax: 10 }, "program.gMax", "only program.wires"],
  [{ compensation: true }, "program.compensation", "global"],
  [{ layers: { "conv*": { tme: 1 } } }, "program.layers.conv*.tme", "time"],
];

Deno.test("program() names the field it refuses", () => {
  for (const [options, where, wanted] of PROGRAMS) {
    const { message } = assertThrows(() => program(mapped, options as Loose), BitlineError);
    assertStringIncludes(message, where);
    assertStringIncludes(message, wanted);
  }
  for (const network of [undefined, {}, mapped.sliced]) {
    assertStringIncludes(assertThrows(() => program(network as Loose), BitlineError).message, "as map() gives it");
  }
});

const SIMULATIONS: readonly (readonly [options: unknown, where: string, wanted: string])[] = [
  [{ draws: 0 }, "simulate.draws", "positive integer"],
  [{ halfWidth: 0.01 }, "simulate.halfWidth", "without simulate.draws"],
  [{ draws: 2, confidence: 95 }, "simulate.confidence", "below 1"],
  [{ seed: -1 }, "simulate.seed", "2^32"],
  [{ float: "no" }, "simulate.float", "true or false"],
  [{ calibration: "cifar" }, "simulate.calibration", "a data set"],
  [{ converters: { conv2: null } }, "simulate.converters.conv2", "an object of options"],
  [{ converters: { conv9: adc } }, "simulate.converters.conv9", "conv2"],
  [{ adc: { bits: 4, range: "dynamic", noise: 1 } }, "simulate.adc.noise", "dynamic"],
];

Deno.test("simulate() names the field it refuses", async () => {
  for (const [options, where, wanted] of SIMULATIONS) {
    const all = { adc, backend: "reference", ...options as object } as Loose;
    const { message } = await assertRejects(() => simulate(mapped, data, all), BitlineError);
    assertStringIncludes(message, where);
    assertStringIncludes(message, wanted);
  }
  const { message } = await assertRejects(() => simulate(mapped, null as Loose), BitlineError);
  assertStringIncludes(message, "(data)");
  assertStringIncludes((await assertRejects(() => simulate(null as Loose, data), BitlineError)).message, "as map() gives it");
});

Deno.test("checkAdc() names the field it refuses", () => {
  const wrong: readonly (readonly [options: object, where: string])[] = [
    [{ kind: "sar", splitArray: 1 }, "splitArray"],
    [{ thresholds: 5 }, "thresholds"],
    [{ thresholds: null }, "thresholds"],
    [{ range: "dynamic", columns: { gain: 0.1 } }, "columns"],
    [{ columns: { gian: 0.1 } }, "columns.gian"],
  ];
  for (const [options, where] of wrong) {
    const { message } = assertThrows(() => checkAdc({ bits: 2, ...options } as Loose), BitlineError);
    assertStringIncludes(message, `simulate.adc.${where}`);
  }
});

Deno.test("devices name the field they refuse", () => {
  const error = { distribution: "normal", scaling: "proportional" };
  assertStringIncludes(assertThrows(() => genericDevice({ program: error as Loose }), BitlineError).message, 'got "nothing"');
  assertStringIncludes(
    assertThrows(() => tableDevice({ levels: [{ target: 1 }, { target: 2 }] as Loose }), BitlineError).message,
    "levels[0].mean",
  );
  assertStringIncludes(assertThrows(() => parseLevels(undefined as Loose), BitlineError).message, "the text of a CSV file");
  assert(assertThrows(() => device({ model: "x" }, "chip.device"), BitlineError).where === "chip.device.model");
});
