// Shared by the WebGPU training tests: steps on both devices from the same state, compared; skipped where there is no adapter.

import { assert } from "@std/assert";
import { DeviceError } from "../../../lib/errors.ts";
import { openDevice } from "../../../lib/gpu/device.ts";
import type { Builder } from "../../../lib/network/builder.ts";
import type { Network, Shape } from "../../../lib/network/graph.ts";
import { tensor } from "../../../lib/tensor.ts";
import { cpuTrainer } from "../../../lib/train/cpu_trainer.ts";
import { type Recipe, recipe } from "../../../lib/train/recipe.ts";
import { webgpuTrainer } from "../../../lib/train/webgpu/trainer.ts";
import { length, randomNet, randomPixels } from "../gradients.ts";

const present = await openDevice().then((device) => device[Symbol.asyncDispose]().then(() => true), (error) => {
  if (error instanceof DeviceError) return false;
  throw error;
});

/** A test that needs an adapter. */
export function deviceTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: present ? name : `${name} (skipped: no adapter)`, ignore: !present, fn });
}

/** A recipe without quantisation. */
export const FLOATS: Partial<Recipe> = { weights: null, first: null, last: null, activations: null };

/** Largest relative difference allowed per step, of every tensor's norm and of the loss. */
const TOLERANCE = 1e-4;

/** Steps on both devices; after each, losses, parameters, velocities and statistics must agree, and the next starts from the CPU's. */
export async function compareSteps(net: Network, options: Partial<Recipe> = FLOATS, steps = 2): Promise<void> {
  const plan = recipe({ batch: 4, ...options });
  await using cpu = await cpuTrainer(net, plan, 1);
  await using gpu = await webgpuTrainer(net, plan);
  for (let step = 0; step < steps; step++) {
    const pixels = randomPixels(plan.batch, net.input, 20 + step), labels = Uint8Array.from({ length: plan.batch }, (_, i) => i % 3);
    const wanted = await cpu.step(pixels, labels, 0.05);
    const found = await gpu.step(pixels, labels, 0.05) ?? await gpu.flush();
    await gpu.flush();
    await gpu.pull();
    near("loss", Float32Array.of(found!.loss), Float32Array.of(wanted!.loss), step);
    assert(found!.correct === wanted!.correct, `step ${step}: ${found!.correct} hits, the CPU has ${wanted!.correct}`);
    gpu.state.parameters.forEach((parameter, index) => {
      const other = cpu.state.parameters[index]!, before = parameter.read().data.length;
      assert(parameter.name === other.name && before === other.read().data.length, parameter.name);
      near(parameter.name, parameter.read().data, other.read().data, step);
      for (const part of ["momentum", "second"] as const) {
        const [mine, its] = [parameter, other].map((each) => part === "second" ? each.second() : each.momentum);
        near(`${part} of ${parameter.name}`, parameter.read(mine).data, other.read(its).data, step);
        parameter.write(other.read(its), mine);
      }
      parameter.write(other.read());
    });
    for (const [name, values] of Object.entries(cpu.state.state)) {
      near(name, gpu.state.state[name]!, values, step);
      gpu.state.state[name]!.set(values);
    }
    gpu.push();
  }
  const size = net.input.reduce((product, extent) => product * extent, 1), count = plan.batch + 1;
  const data = {
    name: "random",
    images: tensor(randomPixels(count, net.input, 5), [count, ...net.input]),
    labels: Uint8Array.from({ length: count }, (_, i) => i % 3),
    classes: ["0", "1", "2"],
  };
  assert(data.images.data.length === count * size);
  const [a, b] = [await gpu.evaluate(data), await cpu.evaluate(data)];
  near("loss of evaluation", Float32Array.of(a.loss), Float32Array.of(b.loss), steps);
  assert(a.accuracy === b.accuracy, `accuracy ${a.accuracy}, the CPU has ${b.accuracy}`);
}

/** Gradients that are zero but for rounding (a bias before batch norm) are compared with an absolute bound. */
function near(name: string, found: Float32Array, wanted: Float32Array, step: number): void {
  const error = length(found.map((value, i) => value - wanted[i]!)), norm = length(wanted);
  assert(error <= TOLERANCE * Math.max(norm, 0.01), `step ${step}, ${name}: differs by ${error} of ${norm}`);
}

/** Compares a network on both devices. */
export function compare(name: string, input: Shape, build: (b: Builder) => void, options?: Partial<Recipe>, steps?: number): void {
  deviceTest(`WebGPU trains ${name} as the CPU does`, () => compareSteps(randomNet(input, build), options, steps));
}
