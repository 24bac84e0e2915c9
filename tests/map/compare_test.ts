// Comparisons against the published sums, and against the limits the best mapper has to keep.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { compareMappings, comparisonTable, layerTable } from "../../lib/map/compare.ts";
import { publishedLayers } from "../../lib/network/zoo/published.ts";

Deno.test("compareMappings() gives the published sums, and fewer cycles than any of them", () => {
  const vgg = compareMappings("VGG-13", publishedLayers("VGG-13"), { rows: 512, columns: 512 });
  assertEquals([vgg.im2col, vgg.smd, vgg.sdk, vgg.vwSdk], [243736, 200613, 114697, 77102]);
  assert(vgg.best <= 57547 && vgg.bound >= 57329 && vgg.bound <= vgg.best);
  const resnet = compareMappings("ResNet-18", publishedLayers("ResNet-18"), { rows: 512, columns: 512 });
  assertEquals([resnet.im2col, resnet.smd, resnet.sdk, resnet.vwSdk], [20041, 12551, 7240, 4294]);
  assert(resnet.best <= 3278 && resnet.bound >= 3228 && resnet.bound <= resnet.best);
  const cnn = compareMappings("CNN-8", publishedLayers("CNN-8"), { rows: 256, columns: 512 });
  assertEquals(cnn.vwSdk, 239);
  assert(cnn.best <= 167 && cnn.bound >= 123 && cnn.bound <= cnn.best);
  for (const layer of [...vgg.layers, ...resnet.layers, ...cnn.layers]) {
    assert(layer.best <= Math.min(layer.im2col, layer.smd, layer.sdk, layer.vwSdk) && layer.best >= layer.bound, layer.name);
    assert(layer.utilisation > 0 && layer.utilisation <= 1);
  }
  assert(comparisonTable([vgg, resnet, cnn]).includes("CNN-8"));
  assert(layerTable(cnn).includes("VW-SDK"));
});

Deno.test("compareMappings() counts the columns of multi-bit weights and repeated layers", () => {
  const layers = publishedLayers("ResNet-20 wide");
  const two = compareMappings("wide", layers, { rows: 512, columns: 256, weightBits: 2 });
  const half = compareMappings("wide", layers, { rows: 512, columns: 128 });
  assertEquals(two.layers, half.layers);
  const repeated = compareMappings("twice", layers.map((layer) => ({ ...layer, repeat: 2 * (layer.repeat ?? 1) })), {
    rows: 512,
    columns: 128,
  });
  assertEquals(repeated.best, 2 * half.best);
});

Deno.test("compareMappings() refuses impossible arrays and unknown options", () => {
  const layers = publishedLayers("CNN-8");
  assertThrows(() => compareMappings("x", layers, { rows: 0, columns: 8 }), Error, "compare.rows");
  assertThrows(() => compareMappings("x", layers, { rows: 8, columns: 3, weightBits: 4 }), Error, "at least 4");
  assertThrows(() => compareMappings("x", layers, { rows: 8, columns: 8, bits: 4 } as never), OptionError, "compare.bits");
});
