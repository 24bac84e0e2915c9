import { assertEquals, assertThrows } from "@std/assert";
import { GraphError } from "../../lib/errors.ts";
import { network } from "../../lib/network/builder.ts";
import { layerGeometries, networkSize } from "../../lib/network/geometries.ts";

const net = network({ name: "test", input: [9, 8, 4] }, (b) => {
  b.conv("wide", { channels: 6, kernel: [3, 1], stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 });
  b.batchNorm("bn");
  b.relu("relu");
  b.flatten("flatten");
  b.linear("fc", { features: 3, bias: false });
});

Deno.test("layerGeometries() lists conv and linear layers in order", () => {
  assertEquals(layerGeometries(net), [
    {
      name: "wide",
      op: "conv",
      geometry: {
        kernel: [3, 1],
        stride: [2, 1],
        padding: [1, 0],
        dilation: [1, 2],
        groups: 2,
        inputShape: [9, 8, 4],
        outputShape: [5, 8, 6],
      },
    },
    {
      name: "fc",
      op: "linear",
      geometry: {
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
        inputShape: [1, 1, 240],
        outputShape: [1, 1, 3],
      },
    },
  ]);
});

Deno.test("networkSize() counts parameters and multiply-accumulates", () => {
  const weights = 6 * 2 * 3 + 240 * 3;
  assertEquals(networkSize(net), { parameters: weights + 6 + 12, weights, macs: 6 * 2 * 3 * 5 * 8 + 240 * 3 });
});

Deno.test("layerGeometries() reads no parameter", () => {
  const bare = {
    input: net.input,
    layers: net.layers,
    get parameters(): never {
      throw new Error("read");
    },
  };
  assertEquals(layerGeometries(bare).length, 2);
  assertEquals(networkSize(bare).macs, 2160);
});

Deno.test("layerGeometries() throws where the graph is malformed", () => {
  assertThrows(() => layerGeometries({ input: [4, 4, 1], layers: [{ op: "relu", name: "a", inputs: ["b"] }] }), GraphError, "(a)");
});
