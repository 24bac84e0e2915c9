import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  decompose,
  defaultLibrary,
  dorefa,
  estimate,
  type EstimateOptions,
  layerGeometries,
  layerWork,
  lenet,
  map,
  OptionError,
  pact,
  quantize,
  vgg7,
} from "@bitline/bitline";
import { randomOptions, randomWork } from "./nets.ts";

const close = (got: number, wanted: number, what: string) => assertAlmostEquals(got, wanted, 1e-9 * Math.abs(wanted) + 1e-12, what);
const total = <Entry>(entries: readonly Entry[], key: (entry: Entry) => number) => entries.reduce((sum, entry) => sum + key(entry), 0);

Deno.test("estimate() adds components up to layers and layers up to the chip", () => {
  for (let seed = 0; seed < 60; seed++) {
    const { chip, layers, shared, floorplan, options } = estimate(randomWork(seed), randomOptions(seed)), where = `seed ${seed}`;
    for (const key of ["areaUm2", "dynamicPj", "leakageUw"] as const) {
      for (const layer of layers) close(total(layer.components, (each) => each[key]), layer[key], `${where} ${layer.name} ${key}`);
      close(total(layers, (layer) => layer[key]) + total(shared, (each) => each[key]), chip[key], `${where} ${key}`);
      close(total(chip.components, (each) => each[key]), chip[key], `${where} components ${key}`);
    }
    close(total(chip.components, (each) => each.powerMw), chip.powerMw, where);
    close(total(chip.components, (each) => each.latencyNs), chip.latencyNs, where);
    close(total(layers, ({ energyPj }) => energyPj) + total(shared, (each) => each.leakageUw) * chip.periodNs / 1000, chip.energyPj, where);
    close(total(layers, ({ macs }) => macs), chip.macs, where);
    for (const { latencyNs, waitsNs, components, fps, tops, macs, energyPj, topsPerWatt } of layers) {
      close(total(components, (each) => each.latencyNs), latencyNs, where);
      close(fps * latencyNs, 1e9, where);
      close(tops * latencyNs * 1000, 2 * macs, where);
      close(topsPerWatt * energyPj, 2 * macs, where);
      close(waitsNs.array + waitsNs.accumulation + waitsNs.buffer + waitsNs.interconnect, latencyNs, where);
      assert(Object.values(waitsNs).every((part) => part > 0 && Number.isFinite(part)), where);
    }
    close(chip.latencyNs, total(layers, ({ latencyNs }) => latencyNs), where);
    close(chip.periodNs, options.schedule === "pipelined" ? Math.max(...layers.map(({ latencyNs }) => latencyNs)) : chip.latencyNs, where);
    close(chip.leakagePj, chip.leakageUw * chip.periodNs / 1000, where); // µW · ns = 10⁻¹⁵ J
    close(chip.energyPj, chip.dynamicPj + chip.leakagePj, where);
    close(chip.powerMw, chip.energyPj / chip.periodNs, where); // pJ / ns = mW
    close(chip.fps * chip.periodNs, 1e9, where);
    close(chip.tops, 2e-12 * chip.macs * chip.fps, where);
    close(chip.topsPerWatt, chip.tops / (chip.powerMw / 1000), where);
    close(chip.topsPerMm2 * chip.areaUm2 / 1e6, chip.tops, where);
    assertEquals(floorplan.tiles, total(floorplan.layers, ({ tiles }) => tiles));
    assertEquals(floorplan.arrays, total(floorplan.layers, ({ arrays }) => arrays));
    assert(floorplan.grid[0] * floorplan.grid[1] >= floorplan.tiles);
    assert(
      floorplan.layers.every(({ utilisation, usedArrays, arrays }) => utilisation > 0 && utilisation <= 1 && usedArrays <= arrays),
      where,
    );
  }
});

Deno.test("estimate() counts conversions, drives and sums as the arrays make them", () => {
  const window = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
  const geometry = { ...window, inputShape: [8, 8, 200], outputShape: [8, 8, 40] } as const;
  const layer = layerWork({
    name: "conv",
    geometry,
    rows: 128,
    columns: 128,
    cellsPerWeight: 4,
    cellBits: 1,
    inputBits: 6,
    layout: "kernel",
  });
  assertEquals(layer.blocks, [{ count: 1, rowTiles: 18, columnTiles: 2, rows: 1800, columns: 160, outputs: 40, activations: 64 }]);
  const options: EstimateOptions = { rowsInParallel: 32, activity: { inputOnes: 0.5 }, schedule: "layer-by-layer" };
  const { chip, layers: [found] } = estimate({ rows: 128, columns: 128, layers: [layer] }, options);
  const actions = (name: string) => chip.components.find((each) => each.name === name)!.actions;
  assertEquals(actions("shiftAdd"), 64 * 6 * 18 * 160);
  assertEquals(actions("flash"), 4 * 64 * 6 * 18 * 160);
  assertEquals(actions("groupAccumulator"), actions("flash"));
  assertEquals(actions("adder"), 64 * (160 * 17 + 3 * 40)); // row tiles, then the four slices of each weight
  assertEquals(actions("relu"), 64 * 40);
  assertEquals(actions("columnMux"), actions("shiftAdd"));
  // Half of the bits are ones, but a window's pixels outside the image are not driven: (8·3 − 2)² of (8·3)² taps lie inside.
  assertAlmostEquals(actions("wordLineDriver"), 64 * 1800 * 2 * 6 * 0.5 * (22 / 24) ** 2, 1e-6);
  // One copy fits a processing element of 2 × 2 arrays: 64 windows of 6 bits, 8 columns a converter, 4 groups of rows.
  assertEquals(found!.plan.copies, 1);
  assertAlmostEquals(found!.waitsNs.array / chip.clockNs, 64 * 6 * 8 * 4, 1e-6);
});

Deno.test("estimate() shrinks with the node", () => {
  for (let seed = 0; seed < 6; seed++) {
    const work = randomWork(seed),
      found = [130, 90, 65, 45, 32, 22, 14, 10, 7].map((node) => {
        return estimate(work, { ...randomOptions(seed), node }).chip;
      });
    for (const [at, chip] of found.slice(1).entries()) {
      for (const key of ["areaUm2", "clockNs", "dynamicPj", "periodNs"] as const) {
        assert(chip[key] <= found[at]![key], `seed ${seed} ${at} ${key}`);
      }
    }
  }
});

Deno.test("estimate() follows the converter, the rows in parallel and the columns that share one", () => {
  const work = randomWork(5), at = (options: EstimateOptions) => estimate(work, { cell: "RRAM", schedule: "layer-by-layer", ...options });
  const component = (options: EstimateOptions, name: string) => at(options).chip.components.find((each) => each.name === name)!;
  for (const type of ["flash", "SAR"]) {
    for (let bits = 3; bits < 9; bits++) {
      const less = at({ adc: { type, bits } }).chip, more = at({ adc: { type, bits: bits + 1 } }).chip;
      assert(more.areaUm2 > less.areaUm2 && more.clockNs > less.clockNs && more.dynamicPj > less.dynamicPj, `${type} ${bits}`);
    }
  }
  for (const rows of [64, 32, 16]) {
    const less = at({ rowsInParallel: rows }), more = at({ rowsInParallel: 2 * rows });
    close(
      component({ rowsInParallel: rows }, "flash").actions,
      2 * component({ rowsInParallel: 2 * rows }, "flash").actions,
      "conversions",
    );
    assert(less.chip.periodNs > more.chip.periodNs && less.chip.dynamicPj > more.chip.dynamicPj);
  }
  const shared = at({ columnsPerAdc: 16 }), own = at({ columnsPerAdc: 1 });
  assert(shared.chip.areaUm2 < own.chip.areaUm2 && shared.chip.periodNs > own.chip.periodNs);
  close(component({ columnsPerAdc: 1 }, "flash").count, 16 * component({ columnsPerAdc: 16 }, "flash").count, "converters");
});

Deno.test("estimate() of larger arrays takes fewer of them", () => {
  const geometries = layerGeometries(vgg7({ width: 0.5 }));
  const arrays = [64, 128, 256].map((size) => {
    const layers = geometries.map(({ name, geometry }) => {
      return layerWork({ name, geometry, rows: size, columns: size, cellsPerWeight: 4, cellBits: 1, inputBits: 4 });
    });
    const { floorplan } = estimate({ rows: size, columns: size, layers }, { schedule: "layer-by-layer" });
    return total(floorplan.layers, ({ usedArrays, copies }) => usedArrays / copies);
  });
  assert(arrays[0]! > arrays[1]! && arrays[1]! > arrays[2]!, String(arrays));
});

Deno.test("estimate() balances a pipeline with copies, and pays for them", () => {
  const layers = layerGeometries(vgg7()).map(({ name, geometry }) => {
    return layerWork({ name, geometry, rows: 128, columns: 128, cellsPerWeight: 8, cellBits: 1, inputBits: 8 });
  });
  const at = (options: EstimateOptions) => estimate({ rows: 128, columns: 128, layers }, options);
  const plan = at({}).floorplan;
  assertEquals(plan.layers.map(({ copies }) => copies), [16, 16, 4, 4, 2, 1, 1, 8]);
  assertEquals(plan.layers.map(({ tiles }) => tiles), [2, 8, 4, 8, 8, 8, 64, 1]);
  const single = at({ speedUp: 1 }), several = at({ speedUp: 8 }), serial = at({ schedule: "layer-by-layer" });
  assertEquals(single.floorplan.layers.map(({ copies }) => copies), [8, 4, 4, 2, 2, 1, 1, 8]);
  assert(several.layers[1]!.latencyNs < single.layers[1]!.latencyNs && several.chip.areaUm2 > single.chip.areaUm2);
  assert(serial.chip.periodNs > several.chip.periodNs);
  assertEquals(serial.chip.components.map(({ actions }) => actions), several.chip.components.map(({ actions }) => actions));
  assertEquals(at({ hierarchy: { pe: 8, tile: 1 } }).floorplan.pe, 8);
});

Deno.test("estimate() takes its energy from the activity", () => {
  const work = randomWork(4), at = (options: EstimateOptions) => estimate(work, { cell: "RRAM", ...options }).chip;
  const dark = at({ activity: { inputOnes: 0 } }), bright = at({ activity: { inputOnes: [1, 1, 1, 1] } });
  assert(bright.dynamicPj > dark.dynamicPj);
  assertEquals([bright.areaUm2, bright.periodNs, bright.leakageUw], [dark.areaUm2, dark.periodNs, dark.leakageUw]);
  assert(at({ activity: { cellShare: 1 } }).dynamicPj > at({ activity: { cellShare: 0 } }).dynamicPj);
  assertEquals(at({ activity: { layers: { layer0: { inputOnes: 1 } } } }).dynamicPj > at({}).dynamicPj, true);
  const still = at({ activity: { columnCurrentUa: 0 } }), cells = still.components.find(({ name }) => name === "cells")!;
  assertEquals(cells.dynamicPj, 0);
  const driven = at({ activity: { columnCurrentUa: 10 } }).components.find(({ name }) => name === "cells")!;
  assertAlmostEquals(driven.dynamicPj / driven.actions, 10 * 0.5 * 0.24 / 1000, 1e-9); // µA · V · ns = fJ
});

Deno.test("estimate() leaks twice as much 25 K warmer", () => {
  const work = randomWork(3), cool = estimate(work, { cell: "PCM" }).chip, warm = estimate(work, { cell: "PCM", temperatureK: 325 }).chip;
  close(warm.leakageUw, 2 * cool.leakageUw, "leakage");
  assertEquals(warm.dynamicPj, cool.dynamicPj);
});

Deno.test("estimate() of a mapped network counts its placement", () => {
  const bits = {
    weights: dorefa({ bits: 4 }),
    activations: pact({ bits: 4, alpha: 2 }),
    first: dorefa({ bits: 4 }),
    last: dorefa({ bits: 4 }),
  };
  const sliced = decompose(quantize(lenet(), { ...bits, digital: [] }), { cellBits: 2 });
  for (const algorithm of ["kernel", "im2col", "vw-sdk", "best"] as const) {
    const mapped = map(sliced, { algorithm }), { layers, chip, table } = estimate(mapped, { cell: "RRAM", schedule: "layer-by-layer" });
    assertEquals(layers.map(({ name }) => name), Object.keys(mapped.layers));
    for (const { name, plan } of layers) {
      assertEquals(plan.usedArrays, plan.copies * mapped.layer(name).arrays.length, `${algorithm} ${name}`);
    }
    assert(table().includes(`${layers.length > 0 ? "conv1" : ""}`) && chip.energyPj > 0);
    const again = estimate(mapped, { cell: "RRAM", layout: "im2col", schedule: "layer-by-layer" });
    const plain = estimate(map(sliced, { algorithm: "im2col" }), { cell: "RRAM", schedule: "layer-by-layer" });
    close(again.chip.energyPj, plain.chip.energyPj, algorithm);
  }
});

Deno.test("estimate() gives plain data that survives JSON", () => {
  const { table, ...found } = estimate(randomWork(7), randomOptions(7));
  assertEquals(JSON.parse(JSON.stringify(found)), found);
  assert(table().includes("TOPS/W"));
  const library = JSON.parse(JSON.stringify(defaultLibrary));
  const again = estimate(randomWork(7), { ...randomOptions(7), library });
  assertEquals(again.chip, found.chip);
  assert(Object.values(found.sources).every((source) => source.length > 10) && Object.keys(found.sources).length > 8);
});

Deno.test("estimate() refuses what it does not know, by name", () => {
  const work = randomWork(0),
    wrong: [EstimateOptions, string][] = [
      [{ node: 23 }, "library.technology.23"],
      [{ cell: "DRAM" }, "library.cells.DRAM"],
      [{ adc: { type: "ramp" } }, "library.components.ramp"],
      [{ adc: { type: "relu" } }, "estimate.adc.type"],
      [{ adc: { bits: 0 } }, "estimate.adc.bits"],
      [{ interconnect: "SAR" }, "estimate.interconnect"],
      [{ rowsInParallel: 129 }, "estimate.rowsInParallel"],
      [{ cell: "RRAM", columnsPerAdc: 256 }, "estimate.columnsPerAdc"],
      [{ temperatureK: -1 }, "estimate.temperatureK"],
      [{ schedule: "parallel" as "pipelined" }, "estimate.schedule"],
      [{ offResistanceOhm: 1 }, "estimate.offResistanceOhm"],
      [{ activity: { inputOnes: 1.5 } }, "estimate.activity"],
      [{ activity: { layers: { a: { ones: 1 } as Record<string, number> } } }, "estimate.activity.layers.a.ones"],
      [{ hierarchy: { pe: 0 } }, "estimate.hierarchy.pe"],
      [{ rows: 5 } as EstimateOptions, "estimate.rows"],
    ];
  for (const [options, name] of wrong) assertThrows(() => estimate(work, options), OptionError, name);
  const fat = { ...work, layers: work.layers.map((layer) => ({ ...layer, cellBits: 2 })) };
  assertThrows(() => estimate(fat, { cell: "SRAM" }), OptionError, "2 bits in a cell of SRAM");
  assertThrows(() => estimate({ ...work, layers: [] }), OptionError, "layers");
});
