import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  bitShares,
  cpuBackend,
  decompose,
  dorefa,
  estimateOf,
  hash,
  lenet,
  lowerMapped,
  map,
  measureActivity,
  OptionError,
  pact,
  program,
  quantize,
} from "@bitline/bitline";

const weights = dorefa({ bits: 4 });
const sliced = decompose(
  quantize(lenet(), { weights, activations: pact({ bits: 4, alpha: 2 }), first: weights, last: weights, digital: [] }),
  {
    cellBits: 2,
  },
);
const mapped = map(sliced, { algorithm: "im2col" });

Deno.test("bitShares() counts every bit", () => {
  const codes = Uint8Array.from({ length: 1000 }, (_, at) => hash(1, at) & 255), shares = bitShares(codes, 8);
  assertAlmostEquals(
    shares.reduce((sum, share, bit) => sum + share * 2 ** bit, 0),
    codes.reduce((sum, code) => sum + code, 0) / 1000,
    1e-9,
  );
  assertEquals(bitShares(new Uint8Array(), 2), [0, 0]);
});

Deno.test("estimateOf() takes the codes that a simulation fed to the arrays", async () => {
  const adcs = Object.fromEntries(Object.keys(mapped.layers).map((name) => [name, { levels: 64, lo: 0, step: 1, unit: 0.5 }]));
  const program_ = lowerMapped(mapped, adcs), names = Object.keys(mapped.layers);
  await using backend = await cpuBackend();
  await using session = await backend.prepare(program_);
  const images = { shape: [2, 28, 28, 1], data: Uint8Array.from({ length: 2 * 784 }, (_, at) => hash(2, at) & 255) };
  const { taps } = await session.run(images, names.map((name) => program_.layers[name]!.input));
  const inputs = Object.fromEntries(names.map((name) => [name, taps.get(program_.layers[name]!.input)!]));
  const activity = measureActivity(mapped, inputs);
  assertEquals(Object.keys(activity.layers!), names);
  assertEquals(activity.layers!["conv1"]!.inputOnes, bitShares(images.data, 8));
  const options = { cell: "RRAM" } as const, seen = estimateOf(mapped, inputs, options), unseen = estimateOf(mapped, {}, options);
  assert(seen.chip.dynamicPj !== unseen.chip.dynamicPj && seen.chip.areaUm2 === unseen.chip.areaUm2);
  assertEquals(estimateOf(program(mapped), inputs, options).chip, seen.chip);
  assertThrows(() => measureActivity(mapped, { conv9: images }), OptionError, "conv9");
});
