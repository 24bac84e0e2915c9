// Plans gather and scatter: rows of a placed layer, and its parts added up, one launch each.

import gatherCode from "../../../kernels/gather.wgsl" with { type: "text" };
import scatterCode from "../../../kernels/scatter.wgsl" with { type: "text" };
import { compile } from "../../gpu/program.ts";
import { elements } from "../../tensor.ts";
import type { GatherStep, ScatterStep } from "../program.ts";
import { bindings, type Launch, type PlanContext, type StepPlan, workgroups } from "./launch.ts";

/** Plans a gather step. */
export async function planGather({ device, program }: PlanContext, step: GatherStep): Promise<StepPlan> {
  const { shape: [height, width, channels], name } = program.values[step.input]!;
  const rows = step.rows.length / 3, positions = step.origins.length / 2;
  const padded = new Int32Array(4 * rows);
  for (let row = 0; row < rows; row++) padded.set(step.rows.subarray(3 * row, 3 * row + 3), 4 * row);
  return {
    launches: [{
      kernel: await compile(device, { label: "gather", code: gatherCode, bindings: bindings("rrrw") }),
      operands: [step.input, { data: step.origins, label: `${name} origins` }, { data: padded, label: `${name} rows` }, step.output],
      params: (batch) => [batch * positions * rows, positions, rows, height, width, channels],
      groups: (batch) => workgroups(Math.ceil(batch * positions * rows / 4)),
    }],
  };
}

/** Plans a scatter step. */
export async function planScatter({ device, program, none }: PlanContext, step: ScatterStep): Promise<StepPlan> {
  const { shape, type, name } = program.values[step.output]!;
  const size = elements(shape), [, , channels] = shape;
  const kernel = (from: string, values: { readonly START: number; readonly BIASED: number }) =>
    compile(device, { label: "scatter", code: scatterCode, bindings: bindings("rrrrw"), values: { FROM: from, TO: type, ...values } });
  const launches: Launch[] = [{
    kernel: await kernel("i32", { START: 1, BIASED: Number(step.bias !== undefined) }),
    operands: [step.bias === undefined ? none : { data: step.bias, label: `${name} start` }, none, none, none, step.output],
    params: (batch) => [batch * size, 0, 0, size, channels],
    groups: (batch) => workgroups(batch * size),
  }];
  for (const [index, { pixels, channels: list, factor }] of step.parts.entries()) {
    const input = step.inputs[index]!, count = pixels.length * list.length;
    launches.push({
      kernel: await kernel(program.values[input]!.type, { START: 0, BIASED: 0 }),
      operands: [
        input,
        { data: pixels, label: `${name} pixels` },
        { data: list, label: `${name} channels` },
        { data: type === "i32" ? Int32Array.of(factor) : Float32Array.of(factor), label: `${name} factor` },
        step.output,
      ],
      params: (batch) => [batch * count, pixels.length, list.length, size, channels],
      groups: (batch) => workgroups(batch * count),
    });
  }
  return { launches };
}
