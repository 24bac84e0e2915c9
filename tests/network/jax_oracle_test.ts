// An independent implementation as oracle. Only its "cpu" device is used: the "wasm" one starts workers that keep a process from exiting.

import { assert, assertEquals } from "@std/assert";
import { network } from "../../lib/network/builder.ts";
import { runFloat } from "../../lib/network/float_run.ts";
import type { Shape } from "../../lib/network/graph.ts";
import { hash } from "../../lib/random.ts";
import { type Tensor, tensor } from "../../lib/tensor.ts";

async function load(): Promise<typeof import("@jax-js/jax")> {
  const jax = await import("@jax-js/jax");
  await jax.init("cpu");
  jax.defaultDevice("cpu");
  return jax;
}

function images(...shape: [number, ...Shape]): Tensor<Uint8Array> {
  return tensor(Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, (_, index) => hash(5, index) & 255), shape);
}

function assertClose(actual: Float32Array, expected: ArrayLike<number>): void {
  assertEquals(actual.length, expected.length);
  const largest = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (let index = 0; index < actual.length; index++) {
    assert(
      Math.abs(actual[index]! - expected[index]!) <= 1e-5 * largest,
      `element ${index}: got ${actual[index]}, wanted ${expected[index]}`,
    );
  }
}

const encoding = { zero: 121, scale: 1 / 63 };

const cases = [
  { kernel: 3, stride: 1, padding: 1, dilation: 1, groups: 1 },
  { kernel: [3, 2], stride: [2, 1], padding: [1, 0], dilation: 1, groups: 1 },
  { kernel: 3, stride: 2, padding: [2, 3], dilation: [2, 1], groups: 2 },
  { kernel: [1, 3], stride: [1, 3], padding: [0, 2], dilation: [1, 3], groups: 4 },
] as const;

for (const options of cases) {
  Deno.test(`runFloat() convolves as jax-js does: ${JSON.stringify(options)}`, async () => {
    const { lax, numpy } = await load();
    const net = network(
      { name: "test", input: [7, 8, 4], encoding, seed: 3 },
      (b) => void b.conv("c", { channels: 8, bias: false, ...options }),
    );
    const pixels = images(2, 7, 8, 4);
    const { taps } = runFloat(net, pixels, { taps: ["input", "c"] });
    const layer = net.layers[0]!;
    assert(layer.op === "conv");
    const weight = net.parameters["c.weight"]!;
    const output = lax.convGeneralDilated(
      numpy.array(new Float32Array(taps.get("input")!.data)).reshape([2, 7, 8, 4]).transpose([0, 3, 1, 2]),
      numpy.array(new Float32Array(weight.data)).reshape([...weight.shape]),
      [...layer.stride],
      layer.padding.map((pad): [number, number] => [pad, pad]),
      { rhsDilation: [...layer.dilation], featureGroupCount: layer.groups },
    ).transpose([0, 2, 3, 1]);
    const result = taps.get("c")!;
    assertEquals([...result.shape], output.shape);
    assertClose(result.data, await output.data());
  });
}

Deno.test("runFloat() multiplies as jax-js does", async () => {
  const { numpy } = await load();
  const net = network({ name: "test", input: [1, 1, 33], encoding, seed: 4 }, (b) => void b.linear("fc", { features: 7, bias: false }));
  const { logits, taps } = runFloat(net, images(3, 1, 1, 33), { taps: ["input"] });
  const weight = numpy.array(new Float32Array(net.parameters["fc.weight"]!.data)).reshape([7, 33]);
  const output = numpy.matmul(numpy.array(new Float32Array(taps.get("input")!.data)).reshape([3, 33]), weight.transpose());
  assertClose(logits.data, await output.data());
});
