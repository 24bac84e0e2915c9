// The quantizers that tests go through, with names for messages.

import { activationQuantizer } from "../../lib/quantize/activation_quantizer.ts";
import type { ActivationQuantizer, WeightQuantizer } from "../../lib/quantize/quantizer.ts";
import { weightQuantizer } from "../../lib/quantize/weight_quantizer.ts";

const both = [{}, { perChannel: true }];
const WEIGHTS: readonly [string, readonly number[], readonly Record<string, unknown>[]][] = [
  ["dorefa", [1, 2, 4], [{}]],
  ["uniform", [2, 4, 8], [{}]],
  ["lsq", [2, 3, 4, 8], both],
  ["lsqPlus", [2, 4], both],
  ["sawb", [2, 3, 4, 5, 8], both],
  ["apot", [2, 3, 4, 5, 6], [{}, { restore: true, alpha: 2.5 }]],
  ["llsq", [2, 3, 4], both],
  ["lgLsq", [2, 3], [...both, { ssg: false, kappa: 5 }, { asr: false, mde: false, magnitude: 0.5 }]],
  ["binary", [1], [...both, { clip: 0.5 }]],
  ["ternary", [2], [...both, { threshold: 0.5 }]],
];

/** Weight quantizers of all kinds. */
export function everyWeightQuantizer(): [string, WeightQuantizer][] {
  return WEIGHTS.flatMap(([kind, widths, choices]) =>
    widths.flatMap((bits) =>
      choices.map((options): [string, WeightQuantizer] => [
        `${kind}(${JSON.stringify({ bits, ...options })})`,
        weightQuantizer(kind, bits, options)!,
      ])
    )
  );
}

/** Activation quantizers of all kinds at a width, α starting at `alpha`. */
export function everyActivationQuantizer(bits: number, alpha: number): [string, ActivationQuantizer][] {
  const choices: [string, Record<string, unknown>][] = [
    ["pact", {}],
    ["pactPlus", {}],
    ["lsq", {}],
    ["lsqPlus", {}],
    ["llsq", {}],
    ["lgLsq", {}],
    ["lgLsq", { ssg: false, kappa: 4, mde: false }],
    ["lgLsq", { ssg: false, asr: false }],
    ["lgLsq", { magnitude: 3, mde: false, asr: false }],
  ];
  return choices.map(([kind, options]) => [
    `${kind}(${JSON.stringify({ bits, ...options })})`,
    activationQuantizer(kind, bits, { alpha, ...options })!,
  ]);
}
