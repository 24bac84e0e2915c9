// Maximum and mean pools in training on the device.

import poolCode from "../../../kernels/train/pool.wgsl" with { type: "text" };
import type { GlobalAveragePool, Pool } from "../../network/graph.ts";
import { type Launch, workgroups } from "./launch.ts";
import { type DeviceContext, type DeviceOperation, type DeviceValue, valueFloats } from "./value.ts";

/** Maximum, or mean without padded positions; ties of a maximum go to the first. */
export async function pool(
  { builder, batch, sink }: DeviceContext,
  layer: Pool | GlobalAveragePool,
  input: DeviceValue,
  output: DeviceValue,
): Promise<DeviceOperation> {
  const maximum = layer.op === "maxPool", target = await sink(input);
  const window = layer.op === "globalAveragePool"
    ? { kernel: [input.shape[0], input.shape[1]] as const, stride: [1, 1] as const, padding: [0, 0] as const }
    : layer;
  const winner = maximum ? [builder.floats(valueFloats(batch, output.shape), `winners of ${layer.name}`)] : [];
  const launch = (backward: boolean, squared: boolean, operands: [DeviceValue["data"], DeviceValue["data"]]): Promise<Launch> => {
    const [from, to] = backward ? [output, input] : [input, output];
    const count = valueFloats(batch, to.shape) / 4;
    return builder.launch({
      label: `${layer.op}${backward ? " backward" : ""}`,
      code: poolCode,
      uses: `rw${maximum ? backward ? "r" : "w" : ""}`,
      values: {
        MAXIMUM: maximum ? 1 : 0,
        BACKWARD: backward ? 1 : 0,
        SQUARED: squared ? 1 : 0,
        ACCESS: backward ? "read" : "read_write",
        START: maximum && !backward ? "-3.4e38" : "0.0",
        COUNT: count,
        QUADS: to.channels / 4,
        FROM_HEIGHT: from.shape[0],
        FROM_WIDTH: from.shape[1],
        TO_HEIGHT: to.shape[0],
        TO_WIDTH: to.shape[1],
        KERNEL_Y: window.kernel[0],
        KERNEL_X: window.kernel[1],
        STRIDE_Y: window.stride[0],
        STRIDE_X: window.stride[1],
        PADDING_Y: window.padding[0],
        PADDING_X: window.padding[1],
      },
      operands: [...operands, ...winner],
      groups: workgroups(count),
    });
  };
  return {
    parameters: [],
    forward: async () => [await launch(false, false, [input.data, output.data])],
    backward: async (pass) => {
      if (target === undefined) return [];
      return [await launch(true, pass === 2, [output.gradient!, target.buffer]), ...target.commit];
    },
  };
}
