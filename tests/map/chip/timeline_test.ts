// timeline() does all the work of all images, each array one thing at a time, in the time partition() said.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { MappingError, OptionError } from "../../../lib/errors.ts";
import { allocate } from "../../../lib/map/chip/allocate.ts";
import { partition } from "../../../lib/map/chip/partition.ts";
import { arraySpans, type Span, timeline, timelineUtilisation } from "../../../lib/map/chip/timeline.ts";
import { timelineSvg } from "../../../lib/map/chip/timeline_svg.ts";
import { layerActivations } from "../../../lib/map/chip/chip.ts";
import { picker, randomLayers } from "./lists.ts";

const computed = (spans: readonly Span[]) =>
  spans.filter(({ kind }) => kind === "compute").reduce((sum, { arrays, start, end }) => sum + arrays * (end - start), 0);

Deno.test("timeline() conserves work and never gives an array two things to do", () => {
  for (let seed = 0; seed < 60; seed++) {
    const pick = picker(3000 + seed), layers = randomLayers(pick, 5, 6);
    const chip = { arrays: pick(1, 12), programmingCycles: pick(0, 20), writers: pick(1, 3) }, batch = pick(1, 5);
    const plan = partition(layers, chip, { batch }), once = timeline(plan, { images: batch }), more = timeline(plan, { images: batch + 2 });
    const work = layers.reduce((sum, layer) => sum + layerActivations(layer), 0);
    assertEquals(once.cycles, plan.cycles, `seed ${seed}`);
    assertEquals(computed(once.spans), batch * work, `seed ${seed}`);
    assertEquals(computed(more.spans), (batch + 2) * work, `seed ${seed}`);
    assertEquals(Math.max(...more.spans.map(({ end }) => end)), more.cycles);
    for (let array = 0; array < chip.arrays; array++) {
      const spans = arraySpans(more, array);
      for (let at = 1; at < spans.length; at++) assert(spans[at]!.start >= spans[at - 1]!.end, `seed ${seed}`);
    }
    const share = timelineUtilisation(more, 7).reduce((sum, value) => sum + value, 0) / 7;
    assertAlmostEquals(share * more.cycles * chip.arrays, computed(more.spans), 1e-6);
    const programmed = once.spans.filter(({ kind }) => kind === "program").reduce((sum, { arrays }) => sum + arrays, 0);
    assertEquals(programmed, chip.programmingCycles === 0 ? 0 : plan.arraysProgrammed);
  }
});

Deno.test("timeline() fills, keeps the interval and drains", () => {
  const layers = ["a", "b", "c"].map((name) => ({ name, groups: [{ arrays: 1, activations: 10 }] }));
  const chip = { arrays: 3, programmingCycles: 5 };
  const { cycles, spans } = timeline({ chip, segments: [{ layers, allocation: allocate(layers, { arrays: 3 }) }] }, { images: 4 });
  assertEquals(cycles, 15 + 30 + 3 * 10);
  assertEquals(spans.filter(({ layer, kind }) => layer === "c" && kind === "compute").map(({ start }) => start), [35, 45, 55, 65]);
  const third = 1 / 3, shares = [0, 0, 0, third, third, 2 * third, 2 * third, 1, 1, 1, 1, 2 * third, 2 * third, third, third];
  for (const [bin, share] of timelineUtilisation({ arrays: 3, images: 4, cycles, spans }, 15).entries()) {
    assertAlmostEquals(share, shares[bin]!);
  }
});

Deno.test("timeline() waits for both branches of a residual block", () => {
  const layer = (name: string, activations: number, inputs: string[]) => ({ name, groups: [{ arrays: 1, activations }], inputs });
  const layers = [layer("a", 2, []), layer("b", 9, ["a"]), layer("short", 3, ["a"]), layer("c", 1, ["b", "short"])];
  const { spans } = timeline({
    chip: { arrays: 4, programmingCycles: 0 },
    segments: [{ layers, allocation: allocate(layers, { arrays: 4 }) }],
  }, {
    images: 1,
  });
  assertEquals(spans.map(({ start }) => start), [0, 2, 2, 11]);
});

Deno.test("timeline() programs a single load once and several loads every batch", () => {
  const layers = ["a", "b"].map((name) => ({ name, groups: [{ arrays: 2, activations: 4 }] }));
  const loads = (arrays: number) => {
    const { spans } = timeline(partition(layers, { arrays, programmingCycles: 1000, writers: 2 }, { batch: 2 }), { images: 6 });
    return spans.filter(({ kind }) => kind === "program").length;
  };
  assertEquals([loads(4), loads(2)], [2, 6]);
});

Deno.test("timelineSvg() draws every span, the same text each time", () => {
  const layers = [{ name: "a<b", groups: [{ arrays: 2, activations: 4 }] }, { name: "c", groups: [{ arrays: 1, activations: 3 }] }];
  const run = timeline(partition(layers, { arrays: 2, programmingCycles: 3 }, { batch: 2 }), { images: 4 });
  const svg = timelineSvg(run);
  assertEquals(svg, timelineSvg(run));
  assert(svg.includes("a&lt;b") && !svg.includes("a<b") && !svg.includes("NaN"));
  assertEquals(svg.match(/<rect /g)!.length, run.spans.length + 2 + 3); // background, plot, three legend entries
  assert(timelineSvg(run, { width: 300 }).includes('width="300"'));
  assertThrows(() => timelineSvg(run, { width: 10 }), OptionError, "timelineSvg.width");
});

Deno.test("timeline() says why a request is impossible", () => {
  const layers = [{ name: "a", groups: [{ arrays: 3, activations: 10 }] }], allocation = allocate(layers, { arrays: 6 });
  const chip = { arrays: 2, programmingCycles: 1 };
  assertThrows(() => timeline({ chip, segments: [{ layers, allocation }] }, { images: 1 }), MappingError, "at most 2");
  assertThrows(() => timeline({ chip, segments: [] }, { images: 1 }), OptionError, "segments");
  assertThrows(() => timeline({ chip, segments: [{ layers, allocation: { layers: [] } }] }, { images: 1 }), OptionError, "copies");
  assertThrows(() => timeline({ chip, segments: [{ layers, allocation }] }, { images: 0 }), OptionError, "timeline.images");
  assertThrows(() => timelineUtilisation({ arrays: 1, images: 1, cycles: 1, spans: [] }, 0), OptionError, "bins");
});
