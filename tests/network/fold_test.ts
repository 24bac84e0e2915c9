import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { GraphError, NumericError } from "../../lib/errors.ts";
import { network } from "../../lib/network/builder.ts";
import { batchNormAffine, consumers, layerByName } from "../../lib/network/fold.ts";
import { tensor } from "../../lib/tensor.ts";

const one = (...values: number[]) => tensor(Float32Array.from(values), [values.length]);
const parameters = { "bn.weight": one(2, -1), "bn.bias": one(1, 0.5), "bn.mean": one(3, 4), "bn.variance": one(4, 0.25) };
const net = network({ name: "test", input: [2, 2, 2], parameters }, (b) => {
  b.batchNorm("bn", { epsilon: 0 });
  b.relu("relu");
  b.add("sum", { from: ["bn", "relu"] });
  b.add("twice", { from: ["bn", "bn"] });
});

Deno.test("batchNormAffine() folds the four parameters", () => {
  assertEquals(batchNormAffine(net, "bn"), { scale: Float64Array.of(1, -2), bias: Float64Array.of(-2, 8.5) });
  const layers = net.layers.map((layer) => layer.op === "batchNorm" ? { ...layer, epsilon: 5 } : layer);
  assertAlmostEquals(batchNormAffine({ ...net, layers }, "bn").scale[0]!, 2 / 3, 1e-12);
});

Deno.test("batchNormAffine() throws on another op, missing parameters and a variance of zero", () => {
  assertThrows(() => batchNormAffine(net, "relu"), GraphError, "relu");
  assertThrows(() => batchNormAffine(net, "bn2"), GraphError, "one of bn, relu");
  assertThrows(() => batchNormAffine({ ...net, parameters: {} }, "bn"), GraphError, "bn.weight");
  const flat = { ...net, parameters: { ...parameters, "bn.variance": one(1, 0) } };
  assertThrows(() => batchNormAffine(flat, "bn"), NumericError, "bn, channel 1");
});

Deno.test("consumers() lists the readers of each layer once", () => {
  const readers = [...consumers(net)].map(([name, layers]) => [name, layers.map((layer) => layer.name)]);
  assertEquals(readers, [["input", ["bn"]], ["bn", ["relu", "sum", "twice"]], ["relu", ["sum"]], ["sum", []], ["twice", []]]);
});

Deno.test("layerByName() finds a layer", () => {
  assertEquals(layerByName(net, "relu").op, "relu");
});
