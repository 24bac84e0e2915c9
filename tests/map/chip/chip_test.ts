// chipLayer() counts what the placement does.

import { assertEquals, assertThrows } from "@std/assert";
import { MappingError, OptionError } from "../../../lib/errors.ts";
import { activations, placementCycles } from "../../../lib/map/activations.ts";
import { chipLayer, layerActivations, layerArrays, layerLatency } from "../../../lib/map/chip/chip.ts";
import type { Pattern, Placement } from "../../../lib/map/placement.ts";

/** A 3-tap row convolution of 6 pixels with padding 1, one channel: a pattern of every tap and a second one of the middle tap only. */
function placement(skipsIdle: boolean): Placement {
  const full: Pattern = {
    rows: Int32Array.of(0, 0, 0, 0, 1, 0, 0, 2, 0),
    columns: Int32Array.of(0, 0, 0),
    rowTiles: [0, 1, 3],
    columnTiles: [0, 1],
    origins: Int32Array.of(0, 0, 0, 1, 0, 2, 0, 3),
  };
  const last: Pattern = { ...full, origins: Int32Array.of(0, 4, 0, 5) };
  return {
    geometry: {
      kernel: [1, 3],
      stride: [1, 1],
      padding: [0, 1],
      dilation: [1, 1],
      groups: 1,
      inputShape: [1, 6, 1],
      outputShape: [1, 6, 1],
    },
    rows: 2,
    columns: 1,
    skipsIdle,
    patterns: [full, last],
  };
}

Deno.test("chipLayer() keeps the activations of a placement, array by array", () => {
  for (const skipsIdle of [false, true]) {
    const placed = placement(skipsIdle), layer = chipLayer("row", placed);
    assertEquals(layerActivations(layer), placementCycles(placed));
    assertEquals(layerArrays(layer), 4);
    const busiest = new Map<string, number>();
    for (const { index, rowTile } of activations(placed)) {
      const key = `${index}.${rowTile}`;
      busiest.set(key, (busiest.get(key) ?? 0) + 1);
    }
    assertEquals(layerLatency(layer), Math.max(...busiest.values()));
  }
  // Without padding pixels the first tap is idle at the first output.
  assertEquals(chipLayer("row", placement(true)).groups[0], { arrays: 1, activations: 3, cells: 1 });
});

Deno.test("chipLayer() counts cells and keeps inputs", () => {
  const { groups, inputs } = chipLayer("row", placement(false), { cellsPerWeight: 4, inputs: [] });
  assertEquals(inputs, []);
  assertEquals(groups.reduce((sum, { arrays, cells }) => sum + arrays * (cells ?? 0), 0), 2 * 3 * 4);
});

Deno.test("chipLayer() says why a request is impossible", () => {
  assertThrows(() => chipLayer("row", placement(true), { cellsPerWeight: 0 }), OptionError, "chipLayer.cellsPerWeight");
  assertThrows(() => chipLayer("row", placement(true), { slices: 1 } as never), OptionError, "chipLayer.slices");
  assertThrows(() => chipLayer("row", { ...placement(true), patterns: [] }), MappingError, "row");
});
