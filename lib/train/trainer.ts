// The interface between the training loop and the device that computes its steps.

import type { Dataset, Labels } from "../data/dataset.ts";
import type { Network } from "../network/graph.ts";
import type { StoredParameter } from "./parameter.ts";

/** Where training can run: WebAssembly on all cores, or WGSL on an adapter. */
export type TrainingBackend = "cpu" | "webgpu";

/** All that a checkpoint holds, on the host. */
export interface TrainingState {
  /** All trainable tensors. */
  readonly parameters: readonly StoredParameter[];
  /** Running statistics by parameter name. */
  readonly state: Readonly<Record<string, Float32Array>>;
  /** Steps the optimiser has made, and epochs of the run before the step to come, fractions included; 0 where nobody counts. */
  readonly clock: { steps: number; epochs?: number };
  /** Whether batch norms are folded into the weights: the network handed on is without them. Default false. */
  readonly folds?: boolean;
  /** The network with these parameters and statistics. */
  network(): Network;
}

/** What steps came to. */
export interface StepResult {
  /** Images counted. */
  readonly images: number;
  /** Sum of their losses, in nats. */
  readonly loss: number;
  /** How many were classified correctly. */
  readonly correct: number;
}

/** A network on a device, with its optimiser. Owns what it allocates there. */
export interface Trainer extends AsyncDisposable {
  /** Kind of device. */
  readonly backend: TrainingBackend;
  /** What it is, for people. */
  readonly description: string;
  /** Parameters, momenta and statistics as the host has them: current after {@linkcode Trainer.pull}. */
  readonly state: TrainingState;
  /** One step on `[batch, height, width, channels]` pixels. Resolves to the newest results there are without waiting for this step; undefined if none. */
  step(pixels: Uint8Array, labels: Labels, learningRate: number): Promise<StepResult | undefined>;
  /** Results not handed out yet, all steps finished. */
  flush(): Promise<StepResult | undefined>;
  /** Accuracy and mean loss with running statistics. */
  evaluate(data: Dataset): Promise<{ readonly accuracy: number; readonly loss: number }>;
  /** Brings `state` up to date. */
  pull(): Promise<void>;
  /** Sends `state` to the device, after a change on the host. */
  push(): void;
}
