// The backward pass of layers on arrays: the plain one times ξ, as measured or given, with η where the output has it.

import { assert, assertAlmostEquals } from "@std/assert";
import { normal } from "../../../lib/random.ts";
import type { TrainingGraph } from "../../../lib/train/graph.ts";
import type { PimOptions } from "../../../lib/train/pim/options.ts";
import { randomPixels } from "../gradients.ts";
import { compare, gaussianLayer, pimRecipe, randomPair, withPim } from "./networks.ts";

const batch = 16, { net, pixels } = gaussianLayer(96, 12, 2, 1.5), images = pixels(batch);
const upstream = Float32Array.from({ length: batch * 12 }, (_, at) => normal(21, at));

interface Pass {
  /** Logits of a training step, their gradient as given, and what came back for the weights and for α. */
  readonly y: Float32Array;
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly alpha: number;
}

function pass(pim: PimOptions | null, steps = 1): Promise<Pass> {
  const plan = pimRecipe(pim, { batch, activations: { bits: 4, alpha: 2 } });
  return withPim(net, plan, async (graph: TrainingGraph) => {
    let y = new Float32Array();
    for (let step = 0; step < steps; step++) {
      await graph.prepare(true);
      y = graph.forward(images, true) as Float32Array<ArrayBuffer>;
    }
    graph.backward(upstream);
    const gradient = (name: string) => graph.parameters.find((each) => each.name === name)!;
    const weight = gradient("fc.weight");
    return {
      y,
      x: graph.output("relu").data,
      weight: weight.read(weight.gradient).data as Float32Array,
      alpha: gradient("relu.alpha").gradient[0]!,
    };
  });
}

const options = { layers: ["fc"], rows: 32, range: "max" } as const;

/** Asserts that a = factor · b, element by element. */
function assertMultiple(a: ArrayLike<number>, b: ArrayLike<number>, factor: number): void {
  const largest = Math.max(...Array.from(b, Math.abs)) * Math.abs(factor);
  assert(largest > 0, "a gradient of nothing but zeros");
  for (let at = 0; at < a.length; at++) assertAlmostEquals(a[at]!, factor * b[at]!, 1e-5 * largest);
}

Deno.test("pimLayer() hands back ξ times the gradient of the plain layer", async () => {
  const plain = await pass(null);
  for (const scheme of ["native", "bit-serial", "differential"] as const) {
    const found = await pass({ ...options, scheme, adcBits: 5, xi: 0.37, eta: 1 });
    assert(found.y.some((value, at) => value !== plain.y[at]), "the forward pass is another one");
    assertMultiple(found.weight, plain.weight, 0.37);
    assertAlmostEquals(found.alpha, 0.37 * plain.alpha, 1e-4 * Math.abs(plain.alpha));
    // ∂L/∂W = ξ · (∂L/∂y)ᵀ · x, written out.
    for (const [out, input] of [[0, 0], [3, 17], [11, 95]] as const) {
      let sum = 0;
      for (let image = 0; image < batch; image++) sum += upstream[image * 12 + out]! * found.x[image * 96 + input]!;
      assertAlmostEquals(found.weight[out * 96 + input]!, 0.37 * sum, 1e-4);
    }
  }
});

Deno.test("pimLayer() measures ξ as the ratio of the spreads with and without arrays", async () => {
  const plain = await pass(null);
  const found = await pass({ ...options, scheme: "native", adcBits: 4, eta: 1 });
  const { ratio } = compare(found.y, plain.y);
  assert(Math.abs(ratio - 1) > 0.05, `${ratio} is too near 1 to tell`);
  assertMultiple(found.weight, plain.weight, ratio);
});

Deno.test("pimLayer() multiplies output and gradient by η, which matching finds as the inverse ratio", async () => {
  const plain = await pass(null), one = await pass({ ...options, scheme: "bit-serial", adcBits: 4, eta: 1, xi: 1 });
  const given = await pass({ ...options, scheme: "bit-serial", adcBits: 4, eta: 1.75, xi: 1 });
  assertMultiple(given.y, one.y, 1.75);
  assertMultiple(given.weight, plain.weight, 1.75);
  // η is found in the first step and holds from the second on.
  const matched = await pass({ ...options, scheme: "bit-serial", adcBits: 4, xi: 1 }, 2), { ratio } = compare(one.y, plain.y);
  assertMultiple(matched.y, one.y, 1 / ratio);
  assertAlmostEquals(compare(matched.y, plain.y).ratio, 1, 1e-4);
});

Deno.test("pimLayer() leaves the bias' gradient alone and passes second derivatives on", async () => {
  const network = randomPair(2), inputs = randomPixels(8, network.input);
  assert(network.parameters["conv2.bias"] !== undefined, "a layer with a bias");
  const run = (xi: number) =>
    withPim(network, pimRecipe({ scheme: "native", adcBits: 6, rows: 32, range: "max", xi, eta: 1 }), async (graph) => {
      const gradients: Record<string, Float32Array> = {};
      for (const order of [1, 2] as const) {
        await graph.prepare(true);
        graph.forward(inputs, true);
        graph.backward(Float32Array.from({ length: 32 }, (_, at) => normal(5, at) ** order), { order, statistics: "running" });
        for (const { name, gradient } of graph.parameters) gradients[`${name} ${order}`] = gradient.slice();
      }
      return gradients;
    });
  const [one, two] = await Promise.all([1, 2].map(run));
  const differs = (name: string, factor: number) => assertMultiple(two![name]!, one![name]!, factor);
  for (const [order, factor] of [[1, 2], [2, 4]] as const) {
    differs(`conv2.weight ${order}`, factor);
    differs(`conv1.weight ${order}`, factor);
    differs(`conv2.bias ${order}`, 1);
  }
});
