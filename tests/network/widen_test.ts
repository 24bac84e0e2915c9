import { assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { GraphError, type Network, network, OptionError, resnet20, runFloat, tensor, vgg7, widen } from "../../mod.ts";
import { hash, normal } from "../../lib/random.ts";

/** Parameters that no layer starts with, so that every copy shows. */
function trained(net: Network): Network {
  const parameters = Object.fromEntries(
    Object.entries(net.parameters).map(([name, { data, shape }], index) => {
      const value = (at: number) => name.endsWith("variance") ? 0.5 + Math.abs(normal(index, at)) : 0.3 * normal(index, at);
      return [name, tensor(Float32Array.from({ length: data.length }, (_, at) => value(at)), shape)];
    }),
  );
  return { ...net, parameters };
}

/** A convolution, a depthwise one, a concatenation and a linear layer on pixels side by side; `channels` of each. */
const branches = (channels: number): Network =>
  network({ name: "branches", input: [6, 6, 3], encoding: { zero: 0, scale: 1 / 255 } }, (b) => {
    b.conv("first", { channels, kernel: 3, padding: 1 });
    const left = b.relu("left");
    b.conv("deep", { channels, kernel: 3, padding: 1, groups: channels });
    b.concat("both", { from: ["deep", left] });
    b.maxPool("pool", { kernel: 2 });
    b.flatten("flat");
    b.linear("last", { features: 4 });
  });

/** A residual block. */
function residual(channels: number): Network {
  return network({ name: "block", input: [6, 6, 3], encoding: { zero: 9, scale: 1 / 99 } }, (b) => {
    b.conv("conv1", { channels, kernel: 3, padding: 1, bias: false });
    b.batchNorm("bn1");
    const skip = b.relu("relu1");
    b.conv("conv2", { channels, kernel: 3, padding: 1, bias: false });
    b.batchNorm("bn2");
    b.add("sum", { from: ["bn2", skip] });
    b.globalAveragePool("mean");
    b.linear("last", { features: 5 });
  });
}

const CASES = {
  "VGG7, twice as wide": [vgg7({ width: 0.03125 }), vgg7({ width: 0.0625 })],
  "sums over shortcuts": [residual(4), residual(8)],
  "depthwise, concatenated, flattened": [branches(4), branches(8)],
  "not a multiple": [branches(4), branches(7)],
} as const;

for (const [name, [narrow, wide]] of Object.entries(CASES)) {
  Deno.test(`widen(), ${name}: without noise the wider network computes the same`, () => {
    const from = trained(narrow), [height, width, channels] = from.input;
    const images = tensor(Uint8Array.from({ length: 2 * height * width * channels }, (_, i) => hash(3, i) & 255), [
      2,
      height,
      width,
      channels,
    ]);
    const expected = runFloat(from, images).logits.data, got = runFloat(widen(from, wide, { noise: 0 }), images).logits.data;
    const size = Math.max(...expected.map(Math.abs));
    got.forEach((value, index) => assertAlmostEquals(value / size, expected[index]! / size, 1e-5));
  });
}

Deno.test("widen() tells copies apart by seeded noise, keeps clipping levels and drops what belongs to other weights", () => {
  const narrow = trained(branches(4)), alpha = tensor(Float32Array.of(2.5), [1]);
  const from = { ...narrow, parameters: { ...narrow.parameters, "left.alpha": alpha, "first.weight.step": alpha } };
  const wide = widen(from, branches(8)), [weights, again] = [wide, widen(from, branches(8))].map((net) => net.parameters["deep.weight"]!);
  assertEquals(weights, again);
  assertNotEquals(weights, widen(from, branches(8), { seed: 1 }).parameters["deep.weight"]);
  assertNotEquals(weights!.data.slice(0, 9), weights!.data.slice(36, 45));
  assertEquals([wide.parameters["left.alpha"], wide.parameters["first.weight.step"]], [alpha, undefined]);
});

Deno.test("widen() refuses networks of other layers, fewer channels or other outputs, and channels it cannot follow", () => {
  const small = vgg7({ width: 0.03125 });
  assertThrows(() => widen(small, resnet20()), GraphError, "layers");
  assertThrows(() => widen(vgg7({ width: 0.0625 }), small), GraphError, "conv1");
  assertThrows(() => widen(small, vgg7({ width: 0.0625, classes: 11 })), GraphError, "outputs");
  assertThrows(() => widen(small, small, { noise: -1 }), OptionError, "widen.noise");
  assertThrows(() => widen(small, small, { sead: 1 } as never), OptionError, "widen.sead");
  const shuffled = (channels: number) =>
    network({ name: "s", input: [4, 4, 3], encoding: { zero: 0, scale: 1 } }, (b) => {
      b.conv("conv", { channels, kernel: 1 });
      b.shuffle("shuffle", { groups: 2 });
    });
  assertThrows(() => widen(shuffled(4), shuffled(8)), GraphError, "shuffle");
});
