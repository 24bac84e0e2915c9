// allocate() against every allocation there is, on lists small enough to try them all.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { MappingError, OptionError } from "../../../lib/errors.ts";
import { allocate } from "../../../lib/map/chip/allocate.ts";
import { pipelineTimes } from "../../../lib/map/chip/schedule.ts";
import { checkLayers, type ChipLayer, layerArrays, layerLatency } from "../../../lib/map/chip/chip.ts";
import { picker, randomLayers, resnet18 } from "./lists.ts";

/** Calls `visit` with every choice of copies that fits. */
function everyAllocation(layers: readonly ChipLayer[], arrays: number, visit: (copies: number[][], used: number) => void): void {
  const groups = layers.flatMap((layer, index) => layer.groups.map((group) => ({ index, group })));
  const copies: number[] = [];
  const rest = groups.map((_, at) => groups.slice(at).reduce((sum, { group }) => sum + group.arrays, 0)).concat(0);
  const go = (at: number, used: number) => {
    if (at === groups.length) {
      visit(layers.map((_, index) => copies.filter((_, number) => groups[number]!.index === index)), used);
      return;
    }
    for (let count = 1; count <= groups[at]!.group.activations; count++) {
      const now = used + count * groups[at]!.group.arrays;
      if (now + rest[at + 1]! > arrays) break;
      copies[at] = count;
      go(at + 1, now);
    }
  };
  go(0, 0);
}

Deno.test("allocate() finds the least interval and the least sum of latencies of all allocations, with the fewest arrays", () => {
  for (let seed = 0; seed < 60; seed++) {
    const pick = picker(seed), layers = randomLayers(pick, 3, 3, 7);
    const needed = layers.reduce((sum, layer) => sum + layerArrays(layer), 0), arrays = needed + pick(0, 9);
    let interval = [Infinity, Infinity], latency = [Infinity, Infinity];
    everyAllocation(layers, arrays, (copies, used) => {
      const cycles = layers.map((layer, index) => layerLatency(layer, copies[index]));
      const better = (best: number[], value: number) => value < best[0]! || (value === best[0]! && used < best[1]!) ? [value, used] : best;
      interval = better(interval, Math.max(...cycles));
      latency = better(latency, cycles.reduce((sum, value) => sum + value, 0));
    });
    const fast = allocate(layers, { arrays }), short = allocate(layers, { arrays, objective: "latency" });
    assertEquals([fast.interval, fast.arrays], interval, `seed ${seed}`);
    assertEquals([short.layers.reduce((sum, layer) => sum + layer.latency, 0), short.arrays], latency, `seed ${seed}`);
  }
});

Deno.test("allocate() reports utilisation and throughput of its own allocation", () => {
  const layers = [{ name: "a", groups: [{ arrays: 1, activations: 100 }] }, { name: "b", groups: [{ arrays: 3, activations: 20 }] }];
  const { layers: [a, b], interval, utilisation, imagesPerMillionCycles } = allocate(layers, { arrays: 7 });
  assertEquals([interval, a?.copies, b?.copies, a?.utilisation, b?.utilisation], [25, [4], [1], 1, 0.8]);
  assertEquals([utilisation, imagesPerMillionCycles], [160 / 175, 40000]);
});

Deno.test("allocate() takes the longest path through a branching network as its latency", () => {
  const layer = (name: string, activations: number, inputs?: string[]) => ({ name, groups: [{ arrays: 1, activations }], inputs });
  const layers = [layer("a", 5), layer("b", 7, ["a"]), layer("c", 4, ["a"]), layer("d", 2, ["b", "c"])];
  assertEquals(allocate(layers, { arrays: 4 }).latency, 14);
  assertEquals(allocate(layers, { arrays: 4 }).interval, 7);
});

Deno.test("allocate() serves a network of 727 arrays on thousands", () => {
  const layers = resnet18();
  const needed = layers.reduce((sum, layer) => sum + layerArrays(layer), 0);
  assertEquals(needed, 727);
  let before = Infinity;
  for (const arrays of [needed, 1000, 2000, 4000, 8000]) {
    const fast = allocate(layers, { arrays }), short = allocate(layers, { arrays, objective: "latency" });
    assert(fast.arrays <= arrays && short.arrays <= arrays && fast.interval <= before && short.interval >= fast.interval);
    assert(arrays === needed || fast.interval < before);
    before = fast.interval;
  }
});

Deno.test("pipelineTimes() equals stepping images through the layers", () => {
  for (let seed = 0; seed < 100; seed++) {
    const pick = picker(seed), layers = randomLayers(pick, 6), waits = checkLayers("test", layers), images = pick(1, 6);
    const latencies = layers.map((layer) => layerLatency(layer)), done = latencies.map(() => 0);
    for (let image = 0; image < images; image++) {
      for (const [index, latency] of latencies.entries()) {
        done[index] = Math.max(done[index]!, ...waits[index]!.map((input) => done[input]!)) + latency;
      }
    }
    assertEquals(pipelineTimes(latencies, waits, images).batch, Math.max(...done), `seed ${seed}`);
  }
});

Deno.test("allocate() says why a request is impossible", () => {
  const layers = [{ name: "a", groups: [{ arrays: 3, activations: 10 }] }];
  assertThrows(() => allocate(layers, { arrays: 0 }), OptionError, "allocate.arrays");
  assertThrows(() => allocate(layers, { arrays: 2 }), MappingError, "at least 3");
  assertThrows(() => allocate([], { arrays: 2 }), OptionError, "layers");
  assertThrows(() => allocate(layers, { arrays: 3, copies: 1 } as never), OptionError, "allocate.copies");
  assertThrows(() => allocate(layers, { arrays: 3, objective: "speed" as never }), OptionError, "objective");
  assertThrows(() => allocate([...layers, ...layers], { arrays: 9 }), OptionError, "layers[1].name");
  assertThrows(() => allocate([{ ...layers[0]!, inputs: ["b"] }], { arrays: 9 }), OptionError, "layers[0].inputs");
  assertThrows(() => allocate([{ name: "a", groups: [] }], { arrays: 9 }), OptionError, "layers[0].groups");
  assertThrows(
    () => allocate([{ name: "a", groups: [{ arrays: 1, activations: 0 }] }], { arrays: 9 }),
    OptionError,
    "groups[0].activations",
  );
  assertThrows(() => allocate([{ name: "a", groups: [{ arrays: 1, cycles: 1 } as never] }], { arrays: 9 }), OptionError, "cycles");
});
