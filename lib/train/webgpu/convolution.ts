// Convolution and linear layers in training on the device: three products, and sums for the bias.

import finishCode from "../../../kernels/train/normalize_finish.wgsl" with { type: "text" };
import sumsCode from "../../../kernels/train/normalize_sums.wgsl" with { type: "text" };
import type { Conv, Linear, Network } from "../../network/graph.ts";
import type { WeightQuantizer } from "../../quantize/quantizer.ts";
import { gemm, type Geometry } from "./gemm.ts";
import { type Launch, type LaunchBuilder, workgroups } from "./launch.ts";
import { type DeviceParameter, deviceParameter } from "./parameter.ts";
import type { DeviceContext, DeviceOperation, DeviceValue } from "./value.ts";

/** Builds a convolution or linear layer. Groups that are no whole quads become blocks of one dense convolution, as on the CPU. */
export async function convolution(
  { builder, batch, sink }: DeviceContext,
  network: Network,
  layer: Conv | Linear,
  input: DeviceValue,
  output: DeviceValue,
  quantizer: WeightQuantizer | undefined,
): Promise<DeviceOperation> {
  const conv = layer.op === "conv", groups = conv ? layer.groups : 1;
  const dense = groups > 1 && (input.shape[2] / groups % 4 !== 0 || output.shape[2] / groups % 4 !== 0);
  const geometry: Geometry = {
    batch,
    input: [input.shape[0], input.shape[1], input.channels],
    output: [output.shape[0], output.shape[1], output.channels],
    ...(conv
      ? { kernel: layer.kernel, stride: layer.stride, padding: layer.padding, dilation: layer.dilation }
      : { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1] }),
    groups: dense ? 1 : groups,
  };
  const read = (name: string) => network.parameters[`${layer.name}.${name}`]!;
  const weight = await deviceParameter(builder, `${layer.name}.weight`, read("weight"), "weight", {
    quantizer,
    expand: dense ? groups : 1,
    known: network.parameters,
  });
  const bias = layer.bias ? await deviceParameter(builder, `${layer.name}.bias`, read("bias"), "normalization") : undefined;
  const target = await sink(input);
  return {
    parameters: [weight, ...bias === undefined ? [] : [bias], ...weight.companions],
    async forward() {
      const product = await gemm(builder, "FORWARD", geometry, input.data, weight.effective, output.data, { bias: bias?.effective });
      return [...weight.refresh, ...product];
    },
    async backward(pass) {
      const order = pass === 2 ? 2 : 1;
      const backward = await gemm(builder, "WEIGHT", geometry, input.data, output.gradient!, weight.gradient, { order });
      if (pass === "training") backward.push(...weight.pullBack);
      if (bias !== undefined) backward.push(...await columnSums(builder, batch, output, bias));
      if (target !== undefined) {
        backward.push(
          ...await gemm(builder, "INPUT", geometry, output.gradient!, weight.effective, target.buffer, { order }),
          ...target.commit,
        );
      }
      return backward;
    },
  };
}

/** How the positions of a batch are dealt out for sums: fixed, so that every run gives the same bits. */
export function sumJobs(positions: number): { readonly each: number; readonly jobs: number } {
  const each = Math.max(8, Math.ceil(positions / 1024));
  return { each, jobs: Math.ceil(positions / each) };
}

async function columnSums(builder: LaunchBuilder, batch: number, output: DeviceValue, bias: DeviceParameter): Promise<Launch[]> {
  const positions = batch * output.shape[0] * output.shape[1], quads = output.channels / 4, { each, jobs } = sumJobs(positions);
  builder.reserve(jobs * 2 * output.channels);
  const shared = { QUADS: quads, JOBS: jobs, KINDS: 2, POSITIONS: positions, BACKWARD: 0 };
  return [
    await builder.launch({
      label: `sums for ${bias.name}`,
      code: sumsCode,
      uses: "rw",
      values: { ...shared, EACH: each },
      operands: [output.gradient!, "scratch"],
      groups: workgroups(jobs * quads),
    }),
    await builder.launch({
      label: `gradient of ${bias.name}`,
      code: finishCode,
      uses: "rww",
      values: { ...shared, FORWARD: 0, NORMALIZED: 0, COLUMNS: 1 },
      operands: ["scratch", builder.none, bias.gradient],
      groups: quads,
    }),
  ];
}
