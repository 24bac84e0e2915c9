import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  type Device,
  device,
  DEVICE_MODELS,
  type DeviceDescription,
  driftArray,
  FileError,
  genericDevice,
  OptionError,
  parseLevels,
  pcmHermes,
  pcmLike,
  programArray,
  readArray,
  reramCmo,
  rramWan,
  ShapeError,
  sonosAgrawal,
  stuckAt,
  tableDevice,
} from "@bitline/bitline";

const LEVELS = [{ target: 1, mean: 1.1, sigma: 0.1, nu: 0.02, nuSigma: 0.01, noise: 0.05 }, { target: 5, mean: 4.8, sigma: 0.3, nu: 0.01 }];
const DAY = 86400;

function every(): Device[] {
  const needed: Record<string, object> = {
    generic: {
      onOff: 20,
      program: { distribution: "uniform", scaling: "inverse", magnitude: 0.02 },
      read: { distribution: "normal", scaling: "independent", magnitude: 0.01 },
    },
    pcm_hermes: { devices: 1, onOff: 50 },
    reram_cmo: { acceptance: 2 },
    table: { levels: LEVELS },
    stuck_at: { device: { model: "pcm_like", onOff: 10 }, low: 0.2, high: 0.1 },
  };
  return DEVICE_MODELS.map((model) => device({ model, ...needed[model] } as DeviceDescription));
}

/** Mean and deviation of the conductances a target comes out with. */
function moments(values: Float64Array): { mean: number; sigma: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, sigma: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}

Deno.test("device() builds every model from its own description", () => {
  assert(DEVICE_MODELS.length >= 11);
  const draw = () => 0.3;
  for (const cell of every()) {
    const again = device(JSON.parse(JSON.stringify(cell.description)));
    assertEquals(again.description, cell.description);
    assertEquals([again.name, again.gMin, again.gMax], [cell.name, cell.gMin, cell.gMax]);
    for (const g of [cell.gMin, 0.4, 1]) {
      assertEquals(again.program?.(g, draw), cell.program?.(g, draw));
      assertEquals(again.drift?.(g, g, DAY, draw), cell.drift?.(g, g, DAY, draw));
      assertEquals(again.read?.(g, g, DAY, draw), cell.read?.(g, g, DAY, draw));
    }
  }
});

Deno.test("every device gives finite conductances of at least 0, whatever is drawn", () => {
  for (const cell of every()) {
    for (const xi of [-6, -1, 0, 0.999, 6]) {
      for (const g of [0, cell.gMin, 1e-6, 0.03, 0.1, 0.5, 0.97, 1]) {
        const programmed = cell.program?.(g, () => xi) ?? g;
        for (const seconds of [0, 1e-7, 1, DAY, 4.3 * DAY]) {
          const rested = cell.drift?.(programmed, g, seconds, () => xi) ?? programmed;
          const seen = cell.read?.(rested, programmed, seconds, () => xi) ?? rested;
          for (const value of [programmed, rested, seen]) {
            assert(Number.isFinite(value) && value >= 0, `${cell.name} ${g} ${seconds}: ${value}`);
          }
        }
        assertAlmostEquals(cell.drift?.(programmed, g, 0, () => xi) ?? programmed, programmed, 1e-12, cell.name);
      }
    }
  }
});

Deno.test("device() refuses unknown models, fields and values by name", () => {
  const refused: [object, string][] = [
    [{ model: "abacus" }, "device.model"],
    [{}, "device.model"],
    [{ model: "toString" }, "device.model"],
    [{ model: "rram_milo", sigma: 1 }, "rram_milo.sigma"],
    [{ model: "rram_milo", onOff: 1 }, "rram_milo.onOff"],
    [{ model: "rram_wan", gMax: 40 }, "rram_wan.gMax"],
    [{ model: "pcm_joshi", gMax: 0 }, "pcm_joshi.gMax"],
    [{ model: "pcm_like", readScale: -1 }, "pcm_like.readScale"],
    [{ model: "pcm_hermes", devices: 3 }, "pcm_hermes.devices"],
    [{ model: "pcm_hermes", devices: 1, gMax: 20 }, "pcm_hermes.gMax"],
    [{ model: "reram_cmo", acceptance: 1 }, "reram_cmo.acceptance"],
    [{ model: "sonos_agrawal", gMax: 1 }, "sonos_agrawal.gMax"],
    [{ model: "generic", program: { distribution: "normal", scaling: "proportional" } }, "generic.program.magnitude"],
    [{ model: "generic", read: { distribution: "cauchy", scaling: "proportional", magnitude: 1 } }, "generic.read.distribution"],
    [{ model: "table", levels: [LEVELS[0]] }, "table.levels"],
    [{ model: "table", levels: [LEVELS[1], LEVELS[0]] }, "table.levels[1].target"],
    [{ model: "table", levels: [{ target: 0, mean: 0 }, LEVELS[0]] }, "table.levels[0].sigma"],
    [{ model: "stuck_at", device: { model: "pcm_like" }, low: 0.7, high: 0.7 }, "stuck_at"],
    [{ model: "stuck_at", low: 0.1 }, "device.model"],
  ];
  for (const [description, where] of refused) {
    assertThrows(() => device(description as DeviceDescription), OptionError, where);
  }
});

Deno.test("genericDevice() has the moments of its error", () => {
  const targets = new Float64Array(40000).fill(0.5);
  for (
    const [distribution, scaling, sigma] of [
      ["normal", "independent", 0.02],
      ["normal", "proportional", 0.01],
      ["normal", "inverse", 0.04],
      ["uniform", "independent", 0.02 / Math.sqrt(12)],
    ] as const
  ) {
    const cell = genericDevice({ program: { distribution, scaling, magnitude: 0.02 } });
    const found = moments(programArray(cell, targets, { seed: 7 }));
    assertAlmostEquals(found.mean, 0.5, 4 * sigma / 200);
    assertAlmostEquals(found.sigma / sigma, 1, 0.02);
  }
});

Deno.test("programArray(), driftArray() and readArray() depend on their counters alone", () => {
  const targets = Float64Array.from({ length: 50 }, (_, index) => index / 49), cell = pcmLike();
  const base = programArray(cell, targets, { seed: 3, layer: 1, array: 2 });
  assertEquals(programArray(cell, targets.slice(0, 20), { seed: 3, layer: 1, array: 2 }), base.slice(0, 20));
  for (const other of [{ seed: 4, layer: 1, array: 2 }, { seed: 3, layer: 2, array: 2 }, { seed: 3, layer: 1, array: 1 }]) {
    assertNotEquals(programArray(cell, targets, other), base);
  }
  const cells = { seed: 3, layer: 1, array: 2 };
  const later = driftArray(cell, base, targets, DAY, cells);
  assertEquals(driftArray(cell, base, targets, DAY, cells), later);
  assertEquals(driftArray(cell, base, targets, 0, cells), base);
  const first = readArray(cell, later, base, DAY, 0, cells);
  assertEquals(readArray(cell, later, base, DAY, 0, cells), first);
  assertNotEquals(readArray(cell, later, base, DAY, 1, cells), first);
  assertThrows(() => programArray(cell, targets, { seed: -1 }), OptionError, "cells.seed");
  assertThrows(() => programArray(cell, targets, { seed: 1, chip: 2 } as never), OptionError, "cells.chip");
  assertThrows(() => driftArray(cell, base, targets, -1, cells), OptionError, "seconds");
  assertThrows(() => driftArray(cell, base, targets.slice(1), 1, cells), ShapeError);
  assertThrows(() => readArray(cell, base, base, 0, 0.5, cells), OptionError, "reading");
});

Deno.test("a device without a stage leaves conductances as they are", () => {
  const values = [0, 0.25, 1], cell = genericDevice();
  assertEquals([...programArray(cell, values, { seed: 1 })], values);
  assertEquals([...driftArray(rramWan(), values, values, 1e6, { seed: 1 })], values);
  assertEquals([...readArray(rramWan(), values, values, 1e6, 0, { seed: 1 })], values);
});

Deno.test("stuckAt() keeps the same cells stuck through every stage, at the shares given", () => {
  const cell = stuckAt(pcmLike({ onOff: 20 }), { low: 0.1, high: 0.05 }), cells = { seed: 11 };
  const targets = new Float64Array(20000).fill(0.5);
  const programmed = programArray(cell, targets, cells), later = driftArray(cell, programmed, targets, 1e6, cells);
  const share = (value: number, of: Float64Array) => of.filter((g) => g === value).length / of.length;
  assertAlmostEquals(share(0.05, programmed), 0.1, 0.01);
  assertAlmostEquals(share(1, programmed), 0.05, 0.007);
  for (const [at, g] of programmed.entries()) if (g === 0.05 || g === 1) assertEquals(later[at], g);
  assertNotEquals(programArray(cell, targets, { seed: 12 }), programmed);
});

Deno.test("pcmLike() and pcmHermes() lose conductance as a power of time", () => {
  for (const [cell, start, nu] of [[pcmLike(), 20, 0.049], [pcmHermes(), 300, 0.0736 - 0.0126 - 0.0436]] as const) {
    const kept = cell.drift!(1, 1, 9 * start, () => 0);
    assertAlmostEquals(kept, 10 ** -nu, 1e-12, cell.name);
  }
});

Deno.test("reramCmo() keeps readings between its lowest and highest state", () => {
  const cell = reramCmo();
  assertEquals(cell.read!(1, 1, 3600, () => 9), 1);
  assertEquals(cell.read!(cell.gMin, cell.gMin, 3600, () => -9), cell.gMin);
});

Deno.test("sonosAgrawal() has the spread measured each day, and none beyond the fifth", () => {
  const cell = sonosAgrawal(), targets = new Float64Array(20000).fill(0.5), cells = { seed: 5 };
  const programmed = programArray(cell, targets, cells);
  assertAlmostEquals(moments(programmed).sigma * 1600, 19.88665 * (1 - Math.exp(-800 / 176.3115)), 0.4);
  const later = driftArray(cell, programmed, targets, 5 * DAY, cells);
  assertAlmostEquals(moments(later).sigma * 1600, 34.57909 * (1 - Math.exp(-800 / 207.34309)), 0.7);
  assertThrows(() => driftArray(cell, programmed, targets, 6 * DAY, cells), OptionError, "432000");
});

Deno.test("tableDevice() interpolates between levels and holds beyond them", () => {
  const cell = tableDevice({ levels: LEVELS, start: 2 });
  assertAlmostEquals(cell.program!(0.2, () => 1), 1.2 / 5);
  assertAlmostEquals(cell.program!(0.6, () => 0), (1.1 + 4.8) / 2 / 5);
  assertAlmostEquals(cell.program!(0, () => 0), 1.1 / 5);
  assertAlmostEquals(cell.drift!(1, 0.6, 18, () => 0), 10 ** -0.015);
  assertAlmostEquals(cell.read!(0.6, 0.6, 0, () => 1), 0.6 + 0.005);
  assertEquals(tableDevice({ levels: parseLevels("target,mean,sigma\n0,0,0\n1,1,0\n") }).drift, undefined);
});

Deno.test("parseLevels() names the line of what it cannot read", () => {
  assertEquals(parseLevels("\uFEFFtarget,mean,sigma,nu\r\n1,2,3,4\r\n\r\n# end\r\n"), [{ target: 1, mean: 2, sigma: 3, nu: 4 }]);
  assertThrows(() => parseLevels("target,mean\n1,2", "cells.csv"), FileError, "cells.csv, line 1");
  assertThrows(() => parseLevels("target,mean,sigma,colour\n"), FileError, "colour");
  assertThrows(() => parseLevels("target,mean,sigma,mean\n"), FileError, "line 1");
  assertThrows(() => parseLevels("# µS\ntarget,mean,sigma\n1,2,3\n1,,3"), FileError, "line 4, mean");
  assertThrows(() => parseLevels("target,mean,sigma\n1,2"), FileError, "line 2");
  assertThrows(() => parseLevels(""), FileError, "line 1");
});
