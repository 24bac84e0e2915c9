// The trainer's kernels in evaluation mode against the plain reference, before and after steps of training.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { GraphError, OptionError, ShapeError } from "../../lib/errors.ts";
import type { Builder } from "../../lib/network/builder.ts";
import { runFloat } from "../../lib/network/float_run.ts";
import type { Network, Shape } from "../../lib/network/graph.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { vgg7 } from "../../lib/network/zoo/vgg7.ts";
import { tensor } from "../../lib/tensor.ts";
import { crossEntropy } from "../../lib/train/loss.ts";
import { descend } from "../../lib/train/optimizer.ts";
import { DEFAULT_RECIPE } from "../../lib/train/recipe.ts";
import { randomNet, randomPixels, withGraph } from "./gradients.ts";

function compare(name: string, net: Network, batch = 4): void {
  Deno.test(`trainingGraph() in evaluation mode computes what runFloat() does: ${name}`, async () => {
    const pixels = randomPixels(batch, net.input), images = tensor(pixels, [batch, ...net.input]);
    await withGraph(net, batch, (graph) => {
      for (let step = 0; step < 3; step++) {
        const found = graph.forward(pixels, false), current = graph.network(), layers = current.layers.filter(({ op }) => op !== "softmax");
        const { logits } = runFloat({ ...current, layers }, images);
        const largest = logits.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
        found.forEach((value, i) =>
          assert(Math.abs(value - logits.data[i]!) <= 1e-4 * largest, `step ${step}, logit ${i}: ${value}, ${logits.data[i]}`)
        );
        const classes = found.length / batch, labels = Uint8Array.from({ length: batch }, (_, i) => i % classes);
        graph.backward(crossEntropy(graph.forward(pixels, true), labels).gradient);
        descend(graph.parameters, DEFAULT_RECIPE.optimizer, 0.05);
      }
    }, { threads: 2 });
  });
}

compare("LeNet", lenet({ seed: 2 }));
compare("VGG7", vgg7({ width: 1 / 32, seed: 2 }), 2);
const input: Shape = [7, 8, 3];
const nets: Readonly<Record<string, (b: Builder) => void>> = {
  "branches, groups and odd channels": (b) => {
    const stem = b.conv("stem", { channels: 6, kernel: 3, padding: 1, bias: false });
    b.batchNorm("bn");
    const relu = b.relu("relu");
    const left = b.conv("left", { channels: 9, kernel: 3, padding: 1, groups: 3, from: relu });
    const right = b.conv("right", { channels: 6, kernel: [1, 3], padding: [0, 2], dilation: [1, 2], groups: 6, from: relu });
    const sum = b.add("sum", { from: [stem, right] });
    b.concat("join", { from: [left, sum, relu] });
    b.maxPool("most", { kernel: 3, stride: 2, padding: 1 });
    b.averagePool("mean", { kernel: [2, 3], stride: 1, padding: [1, 1] });
    b.conv("down", { channels: 5, kernel: 3, stride: 2, padding: 1 });
    b.globalAveragePool("pool");
    b.linear("fc", { features: 3 });
    b.softmax("softmax");
  },
  "a channel split and shuffles": (b) => {
    b.conv("stem", { channels: 12, kernel: 3, padding: 1 });
    const stem = b.shuffle("deal", { groups: 3 });
    const passed = b.slice("passed", { channels: 5 });
    b.slice("read", { from: stem, first: 5, channels: 7 });
    b.relu("relu");
    b.concat("concat", { from: ["relu", passed] });
    b.shuffle("mix", { groups: 4 });
    b.flatten("flatten");
    b.linear("fc", { features: 3 });
  },
  "batch norm of the images": (b) => {
    b.batchNorm("bn");
    b.flatten("flatten");
    b.linear("fc1", { features: 9 });
    b.relu("relu");
    b.linear("fc2", { features: 3 });
  },
};
for (const [name, build] of Object.entries(nets)) compare(name, randomNet(input, build));

Deno.test("trainingGraph() keeps running statistics as an exponential mean, with the unbiased variance", async () => {
  const net = randomNet([1, 1, 2], (b) => {
    b.batchNorm("bn");
    b.linear("fc", { features: 2 });
  });
  await withGraph(net, 4, (graph) => {
    graph.forward(Uint8Array.of(121, 121, 121 + 63, 121, 121, 121, 121 + 63, 121), true);
    const mean = net.parameters["bn.mean"]!.data, variance = net.parameters["bn.variance"]!.data;
    const close = (found: number, wanted: number) => assert(Math.abs(found - wanted) < 1e-6, `${found}, ${wanted}`);
    close(graph.state["bn.mean"]![0]!, 0.9 * mean[0]! + 0.1 * 0.5);
    close(graph.state["bn.mean"]![1]!, 0.9 * mean[1]!);
    close(graph.state["bn.variance"]![0]!, 0.9 * variance[0]! + 0.1 / 3);
    const before = [...graph.state["bn.mean"]!];
    graph.forward(new Uint8Array(8), false);
    assertEquals([...graph.state["bn.mean"]!], before);
  });
});

Deno.test("trainingGraph() refuses what it cannot train", async () => {
  const flat = randomNet([1, 1, 2], (b) => void b.linear("fc", { features: 2 }));
  await assertRejects(() => withGraph(flat, 0, () => {}), OptionError, "batch");
  await assertRejects(() => withGraph(randomNet([2, 2, 1], (b) => void b.relu("relu")), 1, () => {}), ShapeError, "relu");
  const soft = randomNet([1, 1, 2], (b) => {
    b.softmax("soft");
    b.linear("fc", { features: 2 });
  });
  await assertRejects(() => withGraph(soft, 1, () => {}), OptionError, "soft");
  await withGraph(flat, 1, (graph) => {
    assertThrows(() => graph.forward(new Uint8Array(3), false), ShapeError, "3 pixels");
    assertThrows(() => graph.output("nothing"), GraphError, "nothing");
  });
});
