import { assert, assertEquals, assertThrows } from "@std/assert";
import { NumericError } from "../../../lib/errors.ts";
import { hash, normal, uniform } from "../../../lib/random.ts";
import { activationThresholds, codeOfSum, type SumScale } from "../../../lib/simulate/lower/thresholds.ts";

function countReached(made: ReturnType<typeof activationThresholds>, channel: number, sum: number): number {
  let code = 0;
  for (let k = 0; k < made.levels; k++) if (made.sign[channel]! * sum >= made.thresholds[channel * made.levels + k]!) code++;
  return code;
}

Deno.test("activationThresholds() reproduces the f64 code of every sum", () => {
  for (let seed = 0; seed < 30; seed++) {
    const channels = 4, levels = 2 ** (1 + seed % 5) - 1;
    const spread = 10 ** (uniform(seed, 1) * 4 - 3);
    const draw = (key: number, size: number) => Float64Array.from({ length: channels }, (_, channel) => size * normal(seed, key, channel));
    const scale = draw(2, spread);
    if (seed % 5 === 0) scale[1] = 0;
    const sums: SumScale = { gain: seed % 2 === 0 ? 0.5 : 0.3711, constant: draw(3, 5), scale, bias: draw(4, 2) };
    if (seed % 7 === 0) sums.bias.fill(0);
    const made = activationThresholds(sums, 0.25, levels);
    for (let channel = 0; channel < channels; channel++) {
      const edges = [...made.thresholds.subarray(channel * levels, (channel + 1) * levels)].filter((edge) => Math.abs(edge) < 2 ** 31 - 9);
      assertEquals(edges, [...edges].sort((a, b) => a - b));
      const near = edges.flatMap((edge) => [-1, 0, 1].map((shift) => made.sign[channel]! * (edge + shift)));
      const wide = Array.from({ length: 300 }, (_, index) => (hash(seed, 9, channel, index) | 0) >> (index % 30));
      const narrow = Array.from({ length: 200 }, (_, index) => index - 100);
      for (const sum of [...near, ...wide, ...narrow].filter((sum) => Math.abs(sum) < 2 ** 31 - 1)) {
        assertEquals(countReached(made, channel, sum), codeOfSum(sums, channel, sum, 0.25, levels), `${seed} ${channel} ${sum}`);
      }
    }
  }
});

Deno.test("activationThresholds() refuses numbers that are not finite", () => {
  const sums = { gain: 1, constant: Float64Array.of(0), scale: Float64Array.of(Infinity), bias: Float64Array.of(0) };
  assertThrows(() => activationThresholds(sums, 1, 3), NumericError);
  assertThrows(() => activationThresholds({ ...sums, scale: Float64Array.of(1) }, 0, 3), NumericError);
  assert(activationThresholds({ ...sums, scale: Float64Array.of(0), bias: Float64Array.of(1) }, 1, 3).thresholds[0]! < -2147483647);
});
