// partition() against every way to cut small lists of layers.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import { allocate } from "../../../lib/map/chip/allocate.ts";
import { checkLayers, type Chip, type ChipLayer, layerActivations, layerArrays, layerLatency } from "../../../lib/map/chip/chip.ts";
import { partition } from "../../../lib/map/chip/partition.ts";
import { loadOf, piecesOf } from "../../../lib/map/chip/pieces.ts";
import { picker, randomLayers, resnet18 } from "./lists.ts";

/** Cycles of a batch through layers, by stepping. */
function step(latencies: readonly number[], waits: readonly (readonly number[])[], images: number): number {
  const done = latencies.map(() => 0);
  for (let image = 0; image < images; image++) {
    for (const [index, latency] of latencies.entries()) {
      done[index] = Math.max(done[index]!, ...waits[index]!.map((input) => done[input]!)) + latency;
    }
  }
  return Math.max(...done);
}

/** Fewest cycles over all cuts, and over all intervals a load can keep with the fewest arrays. */
function bruteForce(layers: readonly ChipLayer[], { arrays, programmingCycles, writers = 1 }: Chip, batch: number): number {
  const waits = checkLayers("test", layers), pieces = piecesOf(layers, arrays);
  const known = new Map<string, number>();
  const load = (from: number, end: number): number => {
    const key = `${from} ${end}`, found = known.get(key);
    if (found !== undefined) return found;
    const { layers: held, waits: inner } = loadOf(layers, waits, pieces.slice(from, end));
    let best = Infinity;
    for (let target = 1; target <= 12; target++) {
      const copies = held.map(({ groups }) => groups.map(({ activations }) => Math.ceil(activations / target)));
      const used = held.reduce(
        (sum, { groups }, index) => groups.reduce((all, group, at) => all + group.arrays * copies[index]![at]!, sum),
        0,
      );
      if (used > arrays) continue;
      const latencies = held.map((layer, index) => layerLatency(layer, copies[index]));
      best = Math.min(best, Math.ceil(used / writers) * programmingCycles + step(latencies, inner, batch));
    }
    known.set(key, best);
    return best;
  };
  let best = Infinity;
  for (let cuts = 0; cuts < 2 ** (pieces.length - 1); cuts++) {
    let sum = 0, from = 0;
    for (let end = 1; end <= pieces.length; end++) {
      if (end < pieces.length && (cuts >> (end - 1) & 1) === 0) continue;
      sum += load(from, end);
      from = end;
    }
    best = Math.min(best, sum);
  }
  return best;
}

Deno.test("partition() equals trying every cut and every interval", () => {
  for (let seed = 0; seed < 80; seed++) {
    const pick = picker(1000 + seed), layers = randomLayers(pick, 5, 4);
    const chip = { arrays: pick(3, 12), programmingCycles: pick(0, 40), writers: pick(1, 3) }, batch = pick(1, 8);
    if (piecesOf(layers, chip.arrays).length > 10) continue;
    const found = partition(layers, chip, { batch });
    assertEquals(found.cycles, bruteForce(layers, chip, batch), `seed ${seed}`);
  }
});

Deno.test("partition() loads every array once, with no load larger than the chip", () => {
  for (let seed = 0; seed < 80; seed++) {
    const pick = picker(2000 + seed), layers = randomLayers(pick, 5, 9), arrays = pick(1, 10);
    const { segments, cells, reloads, programmingCycles, runCycles, cycles, cyclesPerImage, arraysProgrammed } = partition(layers, {
      arrays,
      programmingCycles: 7,
    }, { batch: 5 });
    for (const { name, groups } of layers) {
      const parts = segments.flatMap((segment) => segment.layers.filter((layer) => layer.name === name));
      assertEquals(parts.reduce((sum, part) => sum + layerArrays(part), 0), groups.reduce((sum, group) => sum + group.arrays, 0));
      assertEquals(parts.reduce((sum, part) => sum + layerActivations(part), 0), layerActivations({ name, groups }));
    }
    for (const { layers, allocation } of segments) {
      checkLayers("test", layers);
      assert(allocation.arrays <= arrays);
    }
    assertEquals(reloads, segments.length - 1);
    assertEquals(programmingCycles, 7 * arraysProgrammed);
    assertEquals(cells, segments.reduce((sum, segment) => sum + segment.cells, 0));
    assertEquals([cycles, cyclesPerImage], [programmingCycles + runCycles, cycles / 5]);
  }
});

Deno.test("partition() spends arrays on copies only where the batch repays their programming", () => {
  const layers = [{ name: "a", groups: [{ arrays: 1, activations: 100 }] }];
  const chip = { arrays: 10, programmingCycles: 1000 };
  assertEquals(partition(layers, chip, { batch: 1 }).arraysProgrammed, 1);
  assertEquals(partition(layers, chip, { batch: 100 }).arraysProgrammed, 3); // 10,000 / c + 1000 c is least at √10
  assertEquals(partition(layers, chip, { batch: 1_000_000 }).arraysProgrammed, 10);
});

Deno.test("partition() is never slower than one load of the allocation with the least interval", () => {
  const layers = resnet18(), chip = { arrays: 2000, programmingCycles: 128 }, one = allocate(layers, { arrays: 2000 });
  const counts = [64, 4096, 100_000].map((batch) => {
    const { segments, cycles } = partition(layers, chip, { batch });
    assert(cycles <= one.arrays * 128 + one.latency + (batch - 1) * one.interval);
    return segments.length;
  });
  // Two loads suit a long batch even where one holds the network: the deep layers' arrays would be idle most of the time.
  assertEquals(counts, [1, 1, 2]);
});

Deno.test("partition() of a 727-array network on 64 arrays cuts the layers that are larger", () => {
  const layers = resnet18();
  const { segments, arraysProgrammed } = partition(layers, { arrays: 64, programmingCycles: 128 }, { batch: 64 });
  assert(segments.length >= Math.ceil(727 / 64) && arraysProgrammed >= 727);
  assert(segments.filter(({ layers }) => layers.some(({ name }) => name === "stage3.1.b")).length >= 2);
});

Deno.test("partition() amortises reloads over the batch", () => {
  const layers = resnet18(), chip = { arrays: 256, programmingCycles: 1280, writers: 4 };
  const perImage = [1, 16, 256, 4096].map((batch) => partition(layers, chip, { batch }).cyclesPerImage);
  for (let at = 1; at < perImage.length; at++) assert(perImage[at]! < perImage[at - 1]!);
});

Deno.test("partition() says why a request is impossible", () => {
  const layers = [{ name: "a", groups: [{ arrays: 3, activations: 10 }] }], chip = { arrays: 2, programmingCycles: 1 };
  assertThrows(() => partition(layers, { ...chip, arrays: 0 }, { batch: 1 }), OptionError, "chip.arrays");
  assertThrows(() => partition(layers, { arrays: 2 } as never, { batch: 1 }), OptionError, "chip.programmingCycles");
  assertThrows(() => partition(layers, { ...chip, writers: 0.5 }, { batch: 1 }), OptionError, "chip.writers");
  assertThrows(() => partition(layers, { ...chip, rows: 1 } as never, { batch: 1 }), OptionError, "chip.rows");
  assertThrows(() => partition(layers, chip, { batch: 0 }), OptionError, "partition.batch");
  assertThrows(() => partition(layers, chip, { batch: 1, images: 2 } as never), OptionError, "partition.images");
});
