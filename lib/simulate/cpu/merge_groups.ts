// Groups of few columns taken together: kernels make 16 columns at once, and a depthwise layer group by group would start thousands of them.

import type { Geometry } from "../program.ts";
import { rowCount } from "./window.ts";

/** Columns that a block of a kernel makes. */
const BLOCK = 16;

/** A digital convolution as kernels want it. */
export interface Merged<Weights> {
  readonly geometry: Geometry;
  /** `[groups][rows][columns per group]`, rows over kernel row, kernel column, channel within the group. */
  readonly weights: Weights;
}

/**
 * The same convolution in fewer groups: as many as fit into 16 columns side by side, zeros where one does not see another's channels. Sums run over the same
 * products in the same order with zeros between them, so results are the same to the last bit.
 */
export function mergeGroups<Weights extends Int16Array | Float32Array>(geometry: Geometry, weights: Weights): Merged<Weights> {
  const { groups, kernel, inputShape, outputShape } = geometry, columns = outputShape[2] / groups, depth = inputShape[2] / groups;
  let together = 1;
  for (let count = 2; count * columns <= BLOCK; count++) if (groups % count === 0) together = count;
  if (together === 1) return { geometry, weights };
  const rows = rowCount(geometry), positions = kernel[0] * kernel[1], width = together * columns;
  const merged = new (weights.constructor as new (length: number) => Weights)(weights.length * together);
  for (let group = 0; group < groups; group++) {
    const within = group % together, start = (group - within) / together * rows * together;
    for (let position = 0; position < positions; position++) {
      for (let channel = 0; channel < depth; channel++) {
        const from = (group * rows + position * depth + channel) * columns;
        const to = (start + position * depth * together + within * depth + channel) * width + within * columns;
        for (let column = 0; column < columns; column++) merged[to + column] = weights[from + column]!;
      }
    }
  }
  return { geometry: { ...geometry, groups: groups / together }, weights: merged };
}
