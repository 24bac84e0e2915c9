// A packed layer run as the macros run it: index decoded, groups activated digit by digit, bit lines shifted and added. And the proof that nothing is lost.

import { NumericError, ShapeError } from "../errors.ts";
import type { QuantizedNetwork } from "../quantize/quantize.ts";
import { lowerQuantized } from "../simulate/lower/lower.ts";
import type { IntegerStep } from "../simulate/program.ts";
import { referenceBackend } from "../simulate/reference/backend.ts";
import { rowsOf, sourceIndex } from "../simulate/reference/crossbar.ts";
import { elements, type Tensor } from "../tensor.ts";
import type { MarsAccelerator } from "./accelerator.ts";
import { groupPlace, type PackedLayer, type PackedNetwork, packMars, unpackLayer } from "./pack.ts";

/** Options of {@linkcode runPacked}. */
export interface RunPackedOptions {
  /** Input bits per activation; default 2. */
  readonly digitBits?: number;
  /** Code that stands for 0, an integer within the codes; padded pixels have it. Default 0. */
  readonly zero?: number;
}

/**
 * Integer sums Σ (x − zero) · w of a packed layer, `[batch, height, width, channels]`.
 *
 * Each activation is one group with one input digit: every bit line counts Σ_rows digit · cell, counts are weighted by 2^bit (the highest negative: two's
 * complement) and by the digit's place, and added to the sums of the group's channels. zero · Σ w is subtracted at the end.
 *
 * @param input Codes, `[batch, height, width, channels]`.
 * @throws {ShapeError} if the input is no whole number of images.
 * @throws {NumericError} if `zero` is no input code.
 */
export function runPacked(layer: PackedLayer, input: Uint8Array, options: RunPackedOptions = {}): Int32Array {
  const { geometry, group, weightBits, inputBits } = layer, { digitBits = 2, zero = 0 } = options;
  const pixels = elements(geometry.inputShape), batch = input.length / pixels, [height, width, channels] = geometry.outputShape;
  if (!Number.isInteger(batch)) {
    throw new ShapeError("run a packed layer", { where: layer.name, got: `${input.length} codes`, wanted: `a multiple of ${pixels}` });
  }
  if (!(Number.isInteger(zero) && zero >= 0 && zero < 2 ** inputBits)) {
    throw new NumericError("run a packed layer", { where: layer.name, got: `zero ${zero}`, wanted: `a code of ${inputBits} bits` });
  }
  const { numbers, codes } = unpackLayer(layer), size = group.rows * group.columns, rows = rowsOf(geometry);
  const places = Array.from(numbers, (number) => groupPlace(layer, number));
  const sums = new Int32Array(batch * height * width * channels), lines = new Uint8Array(geometry.groups * rows);
  const counts = new Int32Array(group.columns * weightBits), digits = Math.ceil(inputBits / digitBits), mask = 2 ** digitBits - 1;
  for (let image = 0, at = 0; image < batch; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at += channels) {
        for (let line = 0; line < lines.length; line++) {
          const convGroup = Math.floor(line / rows), source = sourceIndex(geometry, convGroup, line - convGroup * rows, y, x);
          lines[line] = source < 0 ? zero : input[image * pixels + source]!;
        }
        for (let stored = 0; stored < places.length; stored++) {
          const place = places[stored]!, first = place.convGroup * rows + place.row;
          for (let digit = 0; digit < digits; digit++) {
            counts.fill(0);
            for (let r = 0; r < place.rows; r++) {
              const drive = lines[first + r]! >> (digit * digitBits) & mask;
              if (drive === 0) continue;
              for (let c = 0; c < place.columns; c++) {
                const code = codes[stored * size + r * group.columns + c]!;
                for (let bit = 0; bit < weightBits; bit++) if (code >> bit & 1) counts[c * weightBits + bit]! += drive;
              }
            }
            for (let c = 0; c < place.columns; c++) {
              let sum = 0;
              for (let bit = 0; bit < weightBits; bit++) {
                sum += (bit === weightBits - 1 ? -1 : 1) * 2 ** bit * counts[c * weightBits + bit]!;
              }
              sums[at + place.channel + c]! += sum * 2 ** (digit * digitBits);
            }
          }
        }
      }
    }
  }
  if (zero === 0) return sums;
  const total = new Int32Array(channels);
  places.forEach((place, stored) => {
    for (let r = 0; r < place.rows; r++) {
      for (let c = 0; c < place.columns; c++) total[place.channel + c]! += codes[stored * size + r * group.columns + c]!;
    }
  });
  for (let at = 0; at < sums.length; at++) sums[at]! -= zero * total[at % channels]!;
  return sums;
}

/** Result of {@linkcode provePacked}. */
export interface PackedProof {
  /** Whether no sum differs. */
  readonly exact: boolean;
  /** Sums compared and sums that differ, layer by layer. */
  readonly layers: readonly { readonly name: string; readonly sums: number; readonly wrong: number }[];
}

/**
 * Runs images through the quantised network on the reference backend, and what each layer on macros read there through its packed form; every integer
 * sum is compared.
 *
 * @param images Pixels, `[batch, height, width, channels]`; a few are enough, the way is slow.
 * @param packed What to prove; default the network packed for this accelerator.
 * @throws {MappingError} if the network cannot be packed.
 * @throws {ShapeError} if images do not fit the network.
 *
 * @example
 * ```ts
 * import { lenet, marsAccelerator, pact, provePacked, pruneGroups, quantize, tensor, uniform } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const { network } = pruneGroups(lenet(), { rows: 16, columns: 16, sparsity: 0.5, layers: ["conv2", "fc*"] });
 * const quantized = quantize(network, { weights: uniform({ bits: 4 }), activations: pact({ bits: 4 }) });
 * const image = tensor(Uint8Array.from({ length: 784 }, (_, pixel) => pixel * 37 % 256), [1, 28, 28, 1]);
 * assert((await provePacked(quantized, image, marsAccelerator())).exact);
 * ```
 */
export async function provePacked(
  quantized: QuantizedNetwork,
  images: Tensor<Uint8Array>,
  accelerator: MarsAccelerator,
  packed: PackedNetwork = packMars(quantized, accelerator),
): Promise<PackedProof> {
  const program = lowerQuantized(quantized), places = packed.layers.map(({ name }) => program.layers[name]!);
  await using backend = referenceBackend();
  await using session = await backend.prepare(program);
  const { taps } = await session.run(images, [...new Set(places.flatMap(({ input, output }) => [input, output]))]);
  const layers = packed.layers.map((layer, number) => {
    const { input, output, step } = places[number]!, { zero } = program.steps[step] as IntegerStep;
    const sums = runPacked(layer, taps.get(input)!.data as Uint8Array, { digitBits: accelerator.digitBits, zero });
    const wanted = taps.get(output)!.data;
    let wrong = sums.length === wanted.length ? 0 : Math.max(sums.length, wanted.length);
    if (wrong === 0) { for (let at = 0; at < sums.length; at++) if (sums[at] !== wanted[at]) wrong++; }
    return { name: layer.name, sums: sums.length, wrong };
  });
  return { exact: layers.every(({ wrong }) => wrong === 0), layers };
}
