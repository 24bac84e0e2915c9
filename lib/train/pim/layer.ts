// A convolution or linear layer in training whose forward pass is the simulator's crossbar and whose backward pass is the plain one, times ξ.

import { GraphError, OptionError } from "../../errors.ts";
import { geometryOf } from "../../map/geometry.ts";
import type { Conv, Linear, Network } from "../../network/graph.ts";
import type { WeightQuantizer } from "../../quantize/quantizer.ts";
import { hash } from "../../random.ts";
import { writeTables } from "../../simulate/cpu/lookup.ts";
import { observe } from "../../simulate/observe/observe.ts";
import { elements, tensor } from "../../tensor.ts";
import { convolution } from "../convolution.ts";
import { type BuildContext, GRADIENTS, type Operation } from "../op.ts";
import type { TrainingValue } from "../value.ts";
import { Arrays, type LoadedArrays } from "./arrays.ts";
import { readCodes, scaleGradient, spreadOf, writeSums } from "./codes.ts";
import { clippedSums, learnedRange, stepGradientScale, stepLimits } from "./learned_range.ts";
import { levelsOf, type Pim } from "./options.ts";
import { scaledQuantizer } from "./quantizer.ts";
import { converterOf, limitsOf } from "./range.ts";
import { maximumRange } from "./scheme.ts";
import type { CodeSource } from "./source.ts";

/** Words combined when sums are counted: some 20 ms. */
const BUDGET = 3e6;
/** Weight of a new η in the old one. */
const SMOOTHING = 0.5;

/** Places in a layer's `<layer>.adc`. */
const LO = 0, HI = 1, ETA = 2, STEPS = 3, ZERO = 4, CODES = 5;

/** What the plain layer is built with, and what it reads. */
export interface PimLayer {
  readonly layer: Conv | Linear;
  readonly input: TrainingValue;
  readonly output: TrainingValue;
  readonly quantizer: WeightQuantizer | undefined;
  readonly needsInputGradient: boolean;
  readonly source: CodeSource;
  /** Number among the layers on arrays. */
  readonly number: number;
}

/**
 * Builds a layer on arrays. Its state `<layer>.adc` holds the converter's limits lo and hi in cell-level sums, η, and the training steps made;
 * where the range is learned also the code that stands for 0 and the highest code, while the step is the parameter `<layer>.adc.step`.
 *
 * Until the first training batch a range that follows sums has no limits, and the layer runs without converters.
 *
 * @throws {OptionError} if the layer has no weight quantizer.
 */
export async function pimLayer(
  context: BuildContext,
  network: Network,
  { layer, input, output, quantizer, needsInputGradient, source, number }: PimLayer,
  pim: Pim,
): Promise<Operation> {
  const { pool, batch } = context, { name } = layer;
  if (quantizer === undefined) {
    throw new OptionError("train through arrays", {
      where: `pim.layers, ${name}`,
      got: "weights in floating point",
      wanted: "a weight quantizer",
    });
  }
  const saved = network.parameters[`${name}.adc`]?.data;
  const learns = pim.range === "learned", top = levelsOf(pim.adcBits) - 1, goesOn = !learns || saved?.[CODES] === top;
  const [lo, hi] = goesOn ? [saved?.[LO] ?? 0, saved?.[HI] ?? 0] : [0, 0], eta = typeof pim.eta === "number" ? pim.eta : 1;
  const state = Float32Array.of(lo, hi, eta, 0, ...learns ? [goesOn ? saved![ZERO]! : 0, top] : []);
  const scaled = scaledQuantizer(quantizer, () => state[ETA]!);
  const plain = await convolution(context, network, layer, input, output, scaled, needsInputGradient);
  const find = (part: string) => plain.parameters.find((each) => each.name === `${name}.${part}`);
  const weight = find("weight")!, bias = find("bias");
  writeTables(pool.u8(0, 256));

  const geometry = geometryOf(layer, layer.op === "linear" ? [1, 1, elements(input.shape)] : input.shape, output.shape);
  const arrays = new Arrays(pool, { name, geometry, number, inputBits: source.bits, inputZero: source.zero }, pim);
  const size = batch * elements(geometry.inputShape), results = batch * elements(geometry.outputShape);
  const spread = await spreadOf(pool, output.data, batch, output.shape[2]);
  const codesAt = pool.allocate(size), sumsAt = pool.allocate(results * 4);
  const learned = learns
    ? learnedRange(pool, name, goesOn ? network.parameters : {}, { batch, channels: output.shape[2], size: results })
    : undefined;
  const { sample = 0 } = learned ?? {}, secondAt = learns ? pool.allocate(results / batch * sample * 4) : 0;
  const redrawn = pim.noise.weights > 0 || pim.noise.device !== undefined, noisy = redrawn || pim.noise.adc > 0 || pim.noise.inl > 0;
  let loaded: LoadedArrays | undefined, fresh = false, images = 0, xi = 1, conversions = 1;
  // Batch norm divides by the spread: where arrays put out a constant, it would make anything of a gradient that means nothing.
  const normalized = network.layers.some(({ op, inputs }) => op === "batchNorm" && inputs[0] === name);
  const none = new Uint8Array(output.shape[2]);
  let dead: Uint8Array = none;

  const follows = typeof pim.range === "string" && pim.range !== "max", ranged = () => state[HI]! > state[LO]!;
  const setLimits = ([lo, hi]: readonly [number, number]) => [state[LO], state[HI]] = [lo, hi];
  const limits = (): readonly [number, number] => [state[LO]!, state[HI]!];
  const shape = [batch, ...geometry.inputShape];

  return {
    ...plain,
    parameters: learned === undefined ? plain.parameters : [...plain.parameters, learned.parameter],
    state: { [`${name}.adc`]: state },
    async prepare(training) {
      weight.refresh();
      const codes = scaled.encode(weight.read(), weight.learned?.());
      if (typeof pim.range !== "string") setLimits(pim.range);
      else if (learned !== undefined) setLimits(stepLimits(learned.parameter.values[0]!, state[ZERO]!, top));
      else if (!follows) setLimits(maximumRange(pim, codes.bits, Number.isInteger(codes.zero), source.bits));
      const errors = noisy && (training || pim.noise.evaluate), steps = state[STEPS]!, { seed } = pim;
      const noise = errors
        ? {
          chip: training && redrawn ? hash(seed, 1, steps) >>> 1 : hash(seed, 1) >>> 1,
          reading: hash(seed, 2, training ? steps : 0),
        }
        : undefined;
      const converter = ranged() ? (unit: number) => converterOf(pim, limits(), unit, errors) : undefined;
      loaded = await arrays.load(codes, converter, noise, learns && training ? (plan) => clippedSums(plan, limits()) : undefined);
      fresh = true;
      images = 0;
    },
    forward(training) {
      if (loaded === undefined || training && !fresh) {
        throw new GraphError("run a layer on arrays", {
          where: name,
          got: "weights not on arrays",
          wanted: "a call of prepare before each training step",
        });
      }
      const { executor, second, sumFactor, plan, scale: { factor, shift } } = loaded, step = source.step(), steps = state[STEPS]!;
      const looks = training && (learns ? !ranged() : steps % pim.refresh === 0),
        matches = training && executor !== undefined && pim.eta === "matched" &&
          (steps % pim.refresh === 0 || steps === 1);
      const codes = pool.u8(codesAt, size);
      readCodes(pool, input.data, batch, geometry.inputShape[2], { step, zero: source.zero }, codes);
      if (looks && follows) {
        const seen = observe(plan, tensor(codes.slice(), shape), { budget: BUDGET, seed: hash(pim.seed, steps) });
        setLimits(limitsOf(pim, seen, plan.unit, steps > 0 && ranged() ? limits() : undefined));
        if (learned !== undefined) {
          const step = learned.parameter.values[0] = (state[HI]! - state[LO]!) / top;
          state[ZERO] = Math.round(-state[LO]! / step);
        }
      }
      const wanted = training && (pim.xi === "measured" || learns) || matches || executor === undefined;
      let exact = 0;
      if (wanted) {
        plain.forward(training);
        exact = spread(bias?.values).variance;
      }
      learned?.exact(training && executor !== undefined ? output.data : undefined);
      xi = typeof pim.xi === "number" ? pim.xi : 1;
      dead = none;
      if (executor !== undefined) {
        executor.run(batch, (value) => value === 0 ? codesAt : sumsAt, images);
        images += batch;
        const offset = Float64Array.from(shift, (value, channel) => value * step + (bias?.values[channel] ?? 0));
        writeSums(pool, pool.i32(sumsAt, results), output.data, batch, { factor: factor.map((value) => value * step), shift: offset });
        if (training && learned !== undefined) {
          second?.run(sample, (value) => value === 0 ? codesAt : secondAt, 0);
          const clipped = second === undefined ? undefined : pool.i32(secondAt, results / batch * sample);
          learned.converted(output.data, clipped, sumFactor.map((value) => value * step));
          conversions = plan.slices * (plan.tiles.length - 1) * Math.ceil(plan.inputBits / plan.digitBits);
        }
        const found = training ? spread(bias?.values) : undefined;
        if (found !== undefined && normalized) dead = found.constant;
        // Where nothing passes the converters, weights must still be able to leave.
        const ratio = found !== undefined && found.variance > 0 && exact > 0 ? Math.sqrt(found.variance / exact) : 1;
        if (pim.xi === "measured") xi = ratio;
        if (matches) state[ETA] = steps <= 1 ? 1 / ratio : state[ETA]! + SMOOTHING * (1 / ratio - state[ETA]!);
      }
      if (training) {
        state[STEPS] = steps + 1;
        fresh = false;
      }
    },
    backward(pass = GRADIENTS) {
      const factor = xi ** pass.order;
      learned?.backward(output.gradient, dead, stepGradientScale(conversions * results / batch, state[ZERO]!, top), pass);
      if (factor !== 1 || dead.includes(1)) scaleGradient(pool, output.gradient, batch, factor, dead);
      plain.backward(pass);
      if (bias !== undefined && factor !== 1) bias.gradient.forEach((value, at) => bias.gradient[at] = value / factor);
    },
  };
}
