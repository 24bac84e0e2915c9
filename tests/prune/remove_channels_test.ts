import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../lib/errors.ts";
import { runFloat } from "../../lib/network/float_run.ts";
import type { Network } from "../../lib/network/graph.ts";
import { validate } from "../../lib/network/validate.ts";
import { channelGroups } from "../../lib/prune/groups.ts";
import { removeChannels } from "../../lib/prune/remove_channels.ts";
import { hash } from "../../lib/random.ts";
import { tensor } from "../../lib/tensor.ts";
import { branched, plain, residual } from "./networks.ts";

/** The network with the weights that read the removed channels set to zero: what removal must compute. */
function silenced(net: Network, keep: Readonly<Record<string, readonly number[]>>): Network {
  const parameters = Object.fromEntries(
    Object.entries(net.parameters).map(([name, { data, shape }]) => [name, tensor(data.slice(), shape)]),
  );
  for (const group of channelGroups(net)) {
    const kept = keep[group.name];
    if (kept === undefined) continue;
    for (const { layer, positions } of group.consumers) {
      const { data, shape: [out, inputs, ...kernel] } = parameters[`${layer}.weight`]!, taps = kernel.reduce((a, b) => a * b, 1);
      positions.forEach((columns, channel) => {
        if (kept.includes(channel)) return;
        // Of a grouped convolution every group reads the same places.
        for (const column of new Set(columns.map((each) => each % inputs!))) {
          for (let row = 0; row < out!; row++) data.fill(0, (row * inputs! + column) * taps, (row * inputs! + column + 1) * taps);
        }
      });
    }
  }
  return { ...net, parameters };
}

function images({ input }: Network) {
  const size = 3 * input[0] * input[1] * input[2];
  return tensor(Uint8Array.from({ length: size }, (_, i) => hash(5, i) & 255), [3, ...input]);
}

const cases: readonly [string, Network, Record<string, number[]>][] = [
  ["a chain with flatten", plain(), { conv1: [0, 2, 4], conv2: [1, 3], fc1: [0, 1, 2, 5] }],
  ["sums", residual(), { stem: [1, 2], a1: [2], b1: [0, 1, 4], b2: [0, 5] }],
  ["concat, depthwise and grouped layers", branched(), { left: [1, 3], right: [0, 1, 2], mix: [0, 2], grouped: [1] }],
];

for (const [what, net, keep] of cases) {
  Deno.test(`removeChannels() computes the same without channels nobody reads: ${what}`, () => {
    const small = removeChannels(net, keep);
    validate(small);
    const wanted = runFloat(silenced(net, keep), images(net)).logits, got = runFloat(small, images(net)).logits;
    const largest = Math.max(...wanted.data.map(Math.abs));
    got.data.forEach((value, i) => assertAlmostEquals(value, wanted.data[i]!, 1e-6 * largest));
    assert(Object.values(small.parameters).reduce((sum, { data }) => sum + data.length, 0) < count(net));
  });
}

function count(net: Network): number {
  return Object.values(net.parameters).reduce((sum, { data }) => sum + data.length, 0);
}

Deno.test("removeChannels() narrows a depthwise layer's groups", () => {
  const small = removeChannels(branched(), { left: [1], right: [0, 2] });
  const layer = small.layers.find(({ name }) => name === "depthwise")!;
  assert(layer.op === "conv");
  assertEquals([layer.groups, layer.channels, small.parameters["depthwise.weight"]!.shape], [3, 6, [6, 1, 3, 3]]);
});

Deno.test("removeChannels() keeps clipping levels and narrows trained codes", () => {
  const net = plain(),
    codes = (name: string) => ({
      quantizer: { kind: "dorefa", bits: 4 },
      codes: { shape: net.parameters[name]!.shape, data: Int16Array.from(net.parameters[name]!.data, (_, i) => i) },
      zero: 7.5,
      scale: 0.1,
      signed: false,
    });
  const small = removeChannels({
    ...net,
    parameters: { ...net.parameters, "relu1.alpha": tensor(Float32Array.of(2.5), [1]) },
    codes: { "conv2.weight": codes("conv2.weight"), "fc2.weight": codes("fc2.weight") },
  }, { conv1: [1, 4], conv2: [0] });
  const kept = small.codes!["conv2.weight"]!;
  assertEquals(kept.codes.shape, [1, 2, 3, 3]);
  assertEquals([...kept.codes.data], [...Array(9).keys()].map((i) => 9 + i).concat([...Array(9).keys()].map((i) => 36 + i)));
  assertEquals([kept.zero, kept.scale], [7.5, 0.1]);
  assertEquals(small.codes!["fc2.weight"]!.codes.shape, [3, 7]);
  assertEquals(small.parameters["relu1.alpha"]!.data[0], 2.5);
});

Deno.test("removeChannels() refuses unknown groups and impossible choices", () => {
  const net = plain();
  for (const [keep, text] of [[{ conv9: [0] }, "conv9"], [{ fc2: [0] }, "fc2"], [{ conv1: [] }, "conv1"]] as const) {
    assertThrows(() => removeChannels(net, keep), OptionError, text);
  }
  for (const kept of [[5], [1, 1], [2, 0], [0.5], [-1]]) assertThrows(() => removeChannels(net, { conv1: kept }), OptionError, "conv1");
});
