// Steps down the gradient, per parameter group: SGD with momentum, or Adam.

import type { Parameter, ParameterGroup } from "./parameter.ts";

/** Settings of {@linkcode descend}. */
export interface Optimizer {
  /** Method, default "sgd": momentum. "adam" (Kingma & Ba, 2015) divides by the root of the mean square of gradients. */
  readonly kind?: "sgd" | "adam";
  /** Momentum of SGD, default 0.9. */
  readonly momentum?: number;
  /** Nesterov's look-ahead in SGD, default true. */
  readonly nesterov?: boolean;
  /** Adam's decay of the mean gradient, default 0.9. */
  readonly beta1?: number;
  /** Adam's decay of the mean square, default 0.999. */
  readonly beta2?: number;
  /** Added to Adam's root, default 1e-8. */
  readonly epsilon?: number;
  /** L2 term per group, added to the gradient; default 5e-4 for weights and α, 0 for the others. */
  readonly decay?: Readonly<Partial<Record<ParameterGroup, number>>>;
  /** Learning-rate multiplier per group; default 1. */
  readonly rate?: Readonly<Partial<Record<ParameterGroup, number>>>;
}

/** Settings with nothing left out. */
export interface OptimizerSettings extends Required<Optimizer> {
  /** L2 term per group. */
  readonly decay: Readonly<Record<ParameterGroup, number>>;
  /** Learning-rate multiplier per group. */
  readonly rate: Readonly<Record<ParameterGroup, number>>;
}

/** Smallest clipping level α: below it every activation would saturate. */
export const SMALLEST_ALPHA = 0.05;

/** Smallest number that a quantizer learns with weights. No step makes one less than half of what it was, so that none turns negative. */
export const SMALLEST_SCALE = 1e-8;

/** Fills in what an optimiser's settings leave out. */
export function optimizerSettings(optimizer: Optimizer): OptimizerSettings {
  return {
    kind: "sgd",
    momentum: 0.9,
    nesterov: true,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    ...optimizer,
    decay: { weight: 5e-4, normalization: 0, alpha: 5e-4, scale: 0, ...optimizer.decay },
    rate: { weight: 1, normalization: 1, alpha: 1, scale: 1, ...optimizer.rate },
  };
}

/**
 * One step. With g = gradient + decay · w: SGD has v = momentum · v + g, w −= rate · (g + momentum · v) (or rate · v without Nesterov); Adam has
 * m += (1 − β₁)(g − m), s += (1 − β₂)(g² − s), w −= rate · m̂ / (√ŝ + ε) with m̂ and ŝ freed of their start at 0.
 *
 * @param steps Steps made before this one, for Adam; default 0.
 */
export function descend(parameters: readonly Parameter[], optimizer: Optimizer, learningRate: number, steps = 0): void {
  const settings = optimizerSettings(optimizer);
  for (const parameter of parameters) {
    const { values, group } = parameter, before = group === "scale" ? values.slice() : values;
    if (settings.kind === "adam") adam(parameter, settings, learningRate, steps + 1);
    else sgd(parameter, settings, learningRate);
    if (group === "alpha") values[0] = Math.max(SMALLEST_ALPHA, values[0]!);
    if (group !== "scale") continue;
    for (let i = 0; i < values.length; i++) values[i] = Math.max(values[i]!, before[i]! / 2, before[i]! > 0 ? SMALLEST_SCALE : 0);
  }
}

function sgd({ values, gradient, momentum: velocity, group }: Parameter, settings: OptimizerSettings, learningRate: number): void {
  const { momentum, nesterov } = settings, decay = settings.decay[group], rate = learningRate * settings.rate[group];
  for (let i = 0; i < values.length; i++) {
    const slope = gradient[i]! + decay * values[i]!, speed = momentum * velocity[i]! + slope;
    velocity[i] = speed;
    values[i] = values[i]! - rate * (nesterov ? slope + momentum * speed : speed);
  }
}

function adam(parameter: Parameter, settings: OptimizerSettings, learningRate: number, step: number): void {
  const { values, gradient, momentum: mean, group } = parameter, square = parameter.second();
  const { beta1, beta2, epsilon } = settings, decay = settings.decay[group];
  const rate = learningRate * settings.rate[group] / (1 - beta1 ** step), unbiased = 1 / (1 - beta2 ** step);
  for (let i = 0; i < values.length; i++) {
    const slope = gradient[i]! + decay * values[i]!;
    const m = mean[i]! + (1 - beta1) * (slope - mean[i]!), s = square[i]! + (1 - beta2) * (slope * slope - square[i]!);
    mean[i] = m;
    square[i] = s;
    values[i] = values[i]! - rate * m / (Math.sqrt(s * unbiased) + epsilon);
  }
}
