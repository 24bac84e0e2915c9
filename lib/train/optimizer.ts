// Stochastic gradient descent with momentum, per parameter group.

import type { Parameter, ParameterGroup } from "./parameter.ts";

/** Settings of {@linkcode descend}. */
export interface Optimizer {
  /** Momentum, default 0.9. */
  readonly momentum: number;
  /** Nesterov's look-ahead, default true. */
  readonly nesterov: boolean;
  /** L2 term per group. */
  readonly decay: Readonly<Record<ParameterGroup, number>>;
  /** Learning-rate multiplier per group. */
  readonly rate: Readonly<Record<ParameterGroup, number>>;
}

/** Smallest clipping level α: below it every activation would saturate. */
export const SMALLEST_ALPHA = 0.05;

/** One step of SGD: g += decay·w, v = momentum·v + g, w −= rate·(g + momentum·v) (or rate·v without Nesterov). */
export function descend(parameters: readonly Parameter[], optimizer: Optimizer, learningRate: number): void {
  const { momentum, nesterov } = optimizer;
  for (const { values, gradient, momentum: velocity, group } of parameters) {
    const decay = optimizer.decay[group], rate = learningRate * optimizer.rate[group];
    for (let i = 0; i < values.length; i++) {
      const slope = gradient[i]! + decay * values[i]!, speed = momentum * velocity[i]! + slope;
      velocity[i] = speed;
      values[i] = values[i]! - rate * (nesterov ? slope + momentum * speed : speed);
    }
    if (group === "alpha") values[0] = Math.max(SMALLEST_ALPHA, values[0]!);
  }
}
