import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import { layerGeometries, networkSize } from "../../../lib/network/geometries.ts";
import { inferShapes } from "../../../lib/network/shapes.ts";
import { namedNetwork, NETWORK_NAMES } from "../../../lib/network/zoo/named.ts";
import { vggSmall } from "../../../lib/network/zoo/vgg_small.ts";

Deno.test("vggSmall() has six convolutions and one linear layer", () => {
  const layers = layerGeometries(vggSmall());
  assertEquals(layers.map(({ geometry }) => geometry.outputShape), [
    [32, 32, 128],
    [32, 32, 128],
    [16, 16, 256],
    [16, 16, 256],
    [8, 8, 512],
    [8, 8, 512],
    [1, 1, 10],
  ]);
  // 4.66 M weights and 608 M MACs: 9 · (3·128 + 128² + …) + 8192·10 by hand.
  assertEquals(
    networkSize(vggSmall()).parameters,
    9 * (3 * 128 + 128 ** 2 + 128 * 256 + 256 ** 2 + 256 * 512 + 512 ** 2) + 81930 + 2 * 1792,
  );
  assertAlmostEquals(networkSize(vggSmall()).macs / 1e6, 607.6, 0.1);
});

Deno.test("vggSmall() scales and refuses", () => {
  assertEquals(layerGeometries(vggSmall({ width: 0.25, image: 16 })).at(-1)!.geometry.inputShape, [1, 1, 512]);
  assertThrows(() => vggSmall({ image: 12 }), OptionError, "vgg_small.image");
});

Deno.test("namedNetwork() makes every network of the zoo by its function's name", () => {
  for (const name of NETWORK_NAMES) {
    const net = namedNetwork(name, { classes: 3, seed: 2 });
    assertEquals(inferShapes(net).get(net.layers.at(-1)!.name)!.at(-1), 3, name);
  }
  assertEquals(NETWORK_NAMES.length, 16);
});
