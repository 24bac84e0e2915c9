// Normalisation of images: wherever it is put, the network computes the same.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeOnnx, GraphError, type OnnxOptions, OptionError, runFloat, ShapeError, tensor } from "../../../mod.ts";
import { build, floats, type Node, pixels } from "./build.ts";
import { difference } from "./reference.ts";

const images = tensor(pixels(2 * 6 * 5 * 3, 1), [2, 6, 5, 3]);
const constants = {
  w: { dims: [4, 3, 3, 3], data: floats(108, 1) },
  m: { dims: [1, 3, 1, 1], data: Float32Array.of(0.5, 0.25, 0.125) },
  k: { dims: [], data: Float32Array.of(2) },
};
const tail: Node = { op: "GlobalAveragePool", inputs: ["y"], output: "out" };

async function file(pads: number): Promise<Uint8Array> {
  return await build({
    input: [1, 3, 6, 5],
    constants,
    nodes: [{ op: "Conv", inputs: ["x", "w"], output: "y", attributes: { pads: [pads, pads, pads, pads] } }, tail],
  });
}

/** What the file computes for normalised images, by hand: the layer's own convolution over zero-padded, normalised pixels. */
async function byHand(pads: number, value: (pixel: number, channel: number) => number): Promise<Float32Array> {
  // A batch norm on its own input is not folded here, so the numbers go in by an identity convolution of a network without encoding.
  const weights = constants.w.data, out = new Float32Array(2 * 4);
  const [height, width] = [6 + 2 * pads - 2, 5 + 2 * pads - 2];
  for (let image = 0; image < 2; image++) {
    for (let channel = 0; channel < 4; channel++) {
      let sum = 0;
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          for (let tap = 0; tap < 27; tap++) {
            const from = Math.floor(tap / 9), y = row - pads + Math.floor(tap % 9 / 3), x = column - pads + tap % 3;
            if (y < 0 || y >= 6 || x < 0 || x >= 5) continue;
            sum += weights[channel * 27 + tap]! * value(images.data[((image * 6 + y) * 5 + x) * 3 + from]!, from);
          }
        }
      }
      out[image * 4 + channel] = sum / (height * width);
    }
  }
  return await Promise.resolve(out);
}

Deno.test("decodeOnnx() puts mean and deviation where they are exact", async () => {
  const mean = [0.491, 0.482, 0.447], std = [0.247, 0.243, 0.262], thirds = [1, 2, 4];
  const cases: [number, OnnxOptions, readonly string[], (pixel: number, channel: number) => number][] = [
    // Unpadded: into the convolution.
    [0, { mean, std, normalise: "fold" }, ["conv"], (pixel, channel) => (pixel / 255 - mean[channel]!) / std[channel]!],
    // Padded, no common zero: a layer of its own.
    [1, { mean, std }, ["batchNorm", "conv"], (pixel, channel) => (pixel / 255 - mean[channel]!) / std[channel]!],
    // Padded, one zero that is a pixel, one factor: into the encoding.
    [1, { mean: 128 / 255, std: 0.5, normalise: "fold" }, ["conv"], (pixel) => (pixel - 128) / 255 / 0.5],
    // Padded, one zero, several factors: the factors into the weights.
    [1, { mean: 0, std: thirds, normalise: "fold" }, ["conv"], (pixel, channel) => pixel / 255 / thirds[channel]!],
    [1, { encoding: { zero: 100, scale: 0.25 }, mean: 5, normalise: "fold" }, ["conv"], (pixel) => (pixel - 120) / 4],
  ];
  for (const [pads, options, ops, value] of cases) {
    const network = await decodeOnnx(await file(pads), options);
    assertEquals(network.layers.map(({ op }) => op).slice(0, -1), ops);
    const { error, magnitude } = difference(await byHand(pads, value), runFloat(network, images).logits.data);
    assert(error < 1e-5 * magnitude, `${JSON.stringify(options)}: ${error} of ${magnitude}`);
  }
  await assertRejects(async () => await decodeOnnx(await file(1), { mean, std, normalise: "fold" }), GraphError, "padded convolution");
});

Deno.test("decodeOnnx() takes shifts and factors at the start of the graph along", async () => {
  const nodes: Node[] = [
    { op: "Sub", inputs: ["x", "m"], output: "a" },
    { op: "Mul", inputs: ["k", "a"], output: "b" },
    { op: "Conv", inputs: ["b", "w"], output: "y" },
    tail,
  ];
  const network = await decodeOnnx(await build({ input: [1, 3, 6, 5], constants, nodes }), { normalise: "fold" });
  assertEquals(network.layers.map(({ op }) => op), ["conv", "globalAveragePool"]);
  const { error, magnitude } = difference(
    await byHand(0, (pixel, channel) => 2 * (pixel / 255 - constants.m.data[channel]!)),
    runFloat(network, images).logits.data,
  );
  assert(error < 1e-5 * magnitude, `${error} of ${magnitude}`);
});

Deno.test("decodeOnnx() checks the options of normalisation", async () => {
  const bytes = await file(0);
  await assertRejects(() => decodeOnnx(bytes, { mean: [1, 2] }), ShapeError, "mean");
  await assertRejects(() => decodeOnnx(bytes, { std: 0 }), OptionError, "std");
  await assertRejects(() => decodeOnnx(bytes, { mean: NaN }), OptionError, "mean");
  await assertRejects(() => decodeOnnx(bytes, { encoding: { zero: 0.5, scale: 1 } }), OptionError, "encoding");
  await assertRejects(() => decodeOnnx(bytes, { normalise: "maybe" as "auto" }), OptionError, "normalise");
  await assertRejects(() => decodeOnnx(bytes, { normalize: "auto" } as object), OptionError, "normalize");
});
