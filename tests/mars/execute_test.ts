// Packed weights and index codes give the network's own integers: random layers of every kind, and whole networks.

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { MappingError, NumericError } from "../../lib/errors.ts";
import { marsAccelerator } from "../../lib/mars/accelerator.ts";
import { provePacked, runPacked } from "../../lib/mars/execute.ts";
import { packMars, storedGroups, unpackLayer } from "../../lib/mars/pack.ts";
import { network } from "../../lib/network/builder.ts";
import { foldBatchNorm } from "../../lib/network/fold_batch_norm.ts";
import type { Network } from "../../lib/network/graph.ts";
import { pruneGroups } from "../../lib/prune/prune_groups.ts";
import { dorefa } from "../../lib/quantize/dorefa.ts";
import { lsq } from "../../lib/quantize/lsq.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { quantize } from "../../lib/quantize/quantize.ts";
import { uniform } from "../../lib/quantize/uniform.ts";
import { hash, uniform as draw } from "../../lib/random.ts";
import { elements, type Tensor, tensor } from "../../lib/tensor.ts";
import { residual } from "../prune/networks.ts";

const pick = <T>(seed: number, what: number, choices: readonly T[]): T => choices[Math.floor(draw(seed, what) * choices.length)]!;

function pixels(net: Network, count: number, seed: number): Tensor<Uint8Array> {
  const data = Uint8Array.from({ length: count * elements(net.input) }, (_, at) => hash(seed, at) & 255);
  return tensor(data, [count, ...net.input]);
}

/** conv → relu → conv → relu → linear of random extents, strides, padding, groups, dilation and input zero. */
function randomNet(seed: number): Network {
  const groups = pick(seed, 1, [1, 1, 2, 4]), channels = 4 * pick(seed, 2, [1, 2, 5]), zero = pick(seed, 3, [0, 7, 255]);
  return network({ name: "random", input: [6, 5, 2], encoding: { zero, scale: 1 / 64 }, seed }, (b) => {
    b.conv("a", { channels, kernel: pick(seed, 4, [1, 3]), padding: pick(seed, 5, [0, 1]), stride: pick(seed, 6, [1, 2]) });
    b.relu("r1");
    b.conv("b", { channels: 4 * pick(seed, 7, [1, 3, 9]), kernel: 3, padding: 2, dilation: pick(seed, 8, [1, 2]), groups, bias: false });
    b.relu("r2");
    b.flatten("flat");
    b.linear("c", { features: pick(seed, 9, [3, 17, 40]) });
  });
}

Deno.test("provePacked() finds packed weights exact on random layers, precisions, groups and index codes", async () => {
  for (let seed = 0; seed < 24; seed++) {
    const accelerator = marsAccelerator({
      macro: { wordLines: pick(seed, 10, [3, 16, 128]), bitLines: pick(seed, 11, [8, 24, 64]), cellBits: pick(seed, 12, [1, 2]) },
      digitBits: pick(seed, 13, [1, 2, 3, 8]),
      index: pick(seed, 14, ["bitmap", "runLength", "auto"] as const),
    });
    const block = { rows: accelerator.macro.wordLines, columns: 2 }, sparsity = pick(seed, 15, [0, 0.3, 0.8]);
    const { network: pruned } = pruneGroups(randomNet(seed), { ...block, sparsity });
    const weights = pick(seed, 16, [uniform({ bits: 4 }), lsq({ bits: 3, perChannel: true }), uniform({ bits: 8 })]);
    const quantized = quantize(pruned, { weights, activations: pact({ bits: pick(seed, 17, [2, 4, 8]), alpha: 2 }) });
    const packed = packMars(quantized, accelerator), { exact, layers } = await provePacked(quantized, pixels(pruned, 2, seed), accelerator);
    assert(exact, `seed ${seed}: ${JSON.stringify(layers)}`);
    assert(layers.every(({ sums }) => sums > 0) && layers.length === 3);
    for (const layer of packed.layers) assertEquals(unpackLayer(layer).numbers.length, storedGroups(layer));
  }
});

Deno.test("provePacked() holds for a residual network with its batch norms folded", async () => {
  const { network: pruned } = pruneGroups(foldBatchNorm(residual()), { rows: 4, columns: 2, sparsity: 0.5 });
  const quantized = quantize(pruned, { weights: uniform({ bits: 4 }), activations: pact({ bits: 4, alpha: 4 }) });
  const accelerator = marsAccelerator({ macro: { wordLines: 4, bitLines: 8 } });
  const { exact, layers } = await provePacked(quantized, pixels(pruned, 3, 5), accelerator);
  assert(exact);
  assertEquals(layers.map(({ name }) => name), ["stem", "a1", "a2", "b1", "b2", "skip"]); // fc reads a mean
});

Deno.test("provePacked() finds a wrong bit of weights and of the index", async () => {
  const net = randomNet(4), accelerator = marsAccelerator({ index: "bitmap", macro: { wordLines: 4, bitLines: 8 } });
  const { network: pruned } = pruneGroups(net, { rows: 4, columns: 1, sparsity: 0.5 });
  const quantized = quantize(pruned, { weights: uniform({ bits: 4 }), activations: pact({ bits: 4, alpha: 2 }) });
  const packed = packMars(quantized, accelerator), images = pixels(net, 2, 1);
  const change = (data: Uint8Array, at: number, bits: number) => data.map((byte, index) => index === at ? byte ^ bits : byte);
  const [a, ...rest] = packed.layers;
  const weight = { ...packed, layers: [{ ...a!, data: change(a!.data, 0, 1) }, ...rest] };
  assertEquals((await provePacked(quantized, images, accelerator, weight)).exact, false);
  // A kept group and a pruned one change places.
  const bits = (at: number) => a!.index.data[at >> 3]! >> (at & 7) & 1;
  const kept = [...Array(a!.groups).keys()].find((at) => bits(at) === 1)!, gone = [...Array(a!.groups).keys()].find((at) => bits(at) === 0);
  assertNotEquals(gone, undefined);
  const data = change(change(a!.index.data, kept >> 3, 1 << (kept & 7)), gone! >> 3, 1 << (gone! & 7));
  const index = { ...packed, layers: [{ ...a!, index: { ...a!.index, data } }, ...rest] };
  assertEquals((await provePacked(quantized, images, accelerator, index)).exact, false);
});

Deno.test("packMars() stores kept groups only, leaves out layers on reals, and refuses weights without a zero", () => {
  const accelerator = marsAccelerator(), net = randomNet(2);
  const bits = { activations: pact({ bits: 4 }) };
  assertThrows(() => packMars(quantize(net, { ...bits, weights: dorefa({ bits: 4 }) }), accelerator), MappingError, "a.weight");
  const real = quantize(net, { ...bits, weights: uniform({ bits: 4 }), layers: { r1: { activations: null } } });
  assertEquals(packMars(real, accelerator).layers.map(({ name }) => name), ["a", "c"]);
  const packed = packMars(quantize(net, { ...bits, weights: uniform({ bits: 4 }) }), accelerator);
  assertEquals(packed.weightBits, packed.layers.reduce((sum, { data }) => sum + 8 * data.length, 0));
  assertEquals(packed.indexBits, packed.layers.reduce((sum, { index }) => sum + index.bits, 0));
  assertThrows(() => runPacked(packed.layers[0]!, new Uint8Array(60), { zero: 0.5 }), NumericError, "zero 0.5");
});
