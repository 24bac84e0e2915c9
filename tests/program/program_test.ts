import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { effectiveConductance, solveWires } from "../../lib/circuit/wires/solve.ts";
import { decompose } from "../../lib/decompose/decompose.ts";
import type { DecomposeOptions } from "../../lib/decompose/options.ts";
import { effectiveCells } from "../../lib/decompose/effective_cells.ts";
import type { Device } from "../../lib/device/device.ts";
import { genericDevice } from "../../lib/device/generic.ts";
import { pcmLike } from "../../lib/device/pcm_like.ts";
import { rramMilo } from "../../lib/device/rram_milo.ts";
import { stuckAt } from "../../lib/device/stuck_at.ts";
import { OptionError } from "../../lib/errors.ts";
import { map, mapLayer } from "../../lib/map/map.ts";
import type { MappedLayer } from "../../lib/map/mapped.ts";
import { arrayCells } from "../../lib/program/array_cells.ts";
import { chipCells, type WireSolver } from "../../lib/program/chip_cells.ts";
import { type LayerPhysics, type LayerProgramOptions, type ProgramOptions, resolveProgram } from "../../lib/program/options.ts";
import { chipSeed, isIdeal, program } from "../../lib/program/program.ts";
import { wantedArray, writeArray } from "../../lib/program/write.ts";
import { quantizedLayer, randomCodes } from "../decompose/quantized.ts";
import { randomQuantized } from "../simulate/random_network.ts";

const SCHEMES: DecomposeOptions[] = [{}, { reference: "digital" }, { scheme: "balanced" }, { scheme: "twosComplement" }, {
  scheme: "pairs",
}];

/** A linear layer in one array. */
function linear(inputs: number, out: number, options: DecomposeOptions = {}, seed = 1, bits = 4): MappedLayer {
  const sliced = decompose(quantizedLayer(randomCodes([out, inputs], bits, false, seed)), { cellBits: 2, ...options }).layer("layer");
  const shape = (channels: number) => [1, 1, channels] as const, one = [1, 1] as const;
  const geometry = {
    kernel: one,
    stride: one,
    padding: [0, 0],
    dilation: one,
    groups: 1,
    inputShape: shape(inputs),
    outputShape: shape(out),
  } as const;
  return mapLayer(sliced, geometry, { rows: inputs, columns: 512, algorithm: "im2col" });
}

const physicsOf = (options: LayerProgramOptions): LayerPhysics => resolveProgram(options, ["layer"]).layers["layer"]!;
const chip = (seed: number) => ({ seed, layer: 0, array: 0 });

Deno.test("arrayCells() of a perfect device are the effective cells, whatever the on/off ratio if it is subtracted", () => {
  for (const [seed, scheme] of SCHEMES.entries()) {
    for (const onOff of ["infinite", 4] as const) {
      if (onOff === 4 && [1, 3].includes(seed)) continue;
      const layer = linear(13, 5, scheme, seed),
        { cells, slices, rows, columns, variance } = arrayCells(
          layer,
          physicsOf({ device: genericDevice({ onOff }) }),
          chip(1),
        );
      const ideal = effectiveCells(layer.sliced);
      assertEquals([slices * rows * columns, variance], [ideal.cells.length, undefined]);
      cells.forEach((cell, at) => assertAlmostEquals(cell, ideal.cells[at]! * ideal.unit, 1e-12, `${JSON.stringify(scheme)}, ${at}`));
    }
  }
});

Deno.test("arrayCells() have the device's errors, the same for one seed, others for another", () => {
  const device = genericDevice({ onOff: 10, program: { distribution: "normal", scaling: "independent", magnitude: 0.02 } });
  const layer = linear(60, 40, {}, 3), physics = physicsOf({ device }), ideal = arrayCells(layer, physicsOf({}), chip(1)).cells;
  const cells = arrayCells(layer, physics, chip(1)).cells;
  assertEquals(arrayCells(layer, physics, chip(1)).cells, cells);
  assertNotEquals(arrayCells(layer, physics, chip(2)).cells, cells);
  assertNotEquals(arrayCells(layer, physics, { ...chip(1), layer: 1 }).cells, cells);
  let mean = 0, square = 0;
  cells.forEach((cell, at) => {
    mean += (cell - ideal[at]!) / cells.length;
    square += (cell - ideal[at]!) ** 2 / cells.length;
  });
  // A weight's cell and the dummy column's; 3 levels to 0.9 of the highest conductance.
  assertAlmostEquals(mean, 0, 0.02);
  assertAlmostEquals(Math.sqrt(square), Math.SQRT2 * 0.02 * 3 / 0.9, 0.006);
});

Deno.test("arrayCells() with wires pass the currents of the solved circuit", () => {
  for (const scheme of SCHEMES) {
    const layer = linear(20, 6, scheme, 5), array = layer.arrays[0]!, wires = { wordLine: 3, bitLine: 2, terminal: 10 };
    const device = rramMilo(),
      physics = physicsOf({ device, wires }),
      { rows, columns, cells, slices } = arrayCells(layer, physics, chip(4));
    const { conductances, width } = writeArray(layer, array, physics, chip(4)), siemens = device.gMax! * 1e-6;
    const inputs = Float64Array.from({ length: rows }, (_, row) => (row * 7) % 3);
    const currents = solveWires(
      { shape: [rows, width], data: conductances.map((g) => g * siemens) },
      { shape: [1, rows], data: inputs },
      wires,
    ).outputs.data;
    const pair = layer.sliced.negative === undefined ? 1 : 2, dummy = layer.sliced.mid[0] !== 0;
    for (let column = 0; column < columns; column++) {
      for (let slice = 0; slice < slices - (layer.sliced.units ?? 0); slice++) {
        const at = (column * (slices - (layer.sliced.units ?? 0)) + slice) * pair;
        const minus = pair === 2 ? currents[at + 1]! : dummy ? currents[width - 1]! : 0;
        let sum = 0;
        for (let row = 0; row < rows; row++) sum += inputs[row]! * cells[(slice * rows + row) * columns + column]!;
        const levels = (currents[at]! - minus) / siemens * (2 ** layer.sliced.sliceBits[slice]! - 1) / (1 - device.gMin);
        if (layer.sliced.levels === undefined) assertAlmostEquals(sum, levels, 1e-5 * (1 + Math.abs(levels)), JSON.stringify(scheme));
      }
    }
    assertNotEquals(cells, arrayCells(layer, physicsOf({ device }), chip(4)).cells);
  }
});

Deno.test("chipCells() are those of arrayCells(), solved on several threads or by a solver of the caller's", async () => {
  const mapped = map(decompose(randomQuantized(3)), { rows: 32, columns: 40, algorithm: "im2col" });
  const wires = { wordLine: 4, bitLine: 2 };
  const chips = program(mapped, {
    device: pcmLike(),
    time: 100,
    compensation: "global",
    wires,
    spareColumns: 1,
    layers: { fc: { time: 5 } },
  });
  let solved = 0;
  const solve: WireSolver = (arrays, wires) => {
    solved += arrays.length;
    return Promise.resolve(arrays.map((array) => effectiveConductance(array, wires)));
  };
  const seen: string[] = [];
  const made = await chipCells(chips, { chip: 2, threads: 2, onProgress: (done, total) => seen.push(`${done}/${total}`) });
  const own = await chipCells(chips, { chip: 2, solve });
  const names = Object.keys(mapped.layers), total = names.reduce((sum, name) => sum + mapped.layer(name).arrays.length, 0);
  assertEquals(solved, 2 * total);
  assertEquals(seen.at(-1), `${total}/${total}`);
  for (const [number, name] of names.entries()) {
    for (const [array] of mapped.layer(name).arrays.entries()) {
      const wanted = arrayCells(mapped.layer(name), chips.layers[name]!, { seed: chipSeed(chips, 2), layer: number, array });
      assertEquals(own.get(name)![array], wanted);
      const { cells, variance } = made.get(name)![array]!;
      wanted.cells.forEach((cell, at) => assertAlmostEquals(cells[at]!, cell, 1e-6));
      wanted.variance!.forEach((noise, at) => assertAlmostEquals(variance![at]!, noise, 1e-6));
    }
  }
  assertEquals((await chipCells(program(mapped, { device: pcmLike() }))).size, 0);
  await assertRejects(() => chipCells(chips, { signal: AbortSignal.abort(new Error("enough")) }), Error, "enough");
});

/** Loses a share of its conductance a second, the same for all cells. */
const fading: Device = { ...genericDevice(), drift: (g, _target, seconds) => g / (1 + seconds) };

Deno.test("arrayCells() with compensation undo a common drift, by array or column", () => {
  const layer = linear(16, 8), fresh = arrayCells(layer, physicsOf({}), chip(1)).cells;
  const at = (options: LayerProgramOptions) => arrayCells(layer, physicsOf({ device: fading, time: 3, ...options }), chip(1)).cells;
  at({}).forEach((cell, index) => assertAlmostEquals(cell, fresh[index]! / 4, 1e-6));
  for (const compensation of ["global", "column"] as const) {
    at({ compensation }).forEach((cell, index) => assertAlmostEquals(cell, fresh[index]!, 1e-6));
  }
  // Real drift is not common: what is left after compensation is smaller than before.
  const error = (compensation: "none" | "global" | "column") => {
    const cells = arrayCells(layer, physicsOf({ device: pcmLike(), time: 1e6, compensation }), chip(1)).cells;
    return cells.reduce((sum, cell, index) => sum + (cell - fresh[index]!) ** 2, 0);
  };
  assert(error("global") < 0.5 * error("none") && error("column") < 0.5 * error("none"));
});

Deno.test("arrayCells() with compensation measure drift through the wires", () => {
  const layer = linear(16, 8), wires = { wordLine: 5, bitLine: 5 }, gMax = 100;
  const fresh = arrayCells(layer, physicsOf({ wires, gMax }), chip(1)).cells;
  const cells = arrayCells(layer, physicsOf({ device: fading, time: 1, wires, gMax, compensation: "column" }), chip(1)).cells;
  // All word lines on, every column gives what it gave at first, less what its dummy column gave; single cells differ as wires weigh less now.
  for (let column = 0; column < 8; column++) {
    let [before, after] = [0, 0];
    for (let row = 0; row < 16; row++) [before, after] = [before + fresh[row * 8 + column]!, after + cells[row * 8 + column]!];
    assertAlmostEquals(after, before, 1e-5);
  }
  assertNotEquals(cells, fresh);
});

/** Σ squared errors of a layer's cells on some chips, each slice by its factor. */
function faultError(layer: MappedLayer, options: LayerProgramOptions, device: Device): number {
  const ideal = arrayCells(layer, physicsOf({}), chip(1)).cells, weights = layer.sliced.sliceWeights;
  let sum = 0;
  for (let seed = 1; seed <= 5; seed++) {
    const { cells, rows, columns } = arrayCells(layer, physicsOf({ device, ...options }), chip(seed));
    cells.forEach((cell, at) => sum += (weights[Math.floor(at / (rows * columns))]! * (cell - ideal[at]!)) ** 2);
  }
  return sum;
}

Deno.test("program() remedies lessen what stuck cells do, and change nothing on a sound chip", () => {
  const layer = linear(24, 10, { scheme: "balanced" }, 2), faulty = stuckAt(genericDevice(), { low: 0.02, high: 0.02 });
  const [none, spares, rows, both] = [{}, { spareColumns: 6 }, { remap: true }, { remap: true, spareColumns: 6 }]
    .map((options) => faultError(layer, options, faulty)) as [number, number, number, number];
  assert(none > 0 && spares < 0.6 * none && rows < 0.6 * none && both < Math.min(spares, rows), `${none}, ${spares}, ${rows}, ${both}`);
  assertEquals(faultError(layer, { remap: true, spareColumns: 3 }, genericDevice()), 0);
});

Deno.test("writeArray() moves columns to spares and rows to other word lines, and nothing else", () => {
  const layer = linear(24, 10, {}, 2), array = layer.arrays[0]!, device = stuckAt(genericDevice(), { low: 0.05 });
  const physics = physicsOf({ device, remap: true, spareColumns: 4 });
  const { arrangement: { lines, bitLines }, conductances, width } = writeArray(layer, array, physics, chip(3));
  const { targets, rows, columns } = wantedArray(layer, array, 0);
  assertEquals([...lines].sort((a, b) => a - b), Array.from({ length: rows }, (_, row) => row));
  assertEquals(new Set(bitLines).size, columns);
  assert(bitLines.some((at, column) => at !== column) && bitLines.every((at, column) => at === column || at >= columns && at < width));
  let right = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const g = conductances[lines[row]! * width + bitLines[column]!]!;
      if (g === targets[row * columns + column]) right++;
      else assertEquals(g, 0);
    }
  }
  assert(right > 0.97 * rows * columns);
});

Deno.test("writeArray() reads a cell's mean and deviation off the model", () => {
  const layer = linear(8, 4);
  const uniform = genericDevice({ onOff: 2, read: { distribution: "uniform", scaling: "proportional", magnitude: 0.1 } });
  const { conductances, deviations } = writeArray(layer, layer.arrays[0]!, physicsOf({ device: uniform }), chip(1));
  deviations!.forEach((deviation, cell) => assertAlmostEquals(deviation, 0.1 * conductances[cell]! / Math.sqrt(12), 1e-12));
  // Half of the readings of an empty cell are cut off at 0.
  const normal = genericDevice({ read: { distribution: "normal", scaling: "independent", magnitude: 0.1 } });
  const written = writeArray(layer, layer.arrays[0]!, physicsOf({ device: normal }), chip(1));
  const empty = written.programmed.indexOf(0);
  assertAlmostEquals(written.conductances[empty]!, 0.05);
  assertAlmostEquals(written.deviations![empty]!, 0.05);
});

Deno.test("program() resolves options to plain data that programs the same chips again", () => {
  const mapped = map(decompose(randomQuantized(1)), { rows: 32, algorithm: "im2col" });
  const chips = program(mapped, {
    device: pcmLike({ onOff: 50 }),
    time: 60,
    wires: { wordLine: 1, bitLine: 1 },
    layers: { conv3: { spareColumns: 2, time: 1 }, "conv*": { device: "rram_milo", time: 0 } },
  });
  assertEquals(chips.layers["fc"]!.device.name, "pcm_like");
  assertEquals([chips.layers["conv3"]!.gMax, chips.layers["fc"]!.gMax], [225, 25]);
  assertEquals([chips.layers["conv2"]!.spareColumns, chips.layers["conv3"]!.spareColumns], [0, 2]);
  assertEquals([chips.layers["conv2"]!.time, chips.layers["conv3"]!.time, chips.layers["fc"]!.time], [0, 1, 60]);
  assertEquals(Object.keys(chips.options.layers), ["conv2", "conv3"]);
  const same = program(mapped, {
    device: "rram_milo",
    wires: { wordLine: 1, bitLine: 1 },
    layers: { fc: { wires: undefined, time: 1 } as never },
  });
  assertEquals(same.layers["fc"]!.wires, same.layers["conv2"]!.wires);
  const { layers, ...stored } = JSON.parse(JSON.stringify(chips.options));
  assertEquals(program(mapped, { ...stored, layers } as ProgramOptions).options, chips.options);
  assertNotEquals(chipSeed(chips, 0), chipSeed(chips, 1));
  assert(isIdeal(program(mapped).layers["fc"]!, mapped.layer("fc").sliced) && !isIdeal(chips.layers["fc"]!, mapped.layer("fc").sliced));
});

Deno.test("program() refuses unknown, contradictory and missing options by name", () => {
  const mapped = map(decompose(randomQuantized(1)), { rows: 32, algorithm: "im2col" }), wires = { wordLine: 1, bitLine: 1 };
  const cases: [unknown, string][] = [
    [{ devices: "pcm_like" }, "program.devices"],
    [{ device: "pcm" }, "program.device"],
    [{ device: 7 }, "program.device"],
    [{ device: { model: "rram_milo", sigma: 1 } }, "rram_milo.sigma"],
    [{ time: -1 }, "program.time"],
    [{ device: "sonos_agrawal", time: 1e9 }, "program.time"],
    [{ wires }, "program.gMax"],
    [{ wires, device: "sonos_agrawal" }, "program.gMax"],
    [{ wires: { ...wires, interleaved: true }, gMax: 1 }, "program.wires.interleaved"],
    [{ wires: { wordLine: -1, bitLine: 1 }, gMax: 1 }, "program.wires.wordLine"],
    [{ gMax: 100 }, "program.gMax"],
    [{ compensation: "all" }, "program.compensation"],
    [{ spareColumns: 0.5 }, "program.spareColumns"],
    [{ remap: 1 }, "program.remap"],
    [{ seed: -1 }, "program.seed"],
    [{ layers: { conv9: {} } }, "program.layers.conv9"],
    [{ layers: { fc: { seed: 1 } } }, "program.layers.fc.seed"],
    [{ layers: { fc: { time: NaN } } }, "program.layers.fc.time"],
  ];
  for (const [options, where] of cases) assertThrows(() => program(mapped, options as ProgramOptions), OptionError, where);
});
