// Gradients of a whole network from an independent implementation. Only its "cpu" device is used: the "wasm" one starts workers that keep a process from exiting.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Array as JaxArray } from "@jax-js/jax";
import { crossEntropy } from "../../lib/train/loss.ts";
import { randomNet, randomPixels, withGraph } from "./gradients.ts";

async function load(): Promise<typeof import("@jax-js/jax")> {
  const jax = await import("@jax-js/jax");
  await jax.init("cpu");
  jax.defaultDevice("cpu");
  return jax;
}

Deno.test("trainingGraph() has jax-js's gradients on convolution, batch norm, ReLU, pooling and linear layers", async () => {
  const { lax, nn, numpy, valueAndGrad } = await load();
  const batch = 6, input = [6, 8, 3] as const;
  const net = randomNet(input, (b) => {
    b.conv("conv1", { channels: 6, kernel: 3, padding: 1, bias: false });
    b.batchNorm("bn1");
    b.relu("relu1");
    b.maxPool("pool1", { kernel: 2 });
    b.conv("conv2", { channels: 8, kernel: 3, stride: 2, padding: 1, groups: 2 });
    b.relu("relu2");
    b.globalAveragePool("pool2");
    b.linear("fc", { features: 4 });
  });
  const pixels = randomPixels(batch, input), labels = Uint8Array.from({ length: batch }, (_, i) => i % 4);
  const names = Object.keys(net.parameters).filter((name) => !/mean|variance/.test(name));

  const loss = (parameters: Record<string, JaxArray>): JaxArray => {
    const p = (name: string) => parameters[name]!.ref;
    const floats = Float32Array.from(pixels, (pixel) => (pixel - net.encoding.zero) * net.encoding.scale);
    let x = numpy.array(floats).reshape([batch, ...input]).transpose([0, 3, 1, 2]);
    x = lax.convGeneralDilated(x, p("conv1.weight"), [1, 1], [[1, 1], [1, 1]]).transpose([0, 2, 3, 1]);
    const mean = x.ref.mean([0, 1, 2], { keepdims: true }), centred = x.sub(mean);
    const variance = numpy.square(centred.ref).mean([0, 1, 2], { keepdims: true });
    x = centred.div(numpy.sqrt(variance.add(1e-5))).mul(p("bn1.weight")).add(p("bn1.bias"));
    x = nn.relu(x).reshape([batch, 3, 2, 4, 2, 6]).max([2, 4]).transpose([0, 3, 1, 2]);
    x = lax.convGeneralDilated(x, p("conv2.weight"), [2, 2], [[1, 1], [1, 1]], { featureGroupCount: 2 }).transpose([0, 2, 3, 1]);
    x = nn.relu(x.add(p("conv2.bias"))).mean([1, 2]);
    const logits = numpy.matmul(x, p("fc.weight").transpose()).add(p("fc.bias"));
    const wanted = numpy.array(Float32Array.from({ length: batch * 4 }, (_, i) => labels[Math.floor(i / 4)] === i % 4 ? 1 : 0)).reshape([
      batch,
      4,
    ]);
    return nn.logSoftmax(logits).mul(wanted).sum().mul(-1 / batch);
  };
  const arrays = Object.fromEntries(
    names.map((name) => [name, numpy.array(new Float32Array(net.parameters[name]!.data)).reshape([...net.parameters[name]!.shape])]),
  );
  const [value, gradients] = valueAndGrad(loss)(arrays);
  const wantedLoss = (await value.data())[0]!;

  await withGraph(net, batch, async (graph) => {
    const result = crossEntropy(graph.forward(pixels, true), labels);
    assertAlmostEquals(result.loss, wantedLoss, 1e-5);
    graph.backward(result.gradient);
    assertEquals(graph.parameters.map(({ name }) => name).sort(), [...names].sort());
    for (const { name, gradient, read } of graph.parameters) {
      const wanted = Float32Array.from(await gradients[name]!.data()), found = read(gradient).data;
      const largest = wanted.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
      found.forEach((entry, i) =>
        assert(Math.abs(entry - wanted[i]!) <= 2e-5 * largest + 1e-8, `${name}[${i}]: got ${entry}, wanted ${wanted[i]}`)
      );
    }
  });
});
