// The training loop's steps on WebGPU: one submission each, results read a step later, state copied to the host only when asked for.

import { DeviceError, ShapeError } from "../../errors.ts";
import { GpuBuffer } from "../../gpu/buffers.ts";
import { type DeviceOptions, openDevice } from "../../gpu/device.ts";
import type { Network } from "../../network/graph.ts";
import { elements } from "../../tensor.ts";
import { evaluateWith } from "../evaluate.ts";
import { optimizerSettings } from "../optimizer.ts";
import type { Recipe } from "../recipe.ts";
import type { StepResult, Trainer } from "../trainer.ts";
import { deviceGraph } from "./graph.ts";
import type { Launch } from "./launch.ts";

/**
 * Prepares a network for training on the adapter found; parameters, gradients and momenta stay on the device. The same device gives the same
 * bits each time; the CPU's results are met within 1e-4 a step, until a rounding falls to the other side.
 *
 * @throws {DeviceError} if there is no adapter, or the network does not fit it.
 * @throws {OptionError | GraphError | ShapeError} if recipe or network are wrong.
 */
export async function webgpuTrainer(network: Network, plan: Recipe, options: DeviceOptions = {}): Promise<Trainer> {
  if (plan.pim !== null) {
    throw new DeviceError("train on WebGPU", { where: "recipe.pim", got: "layers on arrays", wanted: "none", hint: 'Use backend "cpu".' });
  }
  for (const name of ["groupLasso", "holdZeros", "foldBatchNorm"] as const) {
    if (plan[name] === undefined || plan[name] === false) continue;
    throw new DeviceError("train on WebGPU", { where: `recipe.${name}`, got: plan[name], wanted: "none", hint: 'Use backend "cpu".' });
  }
  const owned = new AsyncDisposableStack();
  try {
    const device = owned.use(await openDevice(options)), { raw } = device;
    const graph = await device.scoped("prepare training", device.description, () => deviceGraph(device, network, plan));
    const { mirrors } = graph, builder = owned.use(graph.builder), { batch } = plan, pixelCount = batch * elements(network.input);
    const staging = [0, 1].map((turn) => builder.own(new GpuBuffer(device, "staging", batch * 8, `results ${turn}`)));
    let turn = 0, pending: Promise<StepResult> | undefined;

    const load = (pixels: Uint8Array) => {
      if (pixels.length !== pixelCount) {
        throw new ShapeError("load a batch", { got: `${pixels.length} pixels`, wanted: `${pixelCount} for ${batch} images` });
      }
      device.check();
      graph.pixels.upload(pixels);
    };
    const submit = (launches: readonly Launch[], copies: (encoder: GPUCommandEncoder) => void) => {
      const encoder = raw.createCommandEncoder();
      if (launches.length > 0) {
        const pass = encoder.beginComputePass();
        builder.encode(pass, launches);
        pass.end();
      }
      copies(encoder);
      raw.queue.submit([encoder.finish()]);
    };
    const push = () => {
      for (const { buffer, first, host } of mirrors) raw.queue.writeBuffer(buffer.raw, first * 4, host as Float32Array<ArrayBuffer>);
    };
    push();

    const trainer: Trainer = {
      backend: "webgpu",
      description: `${device.description}${device.software ? " (software)" : ""}`,
      state: graph.state,
      async step(pixels, labels, learningRate) {
        load(pixels);
        graph.labels.upload(Uint32Array.from(labels));
        graph.rate.upload(stepSettings(plan, learningRate, ++graph.state.clock.steps));
        const target = staging[turn]!, before = pending;
        turn = 1 - turn;
        submit(graph.step, (encoder) => encoder.copyBufferToBuffer(graph.results.raw, 0, target.raw, 0, batch * 8));
        pending = target.read(batch * 8).then((data) => tally(new Float32Array(data)));
        pending.catch(() => {}); // reported by whoever waits for it
        return await before;
      },
      async flush() {
        const before = pending;
        pending = undefined;
        return await before;
      },
      async evaluate(data) {
        using logits = new GpuBuffer(device, "staging", batch * graph.channels * 4, "logits");
        return await evaluateWith(batch, data, async (pixels) => {
          load(pixels);
          submit(graph.inference, (encoder) => encoder.copyBufferToBuffer(graph.logits.raw, 0, logits.raw, 0, logits.bytes));
          const rows = new Float32Array(await logits.read()), result = new Float32Array(batch * graph.features);
          for (let image = 0; image < batch; image++) {
            result.set(rows.subarray(image * graph.channels, image * graph.channels + graph.features), image * graph.features);
          }
          return result;
        });
      },
      async pull() {
        const offsets: number[] = [];
        let bytes = 0;
        for (const { host } of mirrors) {
          offsets.push(bytes);
          bytes += host.byteLength;
        }
        using copy = new GpuBuffer(device, "staging", bytes, "state");
        submit(
          [],
          (encoder) =>
            mirrors.forEach(({ buffer, first, host }, index) =>
              encoder.copyBufferToBuffer(buffer.raw, first * 4, copy.raw, offsets[index]!, host.byteLength)
            ),
        );
        const data = await copy.read();
        mirrors.forEach(({ host }, index) => host.set(new Float32Array(data, offsets[index], host.length)));
      },
      push,
      async [Symbol.asyncDispose]() {
        await pending?.catch(() => {});
        await owned.disposeAsync();
      },
    };
    return trainer;
  } catch (error) {
    await owned.disposeAsync();
    throw error;
  }
}

/** What the optimiser's kernels read: learning rate, and the factors that free Adam's means of their start at 0 at a step from 1. */
function stepSettings({ optimizer }: Recipe, learningRate: number, step: number): Float32Array {
  const { beta1, beta2 } = optimizerSettings(optimizer);
  return Float32Array.of(learningRate, 1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step), 0);
}

function tally(results: Float32Array): StepResult {
  let loss = 0, correct = 0;
  for (let image = 0; image < results.length; image += 2) {
    loss += results[image]!;
    correct += results[image + 1]!;
  }
  return { images: results.length / 2, loss, correct };
}
