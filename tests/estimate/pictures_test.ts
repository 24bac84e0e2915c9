import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { estimate, estimateTimeline, floorplanSvg, OptionError, timelineSvg } from "@bitline/bitline";
import { randomWork } from "./nets.ts";

Deno.test("floorplanSvg() draws every tile and its processing elements inside the picture", () => {
  for (let seed = 0; seed < 8; seed++) {
    const found = estimate(randomWork(seed), { cell: "RRAM" }), svg = floorplanSvg(found, { width: 600 });
    const boxes = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g)].map(([, ...box]) =>
      box.map(Number)
    );
    const { layers, tiles } = found.floorplan, elements = layers.reduce((sum, layer) => sum + layer.tiles * layer.pesPerTile, 0);
    assertEquals(boxes.length, tiles + elements + layers.length); // and a legend
    const [, width, height] = svg.match(/width="(\d+)" height="(\d+)"/)!.map(Number) as [number, number, number];
    for (const [x, y, w, h] of boxes) assert(x! >= 0 && y! >= 0 && x! + w! <= width && y! + h! <= height);
    assertEquals(svg, floorplanSvg(found, { width: 600 }));
    for (const { name } of found.layers) assert(svg.includes(name));
  }
  assertThrows(() => floorplanSvg(estimate(randomWork(0), { cell: "RRAM" }), { width: 10 }), OptionError, "floorplanSvg.width");
});

Deno.test("estimateTimeline() fills the pipeline, or runs image after image", () => {
  for (const schedule of ["pipelined", "layer-by-layer"] as const) {
    const found = estimate(randomWork(2), { cell: "RRAM", schedule }), { chip, layers, floorplan } = found;
    const images = 5, run = estimateTimeline(found, { images }), wanted = chip.latencyNs + (images - 1) * chip.periodNs;
    assertAlmostEquals(run.cycles * chip.clockNs / wanted, 1, 1e-2);
    assertEquals([run.arrays, run.images, run.spans.length], [floorplan.tiles, images, images * layers.length]);
    assert(run.spans.every(({ start, end }) => start < end && end <= run.cycles));
    const overlap = run.spans.some((a) => run.spans.some((b) => a.image !== b.image && a.start < b.end && b.start < a.end));
    assertEquals(overlap, schedule === "pipelined" && layers.length > 1);
    assert(timelineSvg(run).startsWith("<svg"));
    assertThrows(() => estimateTimeline(found, { images: 0 }), OptionError, "timeline.images");
    assertThrows(() => estimateTimeline(found, { image: 1 } as Record<string, number>), OptionError, "image");
  }
});
