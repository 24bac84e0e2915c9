import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { defaultLibrary, estimate, extendLibrary, type LibraryChanges, OptionError } from "@bitline/bitline";
import { circuit } from "../../lib/estimate/circuit.ts";
import { randomWork } from "./nets.ts";

Deno.test("defaultLibrary covers nodes, cells and circuits, each with a source", () => {
  for (const node of ["130", "90", "65", "45", "32", "22", "14", "10", "7"]) {
    assertEquals(defaultLibrary.technology[node]!.featureNm, Number(node));
  }
  for (const cell of ["SRAM", "RRAM", "PCM", "FeFET"]) assert(defaultLibrary.cells[cell] !== undefined, cell);
  for (const [part, entries] of Object.entries(defaultLibrary)) {
    for (
      const [name, entry] of Object.entries(entries as Record<string, Readonly<Record<"source" | "unit" | "node", string | undefined>>>)
    ) {
      assert(entry.source!.length > 20, `${part}.${name}`);
      // A node's name is its node; all other entries say what one of them is, and at which node that has its figures.
      if (part === "technology") continue;
      assert(entry.unit!.length > 4, `${part}.${name}`);
      assert(Object.hasOwn(defaultLibrary.technology, entry.node!), `${part}.${name}`);
    }
  }
  // Every entry passes the checks that users' entries pass, and every component that a cell names is there.
  assertEquals(extendLibrary(defaultLibrary, defaultLibrary as LibraryChanges), defaultLibrary);
  for (const { rowLines, columnLines, conversionLines } of Object.values(defaultLibrary.cells)) {
    for (const line of [...rowLines, ...columnLines, ...conversionLines]) {
      assertEquals(defaultLibrary.components[line]!.category, "array", line);
    }
  }
});

Deno.test("circuit() keeps published figures at their node", () => {
  const sar = circuit(defaultLibrary, "SAR", "22", 300),
    at = (bits: number) => ({ bits, units: bits + 1, comparators: 2 ** bits - 1, pitchUm: 1 });
  for (const bits of [4, 5, 8]) {
    assertAlmostEquals(sar.latency(at(bits)), bits + 1, 1e-9); // ns
    assertAlmostEquals(1000 * sar.energy(at(bits)) / sar.latency(at(bits)), 0.538 * bits + 4.3753, 1e-9); // fJ / ns = µW
  }
  assertThrows(() => sar.area({ bits: 5 }), OptionError, "library.components.SAR.areaUm2");
});

Deno.test("circuit() scales area with pitches, energy with C·V² and delay with R·C", () => {
  const { technology } = defaultLibrary, near = technology["22"]!, far = technology["65"]!, bits = { bits: 8 };
  const from = circuit(defaultLibrary, "adder", "22", 300), to = circuit(defaultLibrary, "adder", "65", 300);
  assertAlmostEquals(to.area(bits) / from.area(bits), 220 * 210 / (90 * 80), 1e-9);
  const width = 220 / 90, capacitance = far.gateCapacitanceFfUm / near.gateCapacitanceFfUm * width;
  assertAlmostEquals(to.energy(bits) / from.energy(bits), capacitance * (far.supplyV / near.supplyV) ** 2, 1e-9);
  assertAlmostEquals(to.latency(bits) / from.latency(bits), capacitance * far.onResistanceKohmUm / near.onResistanceKohmUm, 1e-9);
  const thick = circuit(defaultLibrary, "lineSwitch", "65", 300).area() / circuit(defaultLibrary, "lineSwitch", "22", 300).area();
  assertAlmostEquals(thick, 65 / 22, 1e-9);
});

Deno.test("extendLibrary() replaces parts that estimates then use", () => {
  const work = randomWork(0), { technology, cells } = defaultLibrary;
  const dearer = extendLibrary(defaultLibrary, { components: { flash: { energyPj: [{ value: 5 }], source: "mine" } } });
  const before = estimate(work, { cell: "RRAM" }).chip, after = estimate(work, { cell: "RRAM", library: dearer }).chip;
  assert(after.dynamicPj > before.dynamicPj && after.areaUm2 === before.areaUm2);
  const flash = after.components.find(({ name }) => name === "flash")!;
  assertAlmostEquals(flash.dynamicPj, 5 * flash.actions, 1e-6 * flash.dynamicPj);
  const added = extendLibrary(defaultLibrary, {
    technology: { "28": { ...technology["22"]!, featureNm: 28, source: "mine" } },
    cells: { MRAM: { ...cells["RRAM"]!, maxBits: 1, source: "mine" } },
    components: { ramp: { ...defaultLibrary.components["SAR"]!, source: "mine" } },
  });
  const ours = estimate({ ...work, layers: work.layers.map((layer) => ({ ...layer, cellBits: 1 })) }, {
    ...{ library: added, node: 28, cell: "MRAM" },
    adc: { type: "ramp" },
  });
  assertEquals(ours.sources["components.ramp"], "mine");
  assertEquals(ours.sources["technology.28"], "mine");
});

Deno.test("extendLibrary() and estimate() name what is missing or wrong", () => {
  const wrong: [unknown, string][] = [
    [{ cells: { MRAM: { unit: "one", node: "22", widthF: 3 } } }, "library.cells.MRAM.heightF"],
    [{ cells: { RRAM: { colour: 3 } } }, "library.cells.RRAM.colour"],
    [{ cells: { RRAM: { widthF: -1 } } }, "library.cells.RRAM.widthF"],
    [{ cells: { RRAM: { rowLines: "x" } } }, "library.cells.RRAM.rowLines"],
    [{ components: { flash: { areaUm2: [{ value: NaN }] } } }, "library.components.flash.areaUm2"],
    [{ technology: { "5": {} } }, "library.technology.5.featureNm"],
    [{ parts: {} }, "library.parts"],
  ];
  for (const [changes, name] of wrong) assertThrows(() => extendLibrary(defaultLibrary, changes as LibraryChanges), OptionError, name);
  const strange = extendLibrary(defaultLibrary, { components: { relu: { areaUm2: [{ value: 1, per: ["colour"] }] } } });
  assertThrows(() => estimate(randomWork(0), { cell: "RRAM", library: strange }), OptionError, "colour");
  const { relu: _, ...components } = defaultLibrary.components;
  assertThrows(
    () => estimate(randomWork(0), { cell: "RRAM", library: { ...defaultLibrary, components } }),
    OptionError,
    "library.components.relu",
  );
});
