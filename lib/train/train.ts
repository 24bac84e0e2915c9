// The training loop: order, augmentation, steps, progress, checkpoints. All randomness is a function of seed and step, so a resumed run equals an uninterrupted one.

import { augmentBatch } from "../data/augment.ts";
import type { Dataset } from "../data/dataset.ts";
import { OptionError, ShapeError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { permutation } from "../random.ts";
import { type Checkpoint, loadCheckpoint, restore, saveCheckpoint } from "./checkpoint.ts";
import { openTrainer, type TrainingChoice } from "./open_trainer.ts";
import { type Recipe, recipe } from "./recipe.ts";
import { learningRate } from "./schedule.ts";
import { startAlphas } from "./start_alpha.ts";
import { startFolded } from "./start_folded.ts";
import { trainedNetwork } from "./trained.ts";
import type { StepResult } from "./trainer.ts";

/** What the loop reports after every step. */
export interface TrainingProgress {
  /** Steps done and steps in all. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Epoch the step belonged to, from 1. */
  readonly epoch: number;
  /** Mean loss since the epoch (or the resumption) began; on a GPU without the running step, except at an epoch's end. */
  readonly loss: number;
  /** Share of correct training images since the epoch began. */
  readonly accuracy: number;
  /** Rate of this step. */
  readonly learningRate: number;
  /** Images per second since the start of this process's part of the run. */
  readonly imagesPerSecond: number;
  /** Seconds left at that rate. */
  readonly secondsLeft: number;
  /** Share of validation images classified correctly, at the ends of epochs. */
  readonly validation?: number;
}

/** Options of {@linkcode train} beyond the recipe. */
export interface TrainOptions {
  /** What decides the result; missing fields are the default recipe's. */
  readonly recipe?: Partial<Recipe>;
  /** Images to measure accuracy on at the end of every epoch. */
  readonly validation?: Dataset;
  /** File to write the state to at every epoch's end and on interruption, and to resume from if it exists. */
  readonly checkpoint?: string;
  /** Where to train, default "cpu". "auto" takes WebGPU on a real adapter, else the CPU. Checkpoints go from one to the other. */
  readonly backend?: TrainingChoice;
  /** Threads of the CPU, default all cores. */
  readonly threads?: number;
  /** Stops after the running step, with the checkpoint written. */
  readonly signal?: AbortSignal;
  /** Called after every step. */
  readonly onProgress?: (progress: TrainingProgress) => void;
}

/** Result of {@linkcode train}. */
export interface Training {
  /** The trained network, with the codes of quantised weights. */
  readonly network: Network;
  /** What decides the result; missing fields are the default recipe's. */
  readonly recipe: Recipe;
  /** Steps done; less than all if interrupted. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Share of validation images correct after the last epoch. */
  readonly validation: number | undefined;
}

/**
 * Trains a network, fake-quantised as the recipe says. On the CPU the same options give the same bits; a WebGPU device follows it within 1e-4 a
 * step, until a rounding falls to the other side.
 *
 * @throws {OptionError} if the recipe is wrong, or there are fewer images than a batch.
 * @throws {ShapeError} if images do not fit the network.
 * @throws {DeviceError} if the backend asked for cannot run here.
 * @throws {FileError} if the checkpoint cannot be written, is corrupted, or belongs to another recipe.
 */
export async function train(network: Network, data: Dataset, options: TrainOptions = {}): Promise<Training> {
  const plan = recipe(options.recipe);
  const count = data.labels.length, perEpoch = Math.floor(count / plan.batch), steps = perEpoch * plan.epochs;
  if (perEpoch === 0) {
    throw new OptionError("train", { where: "recipe.batch", got: plan.batch, wanted: `at most the ${count} images of ${data.name}` });
  }
  if (data.images.shape.slice(1).join() !== network.input.join()) {
    throw new ShapeError("train", { where: data.name, got: data.images.shape.slice(1), wanted: `images of shape [${network.input}]` });
  }
  const subject = `${count} images of ${data.name}`;
  const saved: Checkpoint | undefined = options.checkpoint === undefined
    ? undefined
    : await loadCheckpoint(options.checkpoint, plan, network, subject);
  // A run that goes on has its clipping levels in the checkpoint.
  const begun = saved === undefined ? await startFromData(network, plan, firstBatch(data, plan), options.threads) : network;
  await using trainer = await openTrainer(begun, plan, options.backend, options.threads);
  let step = saved === undefined ? 0 : restore(trainer.state, saved, plan), validation = saved?.validation;
  if (saved !== undefined) trainer.push();
  const save = async () => {
    if (options.checkpoint === undefined) return;
    await trainer.pull();
    await saveCheckpoint(options.checkpoint, trainer.state, plan, network, step, validation, subject);
  };

  const pixels = new Uint8Array(plan.batch * network.input.reduce((product, extent) => product * extent, 1)),
    labels = new Uint16Array(plan.batch);
  const started = performance.now(), firstStep = step;
  let order: Uint32Array | undefined, seen = 0, loss = 0, correct = 0;
  const tally = (result: StepResult | undefined) => {
    seen += result?.images ?? 0;
    loss += result?.loss ?? 0;
    correct += result?.correct ?? 0;
  };
  while (step < steps) {
    if (options.signal?.aborted) break;
    const epoch = Math.floor(step / perEpoch), within = step % perEpoch;
    if (order === undefined || within === 0) {
      order = permutation(count, plan.seed, epoch);
      seen = loss = correct = 0;
    }
    const indices = order.subarray(within * plan.batch, (within + 1) * plan.batch);
    augmentBatch({ images: data.images, indices, seed: plan.seed + 1, epoch, ...plan.augment, fill: network.encoding.zero }, pixels);
    indices.forEach((index, position) => labels[position] = data.labels[index]!);
    const rate = learningRate(plan.schedule, step / steps);
    trainer.state.clock.epochs = step / perEpoch;
    tally(await trainer.step(pixels, labels, rate));
    step++;
    const ended = step % perEpoch === 0;
    // A device that works ahead hands results out late: the first of an epoch, and the last ones, are waited for.
    if (ended || seen === 0) tally(await trainer.flush());
    if (ended) {
      if (options.validation !== undefined) validation = (await trainer.evaluate(options.validation)).accuracy;
      await save();
    }
    const seconds = (performance.now() - started) / 1000, speed = (step - firstStep) * plan.batch / seconds;
    options.onProgress?.({
      step,
      steps,
      epoch: epoch + 1,
      loss: loss / seen,
      accuracy: correct / seen,
      learningRate: rate,
      imagesPerSecond: speed,
      secondsLeft: (steps - step) * plan.batch / speed,
      ...(ended && validation !== undefined ? { validation } : {}),
    });
    // Lets signals and timers in: the kernels block this thread.
    await new Promise((resolve) => setTimeout(resolve));
  }
  if (step < steps) await save();
  await trainer.pull();
  return { network: trainedNetwork(trainer.state), recipe: plan, step, steps, validation };
}

/** Everything that starts from the first batch: numbers learned with folded weights, then clipping levels. */
async function startFromData(network: Network, plan: Recipe, pixels: Uint8Array, threads?: number): Promise<Network> {
  return await startAlphas(await startFolded(network, plan, pixels, plan.batch, threads), plan, pixels, plan.batch, threads);
}

/** Pixels of the first batch, not augmented. */
function firstBatch({ images, labels }: Dataset, { batch, seed }: Recipe): Uint8Array {
  const size = images.data.length / labels.length, pixels = new Uint8Array(batch * size);
  permutation(labels.length, seed, 0).subarray(0, batch).forEach((index, position) =>
    pixels.set(images.data.subarray(index * size, (index + 1) * size), position * size)
  );
  return pixels;
}
