import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { GraphError, ShapeError } from "../../lib/errors.ts";
import { network } from "../../lib/network/builder.ts";
import type { Network } from "../../lib/network/graph.ts";
import { parameterShapes, validate } from "../../lib/network/validate.ts";
import { tensor } from "../../lib/tensor.ts";

const net = network({ name: "test", input: [4, 4, 2] }, (b) => {
  b.conv("conv", { channels: 4, kernel: 3, groups: 2, bias: false });
  b.batchNorm("bn");
  b.relu("relu");
  b.flatten("flatten");
  b.linear("fc", { features: 3 });
});

function refuses(change: Partial<Network>, kind: typeof GraphError | typeof ShapeError, ...parts: string[]): void {
  const error = assertThrows(() => validate({ ...net, ...change }), kind);
  for (const part of parts) assertStringIncludes(error.message, part);
}

Deno.test("validate() returns the shapes of a good network", () => {
  assertEquals(validate(net).get("fc"), [1, 1, 3]);
});

Deno.test("parameterShapes() lists what a layer needs", () => {
  assertEquals(parameterShapes(net.layers[0]!, [4, 4, 2]), { "conv.weight": [4, 1, 3, 3] });
  assertEquals(parameterShapes(net.layers[4]!, [1, 1, 16]), { "fc.weight": [3, 16], "fc.bias": [3] });
  assertEquals(Object.keys(parameterShapes(net.layers[1]!, [2, 2, 4])), ["bn.weight", "bn.bias", "bn.mean", "bn.variance"]);
  assertEquals(parameterShapes(net.layers[2]!, [2, 2, 4]), {});
});

Deno.test("validate() throws on missing, odd-shaped and stray parameters", () => {
  const { ["bn.mean"]: _, ...without } = net.parameters;
  refuses({ parameters: without }, GraphError, "(bn.mean)", "no such parameter");
  const wrong = tensor(new Float32Array(36), [4, 9]);
  refuses({ parameters: { ...net.parameters, "conv.weight": wrong } }, ShapeError, "(conv.weight)", "[4, 9]", "[4,1,3,3]");
  const short = { shape: [3], data: new Float32Array(2) };
  refuses({ parameters: { ...net.parameters, "fc.bias": short } }, ShapeError, "(fc.bias)", "2 elements");
  refuses({ parameters: { ...net.parameters, "cov.weight": wrong } }, GraphError, "(cov.weight)", "no layer");
});

Deno.test("validate() accepts and checks a clipping level", () => {
  const level = (values: number[], shape: number[]) => ({
    parameters: { ...net.parameters, "relu.alpha": tensor(Float32Array.from(values), shape) },
  });
  validate({ ...net, ...level([8], [1]) });
  refuses(level([8, 8], [2]), ShapeError, "(relu.alpha)", "got [2]");
  refuses(level([0], [1]), GraphError, "(relu.alpha)", "got 0");
  refuses({ parameters: { ...net.parameters, "bn.alpha": tensor(Float32Array.of(1), [1]) } }, GraphError, "(bn.alpha)");
});

Deno.test("validate() checks trained codes", () => {
  const affine = { zero: 7.5, scale: 2 / 15, signed: false };
  const codes = (shape: number[]) => ({ quantizer: { kind: "dorefa", bits: 4 }, codes: tensor(new Int16Array(48), shape), ...affine });
  validate({ ...net, codes: { "fc.weight": codes([3, 16]) } });
  refuses({ codes: { "fc.weight": codes([16, 3]) } }, ShapeError, "codes of fc.weight", "[16, 3]");
  refuses({ codes: { "fd.weight": codes([3, 16]) } }, GraphError, "(fd.weight)");
});

Deno.test("validate() checks encoding, epsilon and that there are layers", () => {
  refuses({ encoding: { zero: 0.5, scale: 1 } }, GraphError, "(input.zero)", "0.5");
  refuses({ encoding: { zero: 0, scale: 0 } }, GraphError, "(input.scale)");
  refuses({ layers: [] }, GraphError, "(test)", "no layers");
  const layers = net.layers.map((layer) => layer.op === "batchNorm" ? { ...layer, epsilon: -1 } : layer);
  refuses({ layers }, GraphError, "(bn.epsilon)");
});
