import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { OptionError, ShapeError } from "../../lib/errors.ts";
import type { Network } from "../../lib/network/graph.ts";
import { runFloat } from "../../lib/network/float_run.ts";
import { secondDerivatives } from "../../lib/program/second_derivatives.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { tensor } from "../../lib/tensor.ts";
import { softmaxCurvature } from "../../lib/train/derivative_sums.ts";
import { compareGolden, golden } from "./derivative_golden.ts";
import { data, net, NETS } from "./derivative_nets.ts";

/** Sum over all images of the cross-entropy in nats. */
function lossOf(network: Network, { images, labels }: ReturnType<typeof data>): number {
  const { logits } = runFloat(network, images), classes = logits.data.length / labels.length;
  let loss = 0;
  labels.forEach((label, image) => {
    const row = Array.from(logits.data.subarray(image * classes, (image + 1) * classes)), peak = Math.max(...row);
    loss += peak + Math.log(row.reduce((sum, value) => sum + Math.exp(value - peak), 0)) - row[label]!;
  });
  return loss;
}

/** Values of one image while the rule is followed by hand: `[height][width][channels]` flat, and its second derivatives. */
type Maps = Map<string, { readonly shape: readonly [number, number, number]; readonly x: Float64Array; readonly h: Float64Array }>;

/** The rule, layer by layer and loop by loop. */
function byHand(network: Network, { images, labels }: ReturnType<typeof data>): Record<string, Float64Array> {
  const sums: Record<string, Float64Array> = {};
  for (const [name, { data }] of Object.entries(network.parameters)) sums[name] = new Float64Array(data.length);
  const run = runFloat(network, images, { taps: ["input", ...network.layers.map(({ name }) => name)] });
  const parameter = (name: string) => network.parameters[name]!.data;
  labels.forEach((_, image) => {
    const maps: Maps = new Map();
    const take = (name: string) => {
      const { shape, data } = run.taps.get(name)!, size = data.length / labels.length;
      maps.set(name, {
        shape: shape.slice(1) as [number, number, number],
        x: Float64Array.from(data.subarray(image * size, (image + 1) * size)),
        h: new Float64Array(size),
      });
    };
    take("input");
    for (const { name } of network.layers) take(name);
    const last = maps.get(network.layers.at(-1)!.name)!;
    last.h.set(softmaxCurvature(Float32Array.from(last.x), 1));
    for (const layer of network.layers.toReversed()) {
      const to = maps.get(layer.name)!,
        [, width, channels] = to.shape,
        from = layer.inputs.map((name) => maps.get(name)!),
        first = from[0]!;
      const [inHeight, inWidth, inputs] = first.shape;
      const each = (visit: (at: number, y: number, x: number, c: number) => void) => {
        for (let at = 0; at < to.x.length; at++) {
          visit(at, Math.floor(at / channels / width), Math.floor(at / channels) % width, at % channels);
        }
      };
      if (layer.op === "conv") {
        const weights = parameter(`${layer.name}.weight`), depth = inputs / layer.groups, [kh, kw] = layer.kernel;
        each((at, y, x, o) => {
          sums[`${layer.name}.bias`]?.[o] === undefined || (sums[`${layer.name}.bias`]![o]! += to.h[at]!);
          const group = Math.floor(o / (channels / layer.groups));
          for (let c = 0; c < depth; c++) {
            for (let ky = 0; ky < kh; ky++) {
              for (let kx = 0; kx < kw; kx++) {
                const sy = y * layer.stride[0] - layer.padding[0] + ky, sx = x * layer.stride[1] - layer.padding[1] + kx;
                if (sy < 0 || sx < 0 || sy >= inHeight || sx >= inWidth) continue;
                const source = (sy * inWidth + sx) * inputs + group * depth + c, weight = ((o * depth + c) * kh + ky) * kw + kx;
                first.h[source]! += to.h[at]! * weights[weight]! ** 2;
                sums[`${layer.name}.weight`]![weight]! += to.h[at]! * first.x[source]! ** 2;
              }
            }
          }
        });
      } else if (layer.op === "linear") {
        const weights = parameter(`${layer.name}.weight`);
        each((at, _y, _x, o) =>
          first.x.forEach((value, c) => {
            first.h[c]! += to.h[at]! * weights[o * inputs + c]! ** 2;
            sums[`${layer.name}.weight`]![o * inputs + c]! += to.h[at]! * value ** 2;
          })
        );
        to.h.forEach((h, o) => sums[`${layer.name}.bias`] && (sums[`${layer.name}.bias`]![o]! += h));
      } else if (layer.op === "batchNorm") {
        const slope = (c: number) =>
          parameter(`${layer.name}.weight`)[c]! / Math.sqrt(parameter(`${layer.name}.variance`)[c]! + layer.epsilon);
        each((at, _y, _x, c) => first.h[at]! += to.h[at]! * slope(c) ** 2);
      } else if (layer.op === "relu") each((at) => first.h[at]! += first.x[at]! > 0 ? to.h[at]! : 0);
      else if (layer.op === "add") each((at) => from.forEach((input) => input.h[at]! += to.h[at]!));
      else if (layer.op === "flatten") each((at) => first.h[at]! += to.h[at]!);
      else if (layer.op === "maxPool" || layer.op === "averagePool" || layer.op === "globalAveragePool") {
        const whole = layer.op === "globalAveragePool", [kh, kw] = whole ? [inHeight, inWidth] : layer.kernel;
        each((at, y, x, c) => {
          const window: number[] = [];
          for (let ky = 0; ky < kh; ky++) {
            for (let kx = 0; kx < kw; kx++) {
              const [sy, sx] = whole
                ? [ky, kx]
                : [y * layer.stride[0] - layer.padding[0] + ky, x * layer.stride[1] - layer.padding[1] + kx];
              if (sy >= 0 && sx >= 0 && sy < inHeight && sx < inWidth) window.push((sy * inWidth + sx) * inputs + c);
            }
          }
          if (layer.op !== "maxPool") { for (const source of window) first.h[source]! += to.h[at]! / window.length ** 2; }
          else first.h[window.reduce((best, source) => first.x[source]! > first.x[best]! ? source : best)]! += to.h[at]!;
        });
      } else throw new Error(layer.op);
    }
  });
  return sums;
}

for (const [name, build] of Object.entries(NETS)) {
  Deno.test(`secondDerivatives() follows the rule through ${name}`, async () => {
    const small = net([8, 6, 2], build), set = data([8, 6, 2], 7, 3), wanted = byHand(small, set);
    const { second } = await secondDerivatives(small, set, { batch: 3 });
    assert(Object.keys(second).length >= 3);
    for (const [parameter, { data, shape }] of Object.entries(second)) {
      assertEquals(shape, small.parameters[parameter]!.shape);
      const largest = Math.max(...wanted[parameter]!);
      assert(largest > 0);
      data.forEach((value, at) => assertAlmostEquals(value / largest, wanted[parameter]![at]! / largest, 2e-5, `${parameter}[${at}]`));
    }
  });
}

Deno.test("secondDerivatives() gives the exact Hessian's diagonal in the last layer, and gradients everywhere", async () => {
  const small = net([8, 6, 2], NETS["strides, padding, groups and pools"]!), set = data([8, 6, 2], 6, 3);
  const { second, gradient } = await secondDerivatives(small, set);
  const moved = (name: string, at: number, by: number) => {
    const { shape, data } = small.parameters[name]!, values = Float32Array.from(data);
    values[at]! += by;
    return {
      loss: lossOf({ ...small, parameters: { ...small.parameters, [name]: tensor(values, shape) } }, set),
      by: values[at]! - data[at]!,
    };
  };
  const middle = lossOf(small, set);
  for (const [name, at] of [["fc.weight", 3], ["fc.weight", 17], ["fc.bias", 2], ["conv2.weight", 40], ["conv2.bias", 1]] as const) {
    const width = name.startsWith("fc") ? 0.05 : 0.002; // kinks of ReLUs and maxima lie between
    const up = moved(name, at, width), down = moved(name, at, -width), step = (up.by - down.by) / 2;
    const slope = (up.loss - down.loss) / (2 * step), curvature = (up.loss - 2 * middle + down.loss) / step ** 2;
    const scale = Math.max(...gradient[name]!.data.map(Math.abs));
    assertAlmostEquals(gradient[name]!.data[at]! / scale, slope / scale, 0.02, name);
    if (name.startsWith("fc")) assertAlmostEquals(second[name]!.data[at]!, curvature, 0.02 * Math.max(1, curvature), name);
  }
});

Deno.test("secondDerivatives() lets nothing through where a quantizer clips, and refuses bad input", async () => {
  const small = net([8, 6, 2], NETS["batch norm and a residual"]!), set = data([8, 6, 2], 4, 3);
  const parameters = { ...small.parameters };
  for (const relu of ["relu1", "relu2"]) parameters[`${relu}.alpha`] = tensor(Float32Array.of(1e-3), [1]);
  const { second } = await secondDerivatives({ ...small, parameters }, set, { activations: pact({ bits: 4 }) });
  const total = (name: string) => second[name]!.data.reduce((sum, value) => sum + value, 0);
  const open = await secondDerivatives(small, set, { activations: pact({ bits: 4 }) });
  assert(total("conv2.weight") < 0.01 * open.second["conv2.weight"]!.data.reduce((sum, value) => sum + value, 0));
  await assertRejects(() => secondDerivatives(small, data([8, 8, 2], 2, 2)), ShapeError);
  await assertRejects(() => secondDerivatives(small, data([8, 6, 2], 0, 2)), OptionError, "no images");
  await assertRejects(() => secondDerivatives(small, set, { batches: 3 } as never), OptionError, "batches");
});

Deno.test({
  name: "secondDerivatives() equal those of an independent implementation on a trained LeNet",
  ignore: !golden,
  fn: () => compareGolden("cpu"),
});
