// The loop on WebGPU: checkpoints that go from one device to the other, the same bits each time, results one step late, refusals.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { OptionError } from "../../../lib/errors.ts";
import type { Recipe } from "../../../lib/train/recipe.ts";
import { train, type TrainOptions } from "../../../lib/train/train.ts";
import { length, patches, randomNet } from "../gradients.ts";
import { deviceTest } from "./compare.ts";

const input = [4, 4, 3] as const;
const net = randomNet(input, (b) => {
  b.conv("conv", { channels: 4, kernel: 3, bias: false });
  b.batchNorm("bn");
  b.relu("relu");
  b.flatten("flatten");
  b.linear("fc", { features: 4 });
});
const data = patches(48, input, 4), held = patches(20, input, 4, 9);
const recipe: Partial<Recipe> = { epochs: 2, batch: 8, augment: { pad: 1, flip: true }, schedule: { kind: "cosine", peak: 0.05 } };

function run(options: TrainOptions): ReturnType<typeof train> {
  return train(net, data, { recipe, validation: held, threads: 1, ...options });
}

deviceTest("train() on WebGPU resumes on the CPU and back, near an uninterrupted run", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const whole = await run({ backend: "cpu" }), checkpoint = `${folder}/state`;
    const losses: number[] = [];
    for (const [backend, stop] of [["webgpu", 3], ["cpu", 7], ["webgpu", 12]] as const) {
      const control = new AbortController();
      const { step } = await run({
        backend,
        checkpoint,
        signal: control.signal,
        onProgress: ({ step, loss, accuracy }) => {
          assert(Number.isFinite(loss) && accuracy >= 0 && accuracy <= 1);
          losses.push(loss);
          if (step === stop) control.abort();
        },
      });
      assertEquals(step, stop);
    }
    assertEquals(losses.length, 12);
    const { network } = await run({ backend: "cpu", checkpoint });
    for (const name of ["bn.weight", "bn.mean", "bn.variance", "fc.bias", "relu.alpha"]) {
      const found = network.parameters[name]!.data as Float32Array, wanted = whole.network.parameters[name]!.data as Float32Array;
      const error = length(found.map((value, i) => value - wanted[i]!));
      assert(error <= 2e-2 * length(wanted), `${name} differs by ${error} of ${length(wanted)}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

deviceTest("train() on WebGPU gives the same bits each time", async () => {
  const [a, b] = [await run({ backend: "webgpu" }), await run({ backend: "webgpu" })];
  assertEquals(a.network, b.network);
  assertEquals(a.validation, b.validation);
});

Deno.test("train() refuses an unknown backend", async () => {
  await assertRejects(() => run({ backend: "tpu" as "cpu" }), OptionError, "backend");
});
