// The analog product against its definition written as a plain loop, its noise by statistics, its refusals by field.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { analogMvm, type AnalogMvmOptions } from "../../lib/device/analog_mvm.ts";
import { NumericError, OptionError, ShapeError } from "../../lib/errors.ts";
import { normal, uniform } from "../../lib/random.ts";
import type { Tensor } from "../../lib/tensor.ts";

function draw(seed: number, rows: number, columns: number, scale: number): Tensor<Float64Array> {
  return { shape: [rows, columns], data: Float64Array.from({ length: rows * columns }, (_, at) => scale * (2 * uniform(seed, at) - 1)) };
}

Deno.test("analogMvm() follows its definition, recorded draws included", () => {
  const even = (value: number) => {
    const low = Math.floor(value), over = value - low;
    return over > 0.5 || (over === 0.5 && low % 2 !== 0) ? low + 1 : low;
  };
  for (let trial = 0; trial < 40; trial++) {
    const pick = (at: number, most: number) => 1 + Math.floor(uniform(7, trial, at) * most);
    const [outputs, inputs, batch] = [pick(0, 9), pick(1, 30), pick(2, 4)];
    const weights = draw(trial, outputs, inputs, 2), x = draw(100 + trial, batch, inputs, 5);
    const xi = (vector: number, output: number, doubling: number) => normal(trial, 9, vector, output, doubling);
    const outputBound = 0.5 + 4 * uniform(8, trial), inputScale = (["absMax", "none", 1.7] as const)[trial % 3]!;
    const got = analogMvm(weights, x, { outputBound, inputScale, outputResolution: 200, outputNoise: 0.01, outputScale: 1.25, draw: xi });
    const outputStep = 2 * outputBound / 200;
    for (let vector = 0; vector < batch; vector++) {
      const own = x.data.subarray(vector * inputs, (vector + 1) * inputs);
      let alpha = inputScale === "absMax" ? Math.max(...own.map(Math.abs)) : inputScale === "none" ? 1 : inputScale;
      let codes: number[] = [];
      for (let doubling = 0;; doubling++) {
        codes = Array.from({ length: outputs }, (_, output) => {
          let sum = 0.01 * xi(vector, output, doubling);
          own.forEach((value, input) => {
            sum += weights.data[output * inputs + input]! * Math.max(-1, Math.min(1, even(value / alpha * 63) / 63));
          });
          return even(sum / outputStep) * outputStep;
        });
        if (codes.every((code) => Math.abs(code) <= outputBound)) break;
        alpha *= 2;
      }
      codes.forEach((code, output) => assertAlmostEquals(got.data[vector * outputs + output]!, 1.25 * alpha * code, 1e-9));
    }
  }
});

Deno.test("analogMvm() draws noise of the given deviation from its seed, whatever the batch", () => {
  const weights = draw(1, 50, 4, 0), x = draw(2, 40, 4, 1);
  const options: AnalogMvmOptions = { inputScale: "none", outputResolution: 0, outputNoise: 0.3, seed: 5 };
  const noise = analogMvm(weights, x, options).data;
  let square = 0;
  for (const value of noise) square += value ** 2;
  assertAlmostEquals(Math.sqrt(square / noise.length), 0.3, 0.3 * 4 / Math.sqrt(2 * noise.length));
  const first = analogMvm(weights, { shape: [1, 4], data: x.data.slice(0, 4) }, options).data;
  assertEquals(first, noise.slice(0, 50));
  assert(analogMvm(weights, x, { ...options, seed: 6 }).data[0] !== noise[0]);
});

Deno.test("analogMvm() gives 0 for inputs of 0, clips without bound management, and refuses by field", () => {
  const one = (...values: number[]) => ({ shape: [1, values.length], data: Float64Array.from(values) });
  assertEquals([...analogMvm(one(1, 2), one(0, 0)).data], [0]);
  const strong = one(10, 10), quiet = { outputNoise: 0, boundManagement: "none" } as const;
  assertEquals([...analogMvm(strong, one(1, 1), quiet).data], [12]);
  assertAlmostEquals(analogMvm(strong, one(1, 1), { outputNoise: 0 }).data[0]!, 20, 0.4);
  assertThrows(() => analogMvm(strong, one(1, 1), { outputNoise: 0, doublings: 0 }), NumericError, "vector 0");
  assertThrows(() => analogMvm(strong, one(1)), ShapeError);
  const wrong: Record<string, unknown> = { inputScale: -1, outputBound: 0, inputResolution: NaN, doublings: 1.5, seed: 0.5, colour: "red" };
  for (const [name, value] of Object.entries(wrong)) {
    assertThrows(() => analogMvm(strong, one(1, 1), { [name]: value }), OptionError, `analogMvm.${name}`);
  }
});
