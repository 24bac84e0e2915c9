// How much each weight's error would cost: diagonal second derivatives of the loss, in one backward pass per batch.

import type { Dataset } from "../data/dataset.ts";
import { DeviceError, OptionError, ShapeError } from "../errors.ts";
import type { Network } from "../network/graph.ts";
import { checkOptions } from "../options.ts";
import type { ActivationQuantizer } from "../quantize/quantizer.ts";
import type { Tensor } from "../tensor.ts";
import { realAdapter } from "../simulate/choose_backend.ts";
import { cpuDerivativeSums, type DerivativeRequest, type DerivativeSums } from "../train/derivative_sums.ts";
import type { TrainingChoice } from "../train/open_trainer.ts";
import { webgpuDerivativeSums } from "../train/webgpu/derivatives.ts";

/** Options of {@linkcode secondDerivatives}. */
export interface SecondDerivativeOptions {
  /** Images per batch; default 128, less for fewer images. Does not change the result beyond rounding. */
  readonly batch?: number;
  /** Quantizer of every ReLU's output, whose clipping then lets no derivative through; default none. */
  readonly activations?: ActivationQuantizer;
  /**
   * Weights in place of the network's in batch 0, 1, 2 …, such as those of a chip with errors: the result is then the mean curvature over such weights, which says
   * more of large errors than the curvature at the bottom of the loss. Default the network's own.
   */
  readonly weights?: (batch: number) => Readonly<Record<string, Tensor>>;
  /** "cpu" (default), "webgpu", which sums in 32-bit floats, or "auto": WebGPU on a real adapter, else the CPU. */
  readonly backend?: "cpu" | "webgpu" | "auto";
  /** Threads of the CPU; default all cores. */
  readonly threads?: number;
  /** Stops the work between batches. */
  readonly signal?: AbortSignal;
  /** Called with images done and to do. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Derivatives of the loss over a data set, by parameter name (`<layer>.weight`, `<layer>.bias`), in the shapes of the network. */
export interface SecondDerivatives {
  /** Σ over images of ∂²L/∂w², L the cross-entropy of one image in nats. */
  readonly second: Readonly<Record<string, Tensor>>;
  /** Σ over images of ∂L/∂w. */
  readonly gradient: Readonly<Record<string, Tensor>>;
  /** Images summed over. */
  readonly images: number;
}

const ACTION = "compute second derivatives";

/**
 * Second derivatives of every conv and linear layer's weights and biases, in evaluation mode.
 *
 * At the logits of softmax cross-entropy h = p(1 − p); backwards h_x = h_y · W², h_W = h_y · x², in a convolution the same over its windows; batch norm scales by
 * the square of its factor, an average over n inputs by 1/n², ReLU and clipping let through where they are not cut off, maxima go to the winner, sums to all terms
 * (the second-derivative rule of SWIM, which leaves out cross terms). Exact where nothing but linear layers and rectifiers with one path each lies between a
 * weight and the loss.
 *
 * @param network Weights as they are meant to be programmed: of a network from `train`, the values of its codes.
 * @throws {OptionError} if an option is unknown or out of range, or there are no images.
 * @throws {ShapeError} if images do not fit the network.
 * @throws {DeviceError} if WebGPU is asked for and cannot do it.
 *
 * @example
 * ```ts
 * import { lenet, secondDerivatives, tensor } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const images = tensor(new Uint8Array(4 * 784).map((_, i) => i % 251), [4, 28, 28, 1]);
 * const { second } = await secondDerivatives(lenet(), { name: "ramp", images, labels: Uint8Array.of(0, 1, 2, 3), classes: [] });
 * assert(second["fc3.weight"]!.data.every((value) => value >= 0));
 * ```
 */
export async function secondDerivatives(
  network: Network,
  data: Dataset,
  options: SecondDerivativeOptions = {},
): Promise<SecondDerivatives> {
  checkOptions(ACTION, "options", options, ["batch", "activations", "weights", "backend", "threads", "signal", "onProgress"]);
  const count = data.labels.length,
    batch = Math.min(options.batch ?? 128, count),
    size = network.input.reduce((product, extent) => product * extent, 1);
  if (count === 0) throw new OptionError(ACTION, { where: data.name, got: "no images", wanted: "at least one" });
  if (data.images.shape.slice(1).join() !== network.input.join()) {
    throw new ShapeError(ACTION, { where: data.name, got: data.images.shape.slice(1), wanted: `images of shape [${network.input}]` });
  }
  const request = { batch, activations: options.activations, wanted: (parameter: string) => isWeighted(network, parameter) };
  await using sums = await openSums(network, request, options.backend ?? "cpu", options.threads);
  const pixels = new Uint8Array(batch * size);
  for (let begin = 0; begin < count; begin += batch) {
    options.signal?.throwIfAborted();
    const end = Math.min(begin + batch, count);
    for (const [name, value] of Object.entries(options.weights?.(begin / batch) ?? {})) sums.write(name, value);
    pixels.fill(0).set(data.images.data.subarray(begin * size, end * size));
    await sums.add(pixels, data.labels.subarray(begin, end));
    options.onProgress?.(end, count);
  }
  return { ...await sums.read(), images: count };
}

async function openSums(network: Network, request: DerivativeRequest, backend: TrainingChoice, threads?: number): Promise<DerivativeSums> {
  switch (backend) {
    case "cpu":
      return await cpuDerivativeSums(network, request, threads);
    case "webgpu":
      return await webgpuDerivativeSums(network, request);
    case "auto": {
      if (!await realAdapter()) return await cpuDerivativeSums(network, request, threads);
      try {
        return await webgpuDerivativeSums(network, request);
      } catch (error) {
        // An OptionError may be a quantizer that only the CPU has; if the network is wrong, the CPU says so again.
        if (!(error instanceof DeviceError || error instanceof OptionError)) throw error;
        return await cpuDerivativeSums(network, request, threads);
      }
    }
    default:
      throw new OptionError(ACTION, { where: "backend", got: backend, wanted: '"cpu", "webgpu" or "auto"' });
  }
}

function isWeighted(network: Network, parameter: string): boolean {
  const layer = parameter.slice(0, parameter.lastIndexOf("."));
  return network.layers.some(({ name, op }) => name === layer && (op === "conv" || op === "linear"));
}
