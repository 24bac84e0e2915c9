// Layers of a network on a chip: who waits for whom.

import { assertEquals, assertThrows } from "@std/assert";
import { GraphError } from "../../../lib/errors.ts";
import { chipLayers } from "../../../lib/map/chip/network_layers.ts";
import { vwSdkMapping } from "../../../lib/map/published/vw_sdk.ts";
import { layerGeometries } from "../../../lib/network/geometries.ts";
import { resnet20 } from "../../../lib/network/zoo/resnet20.ts";

Deno.test("chipLayers() finds the layers behind sums and batch norms", () => {
  const network = resnet20();
  const placements = Object.fromEntries(
    layerGeometries(network).map(({ name, geometry }) => {
      return [name, vwSdkMapping({ geometry, rows: 256, columns: 256 }).place()];
    }),
  );
  const layers = chipLayers(network, placements);
  assertEquals(layers.map(({ name }) => name), layerGeometries(network).map(({ name }) => name));
  assertEquals(layers[0]!.inputs, []);
  assertEquals(layers[1]!.inputs, [layers[0]!.name]);
  // The first layer of the second unit reads the sum of the first unit's last layer and its shortcut, the stem.
  assertEquals([...layers[3]!.inputs!].sort(), [layers[0]!.name, layers[2]!.name].sort());
  assertThrows(() => chipLayers(network, { ghost: placements[layers[0]!.name]! }), GraphError, "ghost");
});
