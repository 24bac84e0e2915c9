// Codes behind dequantised weights, kept as the network's trained codes so that quantising it again loses nothing.

import { tensor } from "../../../tensor.ts";
import type { ConstantCodes } from "../constant.ts";
import type { NodeContext } from "../context.ts";

/**
 * Notes codes for a layer's weights. Bits are as few as hold all codes; codes that are all odd are those of an even number of levels around zero, such as
 * DoReFa's, and get their half-integer zero back.
 */
export function trainedCodes({ graph }: NodeContext, layer: string, { data, scales, axis }: ConstantCodes, shape: readonly number[]): void {
  let least = 0, most = 0, odd = data.length > 0;
  for (let at = 0; at < data.length; at++) {
    const code = data[at]!;
    least = Math.min(least, code);
    most = Math.max(most, code);
    if (code % 2 === 0) odd = false;
  }
  if (least < -32768 || most > 32767 || (scales.length > 1 && (axis !== 0 || scales.length !== shape[0]))) {
    graph.note(`${layer}: codes of these scales cannot be kept; its weights are real numbers`);
    return;
  }
  const bits = odd ? Math.ceil(Math.log2(Math.max(-least, most) + 1)) : Math.max(2, Math.ceil(Math.log2(Math.max(-least, most + 1))) + 1);
  const codes = new Int16Array(data.length), top = 2 ** bits - 1;
  for (let at = 0; at < codes.length; at++) codes[at] = odd ? (data[at]! + top) / 2 : data[at]!;
  const each = odd ? 2 : 1, common = scales.length === 1;
  graph.codes[`${layer}.weight`] = {
    quantizer: { kind: "uniform", bits },
    codes: tensor(codes, shape),
    zero: odd ? top / 2 : 0,
    scale: common ? scales[0]! * each : each,
    ...(common ? {} : { scales }),
    signed: !odd,
  };
}
