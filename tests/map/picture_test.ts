// Pictures of placements: every cell is drawn once, and the text is stable.

import { assertEquals, assertThrows } from "@std/assert";
import { MappingError } from "../../lib/errors.ts";
import { placementCost } from "../../lib/map/activations.ts";
import { placementSvg } from "../../lib/map/picture.ts";
import { smdMapping } from "../../lib/map/published/smd.ts";
import { vwSdkMapping } from "../../lib/map/published/vw_sdk.ts";
import { problem } from "./problems.ts";

Deno.test("placementSvg() draws as many cells as the array holds", () => {
  const layer = problem({ image: 8, kernel: 3, in: 3, out: 5, rows: 64, columns: 32 });
  for (const mapping of [vwSdkMapping(layer), smdMapping(layer)]) {
    const placement = mapping.place(), svg = placementSvg(placement);
    assertEquals(svg, placementSvg(placement));
    const cells = [...svg.matchAll(/(\d+) × (\d+) cells/g)].reduce((sum, [, down, across]) => sum + Number(down) * Number(across), 0);
    assertEquals(cells, placementCost({ ...placement, patterns: placement.patterns.slice(0, 1) }).cells);
  }
});

Deno.test("placementSvg() refuses arrays that do not exist", () => {
  const placement = vwSdkMapping(problem({ image: 8, kernel: 3, in: 3, out: 5, rows: 64, columns: 32 })).place();
  assertThrows(() => placementSvg(placement, { pattern: 9 }), MappingError, "picture.pattern");
  assertThrows(() => placementSvg(placement, { rowTile: 9 }), MappingError, "picture.rowTile");
  assertThrows(() => placementSvg(placement, { size: 9, colour: "red" } as never), Error, "picture.colour");
});
