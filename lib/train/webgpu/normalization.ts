// Batch norm, ReLU and activation quantisation in training on the device, fused where they follow one another.

import applyCode from "../../../kernels/train/normalize.wgsl" with { type: "text" };
import finishCode from "../../../kernels/train/normalize_finish.wgsl" with { type: "text" };
import sumsCode from "../../../kernels/train/normalize_sums.wgsl" with { type: "text" };
import totalCode from "../../../kernels/train/total.wgsl" with { type: "text" };
import { TABLE_ROWS } from "../../../kernels/train/normalize.ts";
import { OptionError } from "../../errors.ts";
import type { BatchNorm, Network, Relu } from "../../network/graph.ts";
import type { ActivationQuantizer } from "../../quantize/quantizer.ts";
import { tensor } from "../../tensor.ts";
import { STATISTICS_MOMENTUM } from "../normalization.ts";
import type { ParameterGroup } from "../parameter.ts";
import { sumJobs } from "./convolution.ts";
import { type Launch, type LaunchSource, workgroups } from "./launch.ts";
import { type DeviceParameter, deviceParameter } from "./parameter.ts";
import type { DeviceContext, DeviceOperation, DeviceValue, Pass } from "./value.ts";

/** Builds batch norm alone, ReLU alone, or both; the table of factors per channel has the CPU kernels' rows. */
export async function normalization(
  { builder, batch, sink }: DeviceContext,
  network: Network,
  layers: { readonly batchNorm?: BatchNorm | undefined; readonly relu?: Relu | undefined },
  input: DeviceValue,
  output: DeviceValue,
  quantizer: ActivationQuantizer | undefined,
): Promise<DeviceOperation> {
  const { batchNorm, relu } = layers, quantized = relu !== undefined && quantizer !== undefined;
  const rules = quantizer?.gradient;
  if (rules?.simulated !== undefined || rules?.soft !== undefined) {
    throw new OptionError("train on WebGPU", {
      where: `${relu?.name}, quantizer`,
      got: quantizer!.kind,
      wanted: '"pact", "pactPlus", "lsq" or "lsqPlus"',
      hint: 'Other quantizers train on the "cpu" backend.',
    });
  }
  const { channels } = input, size = input.shape[2], quads = channels / 4, positions = batch * input.shape[0] * input.shape[1];
  const name = batchNorm?.name ?? relu!.name, { each, jobs } = sumJobs(positions), target = await sink(input);
  const table = builder.floats(TABLE_ROWS * channels, `factors of ${name}`);
  builder.reserve(jobs * 3 * channels);

  const parameters: DeviceParameter[] = [];
  const add = async (parameter: string, initial: Float32Array, group: ParameterGroup) => {
    const made = await deviceParameter(builder, parameter, tensor(initial, [initial.length]), group);
    parameters.push(made);
    return made;
  };
  const read = (part: string) => network.parameters[`${batchNorm!.name}.${part}`]!.data as Float32Array;
  const own = batchNorm === undefined ? undefined : {
    gamma: await add(`${name}.weight`, read("weight"), "normalization"),
    beta: await add(`${name}.bias`, read("bias"), "normalization"),
    running: builder.floats(2 * channels, `statistics of ${name}`),
  };
  const alphaName = `${relu?.name}.alpha`;
  const alpha = quantized
    ? await add(alphaName, network.parameters[alphaName]?.data as Float32Array ?? Float32Array.of(quantizer.alpha), "alpha")
    : undefined;
  if (own === undefined) {
    const rows = new Float32Array(TABLE_ROWS * channels);
    for (const row of [0, 7]) rows.fill(1, row * channels, row * channels + size);
    table.upload(rows);
  }

  const sizes = { QUADS: quads, POSITIONS: positions, JOBS: jobs };
  const inside = relu === undefined
    ? "vec4<bool>(true, true, true, true)"
    : quantized
    ? "(z >= vec4<f32>()) & (z <= clip)"
    : "z > vec4<f32>()";
  const activation = {
    RELU: relu === undefined ? 0 : 1,
    QUANTIZED: quantized ? 1 : 0,
    LEVELS: quantized ? 2 ** quantizer.bits - 1 : 1,
    ROUNDED: rules?.rounding ? 1 : 0,
    FACTOR: rules?.scale?.(input.shape[0] * input.shape[1] * size) ?? 1,
    INSIDE: inside,
  };
  const clip = alpha?.latent ?? builder.none;
  const launch = (label: string, source: Omit<LaunchSource, "label">) => builder.launch({ label: `${label} of ${name}`, ...source });
  const sums = (backward: boolean) =>
    launch("sums", {
      code: sumsCode,
      uses: backward ? "rwrrr" : "rw",
      values: { ...sizes, ...activation, EACH: each, KINDS: backward ? 3 : 2, BACKWARD: backward ? 1 : 0 },
      operands: backward ? [input.data, "scratch", output.gradient!, table, clip] : [input.data, "scratch"],
      groups: workgroups(jobs * quads),
    });
  const flags = { FORWARD: 0, TRAINING: 0, BACKWARD: 0, NORMALIZED: 0, COLUMNS: 0 };
  const statistics = (training: boolean) =>
    launch("statistics", {
      code: finishCode,
      uses: "rwrrw",
      values: {
        ...sizes,
        ...flags,
        KINDS: training ? 2 : 0,
        FORWARD: 1,
        TRAINING: training ? 1 : 0,
        MOMENTUM: STATISTICS_MOMENTUM,
        UNBIASED: positions / Math.max(1, positions - 1),
        EPSILON: batchNorm!.epsilon,
      },
      operands: ["scratch", table, own!.gamma.latent, own!.beta.latent, own!.running],
      groups: quads,
    });
  const apply = (pass: Pass | undefined, to: DeviceValue["data"]) =>
    launch(pass === undefined ? "output" : "gradient", {
      code: applyCode,
      uses: pass === undefined ? "rwrr" : "rwrrr",
      values: {
        ...sizes,
        ...activation,
        BACKWARD: pass === undefined ? 0 : 1,
        // Running statistics do not depend on the batch: all that is left is the factor of the pass forward.
        SLOPE: pass === 1 ? "table[quad]" : pass === 2 ? "table[quad] * table[quad]" : "",
      },
      operands: [input.data, to, table, clip, ...(pass === undefined ? [] : [output.gradient!])],
      groups: workgroups(positions * quads),
    });
  const parameterGradients = async () => {
    const launches: Launch[] = [];
    if (parameters.length > 0) {
      launches.push(await sums(true));
      launches.push(
        await launch("sums joined", {
          code: finishCode,
          uses: own === undefined ? "rw" : "rwrww",
          values: { ...sizes, ...flags, KINDS: 3, BACKWARD: 1, NORMALIZED: own === undefined ? 0 : 1 },
          operands: ["scratch", table, ...(own === undefined ? [] : [own.gamma.latent, own.gamma.gradient, own.beta.gradient])],
          groups: quads,
        }),
      );
    }
    if (alpha !== undefined) {
      launches.push(
        await launch("gradient of α", {
          code: totalCode,
          uses: "rw",
          values: { COUNT: channels, EACH: channels, FIRST: 2 * channels, PEAK: 0, TANH: "" },
          operands: [table, alpha.gradient],
          groups: 1,
        }),
      );
    }
    return launches;
  };

  const statisticsOf = own === undefined ? {} : {
    statistics: {
      names: [`${name}.mean`, `${name}.variance`],
      buffer: own.running,
      values: [Float32Array.from(read("mean")), Float32Array.from(read("variance"))],
    },
  };
  return {
    parameters,
    ...statisticsOf,
    async forward(training) {
      const before = own === undefined ? [] : training ? [await sums(false), await statistics(true)] : [await statistics(false)];
      return [...before, await apply(undefined, output.data)];
    },
    async backward(pass) {
      const backward = pass === "training" ? await parameterGradients() : [];
      if (target !== undefined) backward.push(await apply(pass, target.buffer), ...target.commit);
      return backward;
    },
  };
}
