import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { GraphError, OptionError, ShapeError } from "../../lib/errors.ts";
import { lenet } from "../../lib/network/zoo/lenet.ts";
import { pruneGroups } from "../../lib/prune/prune_groups.ts";
import { groupNorms, weightGroups } from "../../lib/prune/weight_groups.ts";
import { hash, uniform } from "../../lib/random.ts";
import { residual } from "./networks.ts";

Deno.test("weightGroups() numbers every weight by its row and column block", () => {
  for (let seed = 0; seed < 30; seed++) {
    const extent = (what: number, most: number) => 1 + hash(seed, what) % most, convGroups = extent(0, 3);
    const [perGroup, depth, height, width] = [extent(1, 9), extent(2, 7), extent(3, 3), extent(4, 3)];
    const block = { rows: extent(5, 8), columns: extent(6, 5) }, shape = [perGroup * convGroups, depth, height, width];
    const { of, sizes, count, rowBlocks, columnBlocks } = weightGroups(shape, block, convGroups), found = new Int32Array(count);
    assertEquals([rowBlocks * columnBlocks, sizes.length, of.length], [count, count, shape.reduce((a, b) => a * b)]);
    for (let index = 0; index < of.length; index++) {
      const x = index % width, y = Math.floor(index / width) % height, channel = Math.floor(index / width / height) % depth;
      const out = Math.floor(index / width / height / depth), row = (y * width + x) * depth + channel;
      const column = Math.floor(out / perGroup) * (columnBlocks / convGroups) + Math.floor(out % perGroup / block.columns);
      assertEquals(of[index], column * rowBlocks + Math.floor(row / block.rows));
      found[of[index]!]!++;
    }
    assertEquals(found, sizes);
    assert(sizes.every((size) => size > 0 && size <= block.rows * block.columns));
  }
  assertThrows(() => weightGroups([4, 2], { rows: 0, columns: 1 }), OptionError, "block.rows");
  assertThrows(() => weightGroups([5, 2], { rows: 1, columns: 1 }, 2), ShapeError, "multiple of 2");
});

Deno.test("pruneGroups() zeroes the smallest norms and leaves all else as it was", () => {
  const net = residual(), block = { rows: 4, columns: 2 };
  for (const sparsity of [0, 0.25, 0.6, 0.95]) {
    const { network, layers, sparsity: reached } = pruneGroups(net, { ...block, sparsity });
    let groups = 0, kept = 0;
    for (const layer of layers) {
      const name = `${layer.name}.weight`, before = net.parameters[name]!, after = network.parameters[name]!;
      const cut = weightGroups(before.shape, block), norms = groupNorms(before.data, cut), left = groupNorms(after.data, cut);
      const gone = norms.filter((_, group) => left[group] === 0), stay = norms.filter((_, group) => left[group] !== 0);
      assertEquals([layer.groups, layer.kept], [cut.count, stay.length]);
      assertEquals(gone.length, Math.min(cut.count - 1, Math.round(sparsity * cut.count)));
      assert(Math.max(0, ...gone) <= Math.min(...stay));
      after.data.forEach((value, index) => assertEquals(value, left[cut.of[index]!] === 0 ? 0 : before.data[index]));
      groups += cut.count;
      kept += stay.length;
    }
    assertAlmostEquals(reached, 1 - kept / groups, 1e-12);
    assertEquals(network.parameters["bnA.weight"], net.parameters["bnA.weight"]);
    // Pruning again changes nothing.
    assertEquals(pruneGroups(network, { ...block, sparsity }).layers, layers);
  }
});

Deno.test("pruneGroups() over the network takes weak layers first, and leaves each a group", () => {
  const net = lenet(),
    fc1 = net.parameters["fc1.weight"]!,
    weak = Float32Array.from(fc1.data, (value, at) => uniform(1, at) < 0.9 ? 0.01 * value : value);
  const scaled = { ...net, parameters: { ...net.parameters, "fc1.weight": { ...fc1, data: weak } } };
  const { layers, sparsity } = pruneGroups(scaled, { rows: 1, columns: 1, sparsity: 0.6, scope: "network", layers: ["fc*"] });
  assertAlmostEquals(sparsity, 0.6, 1e-3);
  assert(layers[0]!.kept / layers[0]!.groups < layers[1]!.kept / layers[1]!.groups);
  const all = pruneGroups(net, { rows: 16, columns: 16, sparsity: 0.999, scope: "network" });
  assert(all.layers.every(({ kept }) => kept >= 1));
  assert(all.table().includes("conv2"));
});

Deno.test("pruneGroups() drops codes of changed weights only, and names what is wrong", () => {
  const net = lenet(), quantizer = { kind: "uniform", bits: 4 }, codes = { shape: [1], data: new Int16Array(1) };
  const code = { quantizer, codes, signed: true, zero: 0, scale: 1 } as const;
  const trained = { ...net, codes: { "fc1.weight": code, "fc2.weight": code } };
  const { network } = pruneGroups(trained, { rows: 16, columns: 16, sparsity: 0.5, layers: ["fc1"] });
  assertEquals(Object.keys(network.codes!), ["fc2.weight"]);
  const options = { rows: 16, columns: 16, sparsity: 0.5 };
  assertThrows(() => pruneGroups(net, { ...options, sparsity: 1 }), OptionError, "pruneGroups.sparsity");
  assertThrows(() => pruneGroups(net, { ...options, columns: 0.5 }), OptionError, "pruneGroups.columns");
  assertThrows(() => pruneGroups(net, { ...options, layers: ["conv*", "fc9"] }), OptionError, "pruneGroups.layers.1");
  assertThrows(() => pruneGroups(net, { ...options, scope: "chip" as "layer" }), OptionError, "pruneGroups.scope");
  assertThrows(() => pruneGroups({ ...net, parameters: {} }, options), GraphError, "conv1.weight");
});
