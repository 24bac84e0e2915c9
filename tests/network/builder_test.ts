import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { GraphError, OptionError, ShapeError } from "../../lib/errors.ts";
import { type Builder, network } from "../../lib/network/builder.ts";
import { validate } from "../../lib/network/validate.ts";
import { normal } from "../../lib/random.ts";
import { tensor } from "../../lib/tensor.ts";

const options = { name: "test", input: [8, 8, 4] } as const;

Deno.test("network() fills defaults and expands numbers to pairs", () => {
  const net = network(options, (b) => {
    b.conv("conv", { channels: 4, kernel: 3 });
    b.batchNorm("bn");
    b.maxPool("pool", { kernel: [2, 3] });
  });
  assertEquals(net.encoding, { zero: 0, scale: 1 / 255 });
  assertEquals(net.layers, [
    {
      op: "conv",
      name: "conv",
      inputs: ["input"],
      channels: 4,
      kernel: [3, 3],
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      bias: true,
    },
    { op: "batchNorm", name: "bn", inputs: ["conv"], epsilon: 1e-5 },
    { op: "maxPool", name: "pool", inputs: ["bn"], kernel: [2, 3], stride: [2, 3], padding: [0, 0] },
  ]);
  validate(net);
});

Deno.test("network() branches by name", () => {
  const net = network(options, (b) => {
    const stem = b.relu("stem");
    const left = b.conv("left", { channels: 4, kernel: 1 });
    b.conv("right", { channels: 4, kernel: 1, from: stem });
    b.add("sum", { from: [left, "right", "input"] });
  });
  assertEquals(net.layers.map(({ inputs }) => inputs), [["input"], ["stem"], ["stem"], ["left", "right", "input"]]);
});

Deno.test("network() draws initial values from the seed", () => {
  const build = (b: Builder): void => {
    b.conv("conv", { channels: 64, kernel: 3 });
    b.batchNorm("bn");
    b.flatten("flatten");
    b.linear("fc", { features: 5 });
  };
  const [a, again, other] = [7, 7, 8].map((seed) => network({ ...options, seed }, build).parameters);
  assertEquals(a, again);
  assertNotEquals(a!["conv.weight"], other!["conv.weight"]);
  assertEquals(a!["conv.weight"]!.data[5], Math.fround(Math.sqrt(2 / (9 * 64)) * normal(7, 0, 5)));
  const weights = a!["fc.weight"]!.data;
  const deviation = Math.sqrt(weights.reduce((sum, value) => sum + value * value, 0) / weights.length);
  assertAlmostEquals(deviation, Math.sqrt(2 / (36 * 64)), 0.05 * deviation);
  assertEquals(a!["bn.weight"]!.data[63], 1);
  assertEquals(a!["bn.variance"]!.data[0], 1);
  for (const name of ["bn.mean", "bn.bias", "conv.bias", "fc.bias"]) assert(a![name]!.data.every((value) => value === 0), name);
});

Deno.test("network() takes given parameters and refuses those that do not fit", () => {
  const build = (b: Builder): void => void b.relu(b.conv("conv", { channels: 2, kernel: 1, bias: false }) && "relu");
  const weight = tensor(new Float32Array(8), [2, 4, 1, 1]);
  const alpha = tensor(Float32Array.of(6), [1]);
  const net = network({ ...options, parameters: { "conv.weight": weight, "relu.alpha": alpha } }, build);
  assertEquals(net.parameters, { "conv.weight": weight, "relu.alpha": alpha });
  assertThrows(() => network({ ...options, parameters: { "conv.weight": alpha } }, build), ShapeError, "conv.weight");
  assertThrows(() => network({ ...options, parameters: { "conv.bias": alpha } }, build), OptionError, "conv.bias");
});

Deno.test("network() throws on unknown and ill-typed options, naming them", () => {
  const refuses = (build: (b: Builder) => unknown, where: string): void => {
    const error = assertThrows(() => network(options, (b) => void build(b)), OptionError);
    assertStringIncludes(error.message, where);
  };
  const odd = (value: unknown): never => value as never;
  refuses((b) => b.conv("c", odd({ channels: 1, kernel: 1, pad: 1 })), "c.pad");
  refuses((b) => b.conv("c", { channels: 1, kernel: 1, bias: odd(1) }), "c.bias");
  refuses((b) => b.conv("c", odd(undefined)), "(c)");
  refuses((b) => b.linear("fc", odd({ features: 1, units: 2 })), "fc.units");
  refuses((b) => b.batchNorm("bn", odd({ eps: 1 })), "bn.eps");
  refuses((b) => b.relu("r", odd({ alpha: 1 })), "r.alpha");
  refuses((b) => b.maxPool("p", odd({ kernel: 2, dilation: 2 })), "p.dilation");
  refuses((b) => b.add("s", odd({ from: "input" })), "s.from");
  refuses((b) => b.relu("r", odd({ from: ["input"] })), "from");
  assertThrows(() => network(odd({ ...options, classes: 3 }), () => {}), OptionError, "network.classes");
  assertThrows(() => network({ ...options, seed: 0.5 }, () => {}), OptionError, "network.seed");
  assertThrows(() => network({ ...options, encoding: odd({ zero: 0, scale: 1, mean: 2 }) }, () => {}), OptionError, "encoding.mean");
});

Deno.test("network() throws at the layer that does not fit", () => {
  assertThrows(() => network(options, (b) => void b.linear("fc", { features: 2 })), ShapeError, "(fc)");
  assertThrows(() => network(options, (b) => void b.conv("c", { channels: 2, kernel: "3" as never })), ShapeError, "c.kernel");
  assertThrows(() => network(options, (b) => void b.relu("r", { from: "q" })), GraphError, '"q"');
  assertThrows(() => network(options, (b) => void (b.relu("r"), b.relu("r"))), GraphError, "already in use");
});
