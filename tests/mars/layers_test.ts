import { assertEquals, assertThrows } from "@std/assert";
import { GraphError, MappingError } from "../../lib/errors.ts";
import { marsAccelerator } from "../../lib/mars/accelerator.ts";
import { groupCycles, keptGroups, marsLayers } from "../../lib/mars/layers.ts";
import { mars } from "../../lib/mars/mars.ts";
import { network } from "../../lib/network/builder.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { pruneGroups } from "../../lib/prune/prune_groups.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { quantize } from "../../lib/quantize/quantize.ts";
import { uniform } from "../../lib/quantize/uniform.ts";
import { residual } from "../prune/networks.ts";

Deno.test("marsLayers() takes precisions from the accelerator for float networks, and from the codes for quantised ones", () => {
  const accelerator = marsAccelerator({ weightBits: 2, activationBits: 5 }), net = lenet();
  const facts = (layers: ReturnType<typeof marsLayers>) =>
    layers.map(({ weightBits, inputBits, group }) => [weightBits, inputBits, group.columns]);
  assertEquals(facts(marsLayers(net, accelerator)), [[2, 8, 32], [2, 5, 32], [2, 5, 32], [2, 5, 32], [2, 5, 32]]);
  const quantized = quantize(net, { weights: uniform({ bits: 4 }), activations: pact({ bits: 3 }) });
  assertEquals(facts(marsLayers(quantized, accelerator)), [[8, 8, 8], [4, 3, 16], [4, 3, 16], [4, 3, 16], [8, 3, 8]]);
  const [conv1, conv2] = marsLayers(quantized, accelerator);
  assertEquals([groupCycles(conv1!, accelerator), groupCycles(conv2!, accelerator)], [4 * 28 * 28, 2 * 10 * 10]);
});

Deno.test("marsLayers() keeps exactly the groups with a weight that is not zero", () => {
  const { network: pruned, layers } = pruneGroups(residual(), { rows: 4, columns: 2, sparsity: 0.4 });
  const accelerator = marsAccelerator({ macro: { wordLines: 4, bitLines: 8 } });
  assertEquals(
    marsLayers(pruned, accelerator).map((layer) => [layer.kept.length, keptGroups(layer)]),
    layers.map(({ groups, kept }) => [groups, kept]),
  );
});

Deno.test("marsLayers() keeps the groups of a depthwise convolution apart", () => {
  const net = network({ name: "depthwise", input: [4, 4, 6] }, (b) => {
    b.conv("a", { channels: 6, kernel: 3, groups: 6, bias: false });
    b.flatten("flat");
    b.linear("fc", { features: 2 });
  });
  const [depthwise] = marsLayers(net, marsAccelerator());
  assertEquals([depthwise!.rowBlocks, depthwise!.kept.length], [1, 6]);
});

Deno.test("mars() names layers outside the macros, and refuses a network without one on them", () => {
  const options = { weights: uniform({ bits: 4 }), activations: pact({ bits: 4, alpha: 4 }) };
  assertEquals(mars(quantize(residual(), options)).digital, ["fc"]);
  const real = quantize(lenet(), { ...options, layers: { "*": { weights: null, activations: null } } });
  assertThrows(() => mars(real), MappingError, "lenet");
  assertThrows(() => mars({ ...lenet(), parameters: {} }), GraphError, "conv1.weight");
});
