// Which device trains, by name.

import { DeviceError, OptionError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { realAdapter } from "../simulate/choose_backend.ts";
import { cpuTrainer } from "./cpu_trainer.ts";
import type { Recipe } from "./recipe.ts";
import type { Trainer, TrainingBackend } from "./trainer.ts";
import { webgpuTrainer } from "./webgpu/trainer.ts";

/** A training backend by name, or "auto": WebGPU on a real adapter, else the CPU. */
export type TrainingChoice = TrainingBackend | "auto";

/**
 * Prepares a network for training.
 *
 * @param threads Threads of the CPU; default all cores.
 * @throws {OptionError} if the name is unknown, or the recipe wrong.
 * @throws {DeviceError} if the backend asked for cannot run here.
 */
export async function openTrainer(network: Network, plan: Recipe, choice: TrainingChoice = "cpu", threads?: number): Promise<Trainer> {
  switch (choice) {
    case "cpu":
      return await cpuTrainer(network, plan, threads);
    case "webgpu":
      return await webgpuTrainer(network, plan);
    case "auto": {
      if (!await realAdapter()) return await cpuTrainer(network, plan, threads);
      try {
        return await webgpuTrainer(network, plan);
      } catch (error) {
        // An OptionError may be a quantizer or optimiser that only the CPU has; if the recipe is wrong, the CPU says so again.
        if (!(error instanceof DeviceError || error instanceof OptionError)) throw error;
        return await cpuTrainer(network, plan, threads);
      }
    }
    default:
      throw new OptionError("train", { where: "backend", got: choice, wanted: '"cpu", "webgpu" or "auto"' });
  }
}
