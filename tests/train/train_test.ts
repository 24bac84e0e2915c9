// The loop: the same bits whatever the threads and interruptions, constant memory, and something learned.

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { sliceDataset } from "../../lib/data/dataset.ts";
import { FileError, OptionError, ShapeError } from "../../lib/errors.ts";
import { readSafetensors, writeSafetensors } from "../../lib/io/safetensors.ts";
import { runFloat } from "../../lib/network/float_run.ts";
import type { Network } from "../../lib/network/graph.ts";
import { evaluate } from "../../lib/train/evaluate.ts";
import { crossEntropy } from "../../lib/train/loss.ts";
import { descend } from "../../lib/train/optimizer.ts";
import { quantizersOf, type Recipe, recipe } from "../../lib/train/recipe.ts";
import { train, type TrainingProgress, type TrainOptions } from "../../lib/train/train.ts";
import { patches, randomNet, withGraph } from "./gradients.ts";

const input = [8, 8, 3] as const;
const net = randomNet(input, (b) => {
  b.conv("conv1", { channels: 6, kernel: 3, padding: 1, bias: false });
  b.batchNorm("bn1");
  b.relu("relu1");
  b.maxPool("pool1", { kernel: 2 });
  b.conv("conv2", { channels: 8, kernel: 3, stride: 2, padding: 1, groups: 2 });
  b.relu("relu2");
  b.flatten("flatten");
  b.linear("fc", { features: 4 });
});
const data = patches(50, input, 4);
const short: Partial<Recipe> = { epochs: 3, batch: 16, augment: { pad: 1, flip: true }, schedule: { kind: "cosine", peak: 0.05 } };

async function inFolder(action: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await action(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function run(path: string, options: Partial<TrainOptions> = {}, network: Network = net): ReturnType<typeof train> {
  return train(network, data, { recipe: short, threads: 1, checkpoint: path, ...options });
}

Deno.test("train() gives the same bits on any number of threads", async () => {
  await inFolder(async (folder) => {
    const files: Uint8Array[] = [];
    for (const threads of [1, 2, 3]) {
      const path = `${folder}/${threads}`;
      const { step, steps } = await run(path, { threads, recipe: { ...short, epochs: 1 } });
      assertEquals([step, steps], [3, 3]);
      files.push(await Deno.readFile(path));
    }
    assertEquals(files[1], files[0]);
    assertEquals(files[2], files[0]);
  });
});

Deno.test("train() interrupted and resumed equals an uninterrupted run", async () => {
  await inFolder(async (folder) => {
    const whole = await run(`${folder}/whole`, { validation: data });
    const path = `${folder}/parts`, seen: number[] = [];
    for (const stop of [1, 5, 6]) {
      const control = new AbortController();
      const part = await run(path, {
        signal: control.signal,
        validation: data,
        onProgress: ({ step }) => {
          seen.push(step);
          if (step === stop) control.abort();
        },
      });
      assertEquals(part.step, stop);
    }
    const rest = await run(path, { validation: data, onProgress: ({ step }) => seen.push(step) });
    assertEquals(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assertEquals(await Deno.readFile(path), await Deno.readFile(`${folder}/whole`));
    assertEquals(rest.network, whole.network);
    assertEquals(rest.validation, whole.validation);
    const again = await run(path, { onProgress: () => assert(false, "nothing is left to do") });
    assertEquals(again.network, whole.network);
  });
});

Deno.test("train() killed within an epoch resumes from the last whole one with the same result", async () => {
  await inFolder(async (folder) => {
    await run(`${folder}/whole`);
    const path = `${folder}/killed`;
    const kill = ({ step }: TrainingProgress) => {
      if (step === 5) throw new Error("killed");
    };
    await assertRejects(() => run(path, { onProgress: kill }), Error, "killed");
    const steps: number[] = [];
    await run(path, { onProgress: ({ step }) => steps.push(step) });
    assertEquals(steps[0], 4);
    assertEquals(await Deno.readFile(path), await Deno.readFile(`${folder}/whole`));
  });
});

Deno.test("train() with an aborted signal does nothing", async () => {
  const { step } = await train(net, data, { recipe: short, threads: 1, signal: AbortSignal.abort() });
  assertEquals(step, 0);
});

Deno.test("train() depends on the seed", async () => {
  const [a, b, c] = await Promise.all([1, 1, 2].map((seed) => train(net, data, { recipe: { ...short, seed, epochs: 1 }, threads: 1 })));
  assertEquals(a!.network, b!.network);
  assertNotEquals(a!.network, c!.network);
});

Deno.test("train() refuses a checkpoint that is not this run's, or not whole", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/state`;
    await run(path, { recipe: { ...short, epochs: 1 } });
    await assertRejects(() => run(path), FileError, "another recipe");
    const other = { ...net, layers: net.layers.map((layer) => layer.op === "batchNorm" ? { ...layer, epsilon: 1e-3 } : layer) };
    await assertRejects(() => run(path, { recipe: { ...short, epochs: 1 } }, other), FileError, "another recipe");

    const few = sliceDataset(data, 0, 49);
    await assertRejects(() => train(net, few, { recipe: { ...short, epochs: 1 }, checkpoint: path }), FileError, "49 images of patches");

    const bytes = await Deno.readFile(path), { tensors, metadata } = await readSafetensors(path);
    for (const size of [0, 5, 100, bytes.length - 1]) {
      await Deno.writeFile(path, bytes.subarray(0, size));
      await assertRejects(() => run(path, { recipe: { ...short, epochs: 1 } }), FileError);
    }
    await writeSafetensors(path, tensors, {});
    await assertRejects(() => run(path, { recipe: { ...short, epochs: 1 } }), FileError, "no format field");
    const { ["fc.weight"]: _, ...rest } = tensors;
    await writeSafetensors(path, rest, metadata);
    await assertRejects(() => run(path, { recipe: { ...short, epochs: 1 } }), FileError, "fc.weight");
    await Deno.writeFile(`${folder}/file`, new Uint8Array());
    await assertRejects(() => run(`${folder}/file/state`, { recipe: { ...short, epochs: 1 } }), FileError);
  });
});

Deno.test("train() refuses wrong options and data", async () => {
  await assertRejects(() => train(net, data, { recipe: { batch: 64 } }), OptionError, "recipe.batch");
  await assertRejects(() => train(net, data, { recipe: { epoch: 3 } as Partial<Recipe> }), OptionError, "recipe.epoch");
  await assertRejects(() => train(net, data, { recipe: { epochs: 0 } }), OptionError, "recipe.epochs");
  await assertRejects(() => train(net, data, { recipe: short, threads: 0 }), OptionError, "threads");
  await assertRejects(() => train(net, patches(50, [4, 4, 3], 4), { recipe: short, threads: 1 }), ShapeError, "patches");
  const wrong: [unknown, string][] = [
    [{ seed: 0.5 }, "recipe.seed"],
    [{ schedule: { kind: "linear" } }, "schedule.kind"],
    [{ weights: { kind: "lqs", bits: 4 } }, "recipe.weights.kind"],
    [{ first: { kind: "uniform", bits: 9 } }, "recipe.first.bits"],
    [{ last: { kind: "lsq", bits: 4, alpha: 1 } }, "recipe.last.alpha"],
    [{ layers: { conv1: { weight: null } } }, "recipe.layers.conv1.weight"],
    [{ layers: { "conv*": { weights: { kind: "sawb", bits: 6 } } } }, "recipe.layers.conv*.weights.bits"],
    [{ optimizer: { kind: "lamb" } }, "recipe.optimizer.kind"],
    [{ optimizer: { decay: { weights: 1 } } }, "recipe.optimizer.decay.weights"],
    [{ optimizer: { beta1: 1 } }, "recipe.optimizer.beta1"],
    [{ activations: { kind: "apot", bits: 4 } }, "recipe.activations.kind"],
    [{ augment: { pad: 1, flips: true } }, "recipe.augment.flips"],
    [{ activations: { bit: 4, alpha: 1 } }, "recipe.activations.bit"],
  ];
  for (const [options, where] of wrong) assertThrows(() => recipe(options as Partial<Recipe>), OptionError, where);
});

Deno.test("train() learns to tell patches apart, quantised and in floats", async () => {
  const many = patches(240, input, 4), held = patches(60, input, 4, 99);
  const floats: Partial<Recipe> = { weights: null, first: null, last: null, activations: null };
  for (const extra of [{}, floats]) {
    const losses: number[] = [];
    const { network, validation } = await train(net, many, {
      recipe: { ...short, ...extra, epochs: 6, augment: { pad: 0, flip: true } },
      validation: held,
      threads: 1,
      onProgress: ({ loss, validation }) => validation === undefined || losses.push(loss),
    });
    assertEquals(losses.length, 6);
    assert(losses.at(-1)! < 0.4 * losses[0]!, `losses ${losses}`);
    assert(validation! > 0.9, `validation ${validation}`);
    if (extra !== floats) {
      assertEquals(Object.keys(network.codes!), ["conv1.weight", "conv2.weight", "fc.weight"]);
      assertEquals(network.codes!["conv2.weight"]!.quantizer, { kind: "dorefa", bits: 4 });
      for (const [name, { codes, zero, scale }] of Object.entries(network.codes!)) {
        assertEquals(network.parameters[name]!.data, Float32Array.from(codes.data, (code) => (code - zero) * scale));
      }
      assert(network.parameters["relu1.alpha"] !== undefined);
    } else {
      const { logits } = runFloat(network, held.images);
      const hits = held.labels.filter((label, i) => {
        const row = logits.data.subarray(4 * i, 4 * i + 4);
        return row.indexOf(Math.max(...row)) === label;
      });
      assertEquals(hits.length / held.labels.length, validation);
    }
  }
});

Deno.test("training steps need no more memory", async () => {
  const plan = recipe(short), pixels = data.images.data.subarray(0, 16 * 192), labels = data.labels.subarray(0, 16);
  await withGraph(net, 16, (graph, pool) => {
    const sizes: number[] = [];
    for (let step = 1; step <= 10; step++) {
      graph.backward(crossEntropy(graph.forward(pixels, true), labels).gradient);
      descend(graph.parameters, plan.optimizer, 0.01);
      sizes.push(pool.memory.buffer.byteLength);
    }
    assertEquals(sizes[9], sizes[1]);
    const mark = pool.allocate(64);
    evaluate(graph, data);
    assertEquals(pool.memory.buffer.byteLength, sizes[9]);
    assertEquals(pool.allocate(64) - mark, 64);
  }, { threads: 2, quantizers: quantizersOf(plan, net) });
});

Deno.test("evaluate() counts every image once, whatever the batch", async () => {
  const results = await Promise.all([1, 7, 50].map((batch) => withGraph(net, batch, (graph) => evaluate(graph, data))));
  const { logits } = runFloat(net, data.images), exact = crossEntropy(logits.data, data.labels);
  for (const { accuracy, loss } of results) {
    assertEquals(accuracy, exact.correct / 50);
    assert(Math.abs(loss - exact.loss) < 1e-4 * exact.loss);
  }
  await withGraph(net, 16, (graph) => assertEquals(evaluate(graph, sliceDataset(data, 0, 3)).accuracy * 3 % 1, 0));
});
