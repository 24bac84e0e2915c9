// The schedule against the formula it refines, and against itself: no bank does two things at once, no bus carries two loads, weights come before work.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { arraySpans } from "../../lib/map/chip/timeline.ts";
import { timelineSvg } from "../../lib/map/chip/timeline_svg.ts";
import { bankGroups, marsAccelerator, type MarsChanges } from "../../lib/mars/accelerator.ts";
import { marsEnergy } from "../../lib/mars/energy.ts";
import { groupBits, groupCycles, keptGroups, type MarsLayer } from "../../lib/mars/layers.ts";
import { mars } from "../../lib/mars/mars.ts";
import { marsSchedule, marsUtilisation } from "../../lib/mars/schedule.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { vggSmall } from "../../lib/network/zoo/vgg_small.ts";
import { pruneGroups } from "../../lib/prune/prune_groups.ts";
import { uniform } from "../../lib/random.ts";

const UNIT = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;

/** Layers of random size and sparsity, 16 × 16 weights of 4 bits to a group. */
function randomLayers(seed: number): MarsLayer[] {
  const number = (what: number, most: number) => 1 + Math.floor(uniform(seed, what) * most);
  return Array.from({ length: number(0, 5) }, (_, layer) => {
    const rowBlocks = number(10 * layer + 1, 40), columnBlocks = number(10 * layer + 2, 12), side = number(10 * layer + 3, 8);
    const share = uniform(seed, 10 * layer + 4);
    return {
      name: `layer${layer}`,
      geometry: { ...UNIT, inputShape: [side, side, 16 * rowBlocks], outputShape: [side, side, 16 * columnBlocks] },
      weightBits: 4,
      inputBits: number(10 * layer + 5, 8),
      group: { rows: 16, columns: 16 },
      rowBlocks,
      kept: Uint8Array.from({ length: rowBlocks * columnBlocks }, (_, at) => uniform(seed, layer, at) < share ? 1 : 0),
    };
  });
}

const CHANGES: readonly MarsChanges[] = [
  {},
  { pingPong: false, reloadBits: 32 },
  { macro: { partitionsOn: 3 }, reloadBits: 100, cores: 2, macrosPerCore: 3 },
  { cores: 1, macrosPerCore: 1, macro: { partitions: 2, rows: 32 }, reloadBits: 7 },
];

Deno.test("marsSchedule() has the formula's cycles plus stalls, dense and sparse", () => {
  for (let seed = 0; seed < 20; seed++) {
    const layers = randomLayers(seed), accelerator = marsAccelerator(CHANGES[seed % CHANGES.length]);
    const { cores, macrosPerCore, macro: { partitionsOn } } = accelerator;
    for (const dense of [false, true]) {
      const schedule = marsSchedule(layers, accelerator, { dense });
      schedule.layers.forEach(({ kept, compute, stall, weightBits }, index) => {
        const layer = layers[index]!, wanted = dense ? layer.kept.length : keptGroups(layer);
        const cycles = Math.ceil(wanted / (cores * macrosPerCore * partitionsOn)) * groupCycles(layer, accelerator);
        assertEquals([kept, compute, weightBits], [wanted, cycles, wanted * groupBits(layer)]);
        assert(stall >= 0);
      });
      assertEquals(schedule.cycles, schedule.layers.reduce((sum, { compute, stall }) => sum + compute + stall, 0));
    }
    // No waiting where loads take no time, but for a cycle of each.
    const instant = marsSchedule(layers, { ...accelerator, reloadBits: 1e12 });
    const rounds = instant.timeline.spans.filter(({ kind }) => kind === "program").length;
    assert(instant.layers.reduce((sum, { stall }) => sum + stall, 0) <= rounds);
  }
});

Deno.test("marsSchedule() keeps banks, macros and buses to one thing at a time, and loads before computing", () => {
  for (let seed = 0; seed < 12; seed++) {
    const accelerator = marsAccelerator(CHANGES[seed % CHANGES.length]), layers = randomLayers(seed + 100);
    const { banks, timeline, resident, macros } = marsSchedule(layers, accelerator, { images: 2 });
    const apart = (spans: readonly { readonly start: number; readonly end: number }[]) => {
      const sorted = spans.toSorted((a, b) => a.start - b.start || a.end - b.end);
      sorted.forEach((span, index) => assert(index === 0 || span.start >= sorted[index - 1]!.end, `seed ${seed}`));
    };
    for (let array = 0; array < timeline.arrays; array++) {
      const spans = arraySpans(timeline, array);
      apart(spans);
      if (!resident) {
        spans.forEach(({ kind, layer }, at) =>
          assert(kind === "program" || (spans[at - 1]!.kind === "program" && spans[at - 1]!.layer === layer))
        );
      }
    }
    for (let macro = 0; macro < macros.length; macro++) {
      apart(timeline.spans.filter(({ array, kind }) => kind === "compute" && Math.floor(array / banks) === macro));
    }
    for (let core = 0; core < accelerator.cores; core++) {
      apart(
        timeline.spans.filter(({ array, kind }) => kind === "program" && Math.floor(array / banks / accelerator.macrosPerCore) === core),
      );
    }
    const ends = new Map<string, number>();
    for (const { kind, image, layer, start, end } of timeline.spans) {
      if (kind === "program") continue;
      const before = layers.findIndex(({ name }) => name === layer) - 1;
      if (before >= 0) assert(start >= (ends.get(`${image} ${layers[before]!.name}`) ?? 0));
      ends.set(`${image} ${layer}`, Math.max(end, ends.get(`${image} ${layer}`) ?? 0));
    }
    const bins = marsUtilisation(marsSchedule(layers, accelerator, { images: 2 }), 7);
    bins.forEach((shares, macro) =>
      assertAlmostEquals(shares.reduce((sum, share) => sum + share, 0) / 7, macros[macro]!.utilisation, 1e-9)
    );
  }
});

Deno.test("marsSchedule() hides reloads behind computing only with ping-pong", () => {
  const geometry = { ...UNIT, inputShape: [4, 4, 1024], outputShape: [4, 4, 256] } as const, kept = new Uint8Array(1024).fill(1);
  const layer = { name: "a", geometry, weightBits: 4, inputBits: 4, group: { rows: 16, columns: 16 }, rowBlocks: 64, kept };
  const layers = [layer, { ...layer, name: "b" }], slow = { reloadBits: 64 };
  const hidden = marsSchedule(layers, marsAccelerator(slow), { dense: true, images: 2 });
  const open = marsSchedule(layers, marsAccelerator({ ...slow, pingPong: false }), { dense: true, images: 2 });
  // 2 · 128 groups a macro, 32 cycles each, and two macros' loads of 1024 bits a group over one bus.
  assertEquals([hidden.interval, hidden.layers[1]!.stall], [2 * 128 * 32, 0]);
  // Without, each macro loads 64 groups in 1024 cycles and only then computes for 2048, twice a layer.
  assertEquals(open.interval, 2 * 2 * (1024 + 2048));
  assert(timelineSvg(hidden.timeline).includes("programming"));
});

Deno.test("marsSchedule() loads once what fits all macros", () => {
  const accelerator = marsAccelerator(), { name, ...layer } = randomLayers(1)[0]!, room = 8 * 2 * bankGroups(accelerator);
  const of = (groups: number) => [{ ...layer, name, rowBlocks: groups, kept: new Uint8Array(groups).fill(1) }];
  assertEquals(marsSchedule(of(room), accelerator).resident, true);
  assertEquals(marsSchedule(of(room), accelerator).macros[0]!.reload, 0);
  assertEquals(marsSchedule(of(room + 1), accelerator).resident, false);
  assertThrows(() => marsSchedule([], accelerator, { images: 0 }), OptionError, "marsSchedule.images");
});

Deno.test("mars() gets faster and smaller with sparsity, and its parts add up", () => {
  const net = vggSmall({ width: 0.25 }),
    reports = [0, 0.5, 0.75].map((sparsity) =>
      mars(pruneGroups(net, { rows: 16, columns: 16, sparsity, layers: ["conv2", "conv3", "conv4", "conv5", "conv6"] }).network)
    );
  reports.forEach(({ sparse, dense, macs, digital }, index) => {
    for (const { energy, fps, powerMw, topsPerWatt } of [sparse, dense]) {
      const { totalPj, ...parts } = energy;
      assertAlmostEquals(Object.values(parts).reduce((sum, part) => sum + part, 0), totalPj, 1e-6 * totalPj);
      assertAlmostEquals(powerMw * 1e-3 * topsPerWatt * 1e12, 2 * macs * fps, 1e-6 * macs * fps);
    }
    assertEquals([dense, digital], [reports[0]!.dense, []]);
    const before = reports[index - 1]?.sparse;
    if (before === undefined) return;
    assert(sparse.fps > before.fps && sparse.energy.totalPj < before.energy.totalPj && sparse.weightBits < before.weightBits);
  });
  assertEquals(reports[0]!.dense.performedTopsPerWatt, reports[0]!.dense.topsPerWatt);
  assert(reports[2]!.sparse.performedTopsPerWatt < reports[2]!.sparse.topsPerWatt);
  assert(reports[2]!.table().includes("of groups pruned"));
});

Deno.test("marsEnergy() counts what a hand does", () => {
  const accelerator = marsAccelerator({ macro: { bitLines: 64 } }), net = lenet(), { dense } = mars(net);
  assertEquals(dense.energy.reloadPj, 0); // resident
  const [layer] = randomLayers(2).map((each) => ({ ...each, kept: each.kept.map(() => 1) })), layers = [layer!];
  const schedule = marsSchedule(layers, accelerator, { dense: true }), energy = marsEnergy(layers, schedule, accelerator);
  const [height, width] = layer!.geometry.outputShape, activations = layer!.kept.length * Math.ceil(layer!.inputBits / 2) * height * width;
  assertAlmostEquals(energy.macrosPj, activations * accelerator.energy.activationPj, 1e-6);
  assertAlmostEquals(energy.accumulatePj, activations * 16 * accelerator.energy.accumulatePj, 1e-6);
  assertAlmostEquals(energy.staticPj, schedule.interval / 100 * 1000, 1e-6);
  assertEquals(energy.indexPj, 0);
});
