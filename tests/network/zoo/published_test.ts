import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import { publishedLayers, type PublishedNetwork } from "../../../lib/network/zoo/published.ts";

const ceil = (a: number, b: number): number => Math.ceil(a / b);

/** Cycles of im2col. */
function im2col(network: PublishedNetwork, rows: number, columns: number): number {
  return publishedLayers(network).reduce((sum, { kernel, in: input, out, geometry: { outputShape } }) => {
    return sum + outputShape[0] * outputShape[1] * ceil(kernel * kernel * input, rows) * ceil(out, columns);
  }, 0);
}

/** Cycles of each layer with the best whole window of channels (VW-SDK), im2col where none is better. */
function windows(network: PublishedNetwork, rows: number, columns: number): number[] {
  return publishedLayers(network).map(({ kernel, image, in: input, out }) => {
    const outputs = image - kernel + 1;
    let best = outputs * outputs * ceil(kernel * kernel * input, rows) * ceil(out, columns);
    for (let j = 1; j <= outputs; j++) {
      for (let i = 1; i <= outputs; i++) {
        const deep = Math.floor(rows / ((kernel + j - 1) * (kernel + i - 1))), wide = Math.floor(columns / (i * j));
        if (deep > 0 && wide > 0) best = Math.min(best, ceil(outputs, j) * ceil(outputs, i) * ceil(input, deep) * ceil(out, wide));
      }
    }
    return best;
  });
}

Deno.test("publishedLayers() gives the published im2col cycles on five arrays", () => {
  const arrays = [[512, 512], [512, 256], [256, 512], [256, 256], [128, 128]] as const;
  assertEquals(arrays.map(([rows, columns]) => im2col("VGG-13", rows, columns)), [243_736, 255_792, 358_196, 381_632, 810_056]);
  assertEquals(arrays.map(([rows, columns]) => im2col("ResNet-18", rows, columns)), [20_041, 20_266, 25_110, 25_560, 51_920]);
});

Deno.test("publishedLayers() gives the published VW-SDK cycles per layer", () => {
  assertEquals(windows("CNN-8", 256, 512), [64, 80, 28, 30, 30, 7]);
  assertEquals(windows("ResNet-20 wide", 512, 128), [900, 588, 360]);
  assertEquals(publishedLayers("ResNet-20 wide").map(({ repeat }) => repeat), [6, 6, 6]);
});

Deno.test("publishedLayers() throws for a network without a table", () => {
  assertThrows(() => publishedLayers("VGG-19" as PublishedNetwork), OptionError, "VGG-19");
});
