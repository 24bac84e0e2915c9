import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import type { Dataset } from "../../lib/data/dataset.ts";
import { OptionError } from "../../lib/errors.ts";
import type { Builder } from "../../lib/network/builder.ts";
import type { Network } from "../../lib/network/graph.ts";
import { type SecondDerivativeOptions, secondDerivatives } from "../../lib/program/second_derivatives.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { hash } from "../../lib/random.ts";
import { realAdapter } from "../../lib/simulate/choose_backend.ts";
import { tensor } from "../../lib/tensor.ts";
import { deviceTest } from "../train/webgpu/compare.ts";
import { compareGolden, golden } from "./derivative_golden.ts";
import { data, net, NETS } from "./derivative_nets.ts";

/** Both backends must agree within 1e-4 of the largest value of each tensor. */
async function compare(network: Network, set: Dataset, options: SecondDerivativeOptions): Promise<void> {
  const wanted = await secondDerivatives(network, set, { ...options, threads: 1 });
  const found = await secondDerivatives(network, set, { ...options, backend: "webgpu" });
  assertEquals(found.images, wanted.images);
  for (const order of ["gradient", "second"] as const) {
    assertEquals(Object.keys(found[order]), Object.keys(wanted[order]));
    for (const [name, { data, shape }] of Object.entries(wanted[order])) {
      const mine = found[order][name]!, largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      assertEquals(mine.shape, shape);
      assert(largest > 0, name);
      data.forEach((value, at) => assertAlmostEquals(mine.data[at]! / largest, value / largest, 1e-4, `${order} of ${name}[${at}]`));
    }
  }
}

for (const [name, build] of Object.entries(NETS)) {
  deviceTest(
    `secondDerivatives() on WebGPU equal the CPU's through ${name}`,
    () => compare(net([8, 6, 2], build), data([8, 6, 2], 7, 3), { batch: 3 }),
  );
}

/** What moves channels about; groups that are no whole quads. */
function mixed(b: Builder): void {
  b.conv("conv1", { channels: 6, kernel: [3, 2], stride: [1, 2], padding: [2, 1], dilation: [2, 1] });
  const left = b.relu("relu1"), right = b.shuffle("shuffle", { groups: 3, from: left });
  const part = b.slice("slice", { first: 1, channels: 3, from: right });
  b.concat("concat", { from: [left, part, left] });
  b.conv("conv2", { channels: 6, kernel: 2, groups: 3 });
  b.averagePool("pool", { kernel: [3, 2], stride: [2, 1], padding: [1, 0] });
  b.flatten("flatten");
  b.linear("fc", { features: 4, bias: false });
}

deviceTest("secondDerivatives() on WebGPU equal the CPU's through concatenation, slices, shuffles and odd groups", async () => {
  await compare(net([7, 5, 3], mixed), data([7, 5, 3], 5, 4), {});
});

deviceTest("secondDerivatives() on WebGPU equal the CPU's behind a quantizer, with other weights in each batch", async () => {
  const small = net([8, 6, 2], NETS["batch norm and a residual"]!), parameters = { ...small.parameters };
  for (const relu of ["relu1", "relu2"]) parameters[`${relu}.alpha`] = tensor(Float32Array.of(0.7), [1]);
  const { shape, data: values } = small.parameters["fc.weight"]!;
  const weights = (batch: number) => ({
    "fc.weight": tensor(new Float32Array(values.length).map((_, at) => values[at]! * (1 + batch) + (hash(9, at) % 5) / 10), shape),
    "no.weight": tensor(Float32Array.of(1), [1]),
  });
  // Roundings that fall to the other side would move a whole level: none of these lies so near to one.
  await compare({ ...small, parameters }, data([8, 6, 2], 6, 3), { batch: 4, activations: pact({ bits: 4 }), weights });
});

deviceTest("secondDerivatives() on WebGPU keep the digits of 1 - p for images that are nearly certain", async () => {
  const small = net([2, 2, 1], (b) => {
    b.flatten("flatten");
    b.linear("fc", { features: 3 });
  });
  const parameters = { ...small.parameters, "fc.bias": tensor(Float32Array.of(0, 18, 0), [3]) };
  const set = { ...data([2, 2, 1], 4, 3), labels: Uint8Array.of(1, 1, 1, 1) };
  await compare({ ...small, parameters }, set, {});
});

deviceTest("secondDerivatives() on WebGPU do not depend on the batch, which may be larger than the data", async () => {
  const small = net([2, 2, 1], (b) => {
    b.flatten("flatten");
    b.linear("fc", { features: 3 });
  });
  const set = data([2, 2, 1], 5, 3), of = (batch: number) => secondDerivatives(small, set, { backend: "webgpu", batch });
  const [one, two, many] = [await of(1), await of(2), await of(64)];
  for (const other of [two, many]) {
    other.second["fc.weight"]!.data.forEach((value, at) => assertAlmostEquals(value, one.second["fc.weight"]!.data[at]!, 1e-5));
  }
});

Deno.test({
  name: "secondDerivatives() on WebGPU equal those of an independent implementation on a trained LeNet",
  // Software adapters take most of a minute.
  ignore: !golden || !await realAdapter(),
  fn: () => compareGolden("webgpu"),
});

Deno.test("secondDerivatives() refuses an unknown backend, and runs somewhere on its own choice", async () => {
  const small = net([2, 2, 1], (b) => {
    b.flatten("flatten");
    b.linear("fc", { features: 3 });
  });
  const set = data([2, 2, 1], 5, 3);
  await assertRejects(() => secondDerivatives(small, set, { backend: "gpu" as never }), OptionError, "backend");
  const [own, cpu] = [await secondDerivatives(small, set, { backend: "auto" }), await secondDerivatives(small, set)];
  cpu.second["fc.weight"]!.data.forEach((value, at) => assertAlmostEquals(own.second["fc.weight"]!.data[at]!, value, 1e-5));
});
