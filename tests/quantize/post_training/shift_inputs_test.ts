// Layers behind real numbers made to read codes.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  calibrateActivations,
  decompose,
  layersWithoutCodes,
  map,
  type Network,
  network,
  OptionError,
  pact,
  quantize,
  runFloat,
  shiftInputs,
  simulate,
  tensor,
  uniform,
} from "../../../mod.ts";

const shuffled = (count: number, seed: number) =>
  Uint8Array.from({ length: count }, (_, at) => Math.imul(at + 1, 2654435761 + 2 * seed) >>> 24);
const images = (count: number, seed = 0) => tensor(shuffled(count * 6 * 6 * 3, seed), [count, 6, 6, 3]);

/** Two linear bottlenecks with a skip between them, a grouped expansion, a mean. */
const bottlenecks = (seed: number): Network =>
  network({ name: "bottlenecks", input: [6, 6, 3], seed }, (layers) => {
    layers.conv("stem", { channels: 6, kernel: 3, padding: 1 });
    layers.relu("relu");
    const narrow = layers.conv("narrow", { channels: 4, kernel: 1 });
    layers.conv("wide", { channels: 12, kernel: 1, bias: seed % 2 === 0 });
    layers.relu("relu2");
    const next = layers.conv("next", { channels: 4, kernel: 1 });
    layers.add("sum", { from: [narrow, next] });
    layers.conv("grouped", { channels: 8, kernel: 1, groups: 2 });
    layers.relu("relu3");
    layers.globalAveragePool("mean");
    layers.linear("fc", { features: 5 });
  });

Deno.test("shiftInputs() changes nothing in floats on its own images, and leaves no layer without codes", async () => {
  for (const seed of [1, 2, 3]) {
    const plain = bottlenecks(seed), data = { name: "noise", images: images(5, seed) };
    assertEquals(layersWithoutCodes(plain), ["wide", "grouped", "fc"]);
    const shifted = await shiftInputs(plain, data, { backend: "reference", batch: 2 });
    assertEquals(layersWithoutCodes(shifted), []);
    // A mean of relus is never negative: it only gets its relu.
    assertEquals(shifted.layers.map(({ name }) => name).filter((name) => /\.(shift|clip)$/.test(name)), [
      ...["wide.shift", "wide.clip", "grouped.shift", "grouped.clip", "fc.clip"],
    ]);
    const before = runFloat(plain, data.images).logits.data, after = runFloat(shifted, data.images).logits.data;
    assert(before.every((value, at) => Math.abs(value - after[at]!) < 1e-5), `seed ${seed}`);
    assert(Math.max(...before) - Math.min(...before) > 0.05);
  }
});

Deno.test("shiftInputs() lets arrays hold every layer, exactly where converters lose nothing", async () => {
  const data = { name: "noise", images: images(6), labels: new Uint8Array(6), classes: [] };
  const shifted = await shiftInputs(bottlenecks(1), data, { backend: "reference" });
  const ready = await calibrateActivations(shifted, data, { bits: 6, backend: "reference", keep: true, method: "minmax" });
  const bits = { weights: uniform({ bits: 6 }), first: uniform({ bits: 6 }), last: uniform({ bits: 6 }), activations: pact({ bits: 6 }) };
  const mapped = map(decompose(quantize(ready, { ...bits, digital: [] }), { cellBits: 2 }), { rows: 32, columns: 32, algorithm: "im2col" });
  const result = await simulate(mapped, data, { adc: { bits: 9, range: "full" }, backend: "reference" });
  assertEquals([result.layers.length, result.logitError], [6, 0]);
});

Deno.test("shiftInputs() keeps layers that pad negative inputs, and networks with nothing to shift", async () => {
  const padded = network({ name: "padded", input: [6, 6, 3] }, (layers) => {
    layers.conv("narrow", { channels: 2, kernel: 1 });
    layers.conv("wide", { channels: 4, kernel: 3, padding: 1 });
    layers.relu("relu");
  });
  const data = { name: "noise", images: images(2) }, options = { backend: "reference" } as const;
  assertEquals(layersWithoutCodes(await shiftInputs(padded, data, options)), ["wide"]);
  const plain = network({ name: "plain", input: [6, 6, 3] }, (layers) => layers.conv("conv", { channels: 2, kernel: 3 }));
  assertEquals(await shiftInputs(plain, data, options), plain);
  await assertRejects(() => shiftInputs(padded, data, { bits: 4 } as object), OptionError, "bits");
});
