// The converters' step as a trained parameter: LSQ's gradient through every conversion of a layer, taken from one more pass over its arrays.

import type { ThreadPool } from "../../cpu/pool.ts";
import type { CrossbarPlan } from "../../simulate/lower/crossbar.ts";
import type { AdcTable } from "../../simulate/program.ts";
import { type Tensor, tensor } from "../../tensor.ts";
import type { Backward } from "../op.ts";
import { type Parameter, parameter } from "../parameter.ts";
import type { ImageBuffer } from "../value.ts";
import { addFloats, dotFloats } from "./codes.ts";

/** Limits lo and hi of a converter whose codes 0 … `codes` are `step` apart and whose code `zero` stands for 0, as the f32 that networks keep. */
export function stepLimits(step: number, zero: number, codes: number): [number, number] {
  return [Math.fround(-zero * step), Math.fround((codes - zero) * step)];
}

/**
 * Sums that a converter clips, as a table of themselves, with 0 for those it does not; undefined if it clips none within the plan's reach. As in LSQ a sum
 * at a limit counts as clipped.
 */
export function clippedSums(
  { reach: [min, max], unit }: Pick<CrossbarPlan, "reach" | "unit">,
  limits: readonly [number, number],
): AdcTable | undefined {
  const codes = new Int32Array(max - min + 1);
  let any = false;
  for (let sum = min; sum <= max; sum++) {
    if (sum * unit > limits[0] && sum * unit < limits[1] || sum === 0) continue;
    codes[sum - min] = sum;
    any = true;
  }
  return any ? { min, max, codes } : undefined;
}

/** LSQ's factor of the gradient, for a step shared by so many conversions per image: 1/√(n · Q), Q the largest magnitude of a code. */
export function stepGradientScale(conversions: number, zero: number, codes: number): number {
  return 1 / Math.sqrt(conversions * Math.max(zero, codes - zero));
}

/** Images of a batch from which the gradient of a layer's one step is taken: it sums over so many conversions that more would cost time and tell little. */
const SAMPLE = 16;

/** A layer's trained converter step. */
export interface LearnedRange {
  /** Images of a batch, from the first on, that the gradient is taken from. */
  readonly sample: number;
  /** `<layer>.adc.step`: Δ in cell-level sums; 0 until there is one. */
  readonly parameter: Parameter;
  /** Keeps the plain layer's output, which `buffer` holds; without one, the pass at hand has no gradient. */
  exact(buffer: ImageBuffer | undefined): void;
  /** From the output through arrays in `buffer`, and Σ of clipped sums times `factor[channel]` if some were clipped, ∂y/∂Δ · Δ for every output. */
  converted(buffer: ImageBuffer, clipped: Int32Array | undefined, factor: Float64Array): void;
  /** From the gradient of the output that of the parameter; channels `without` have none. */
  backward(gradient: ImageBuffer, without: Uint8Array, scale: number, pass: Backward): void;
}

/**
 * Makes a layer's converter step a parameter.
 *
 * With P a sum, q = Δ · clip(round(P/Δ)) and y = Σ gain · q, LSQ has ∂q/∂Δ = (q − P)/Δ inside the limits and q/Δ at them, so that
 * ∂y/∂Δ · Δ = y − y₀ + Σ over clipped sums of gain · P, y₀ being the output without converters. The parameter's gradient is ∂L/∂Δ · Δ² / √(n · Q): a step
 * size of any magnitude moves, relative to itself, as LSQ moves a step of 1. Of large batches the first images stand for all.
 *
 * @param size Values of a batch of outputs.
 */
export function learnedRange(
  pool: ThreadPool,
  name: string,
  known: Readonly<Record<string, Tensor>>,
  { batch, channels, size }: { readonly batch: number; readonly channels: number; readonly size: number },
): LearnedRange {
  const own = `${name}.adc.step`, step = parameter(pool, own, known[own] ?? tensor(new Float32Array(1), [1]), "scale");
  const sample = Math.min(batch, SAMPLE), slopes = new Float32Array(size / batch * sample);
  let ready = false;
  return {
    sample,
    parameter: step,
    exact(buffer) {
      ready = false;
      slopes.fill(0);
      if (buffer !== undefined) addFloats(pool, buffer, sample, channels, -1, slopes);
    },
    converted(buffer, clipped, factor) {
      addFloats(pool, buffer, sample, channels, 1, slopes);
      if (clipped !== undefined) {
        for (let at = 0, c = 0; at < slopes.length; at++, c = c + 1 === channels ? 0 : c + 1) {
          slopes[at] = slopes[at]! + clipped[at]! * factor[c]!;
        }
      }
      ready = true;
    },
    backward(gradient, without, scale, { order }) {
      const factor = batch / sample * (order === 1 ? step.values[0]! * scale : step.values[0]! ** -2);
      step.gradient[0] = ready ? factor * dotFloats(pool, gradient, sample, without, slopes, order) : 0;
    },
  };
}
