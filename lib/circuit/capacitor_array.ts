// Ramp and successive-approximation converters on a capacitor array behind an amplifier of finite gain: where their codes change.

/** What decides the thresholds of a capacitor-array converter. */
export interface CapacitorArray {
  /** How the codes are searched: a ramp counts up to the nearest level, successive approximation halves the range bit by bit. */
  readonly kind: "ramp" | "sar";
  /** Resolution. */
  readonly bits: number;
  /** Open-loop gain of the amplifier in dB; Infinity is ideal. */
  readonly gain: number;
  /** Whether the array is split, so that its feedback factor does not depend on the code ("sar" only). */
  readonly split: boolean;
}

/**
 * Thresholds in steps from the value of code 0: the input has at least code k from thresholds[k − 1] on.
 *
 * Levels are m/2^(b−1)·(±V) + V/2^b, m the distance of the code from mid-scale, divided by 1 + 1/(A·β) with β = 2^(b−1)/(2^(b−1) + m), or 1 for a split
 * array. A ramp takes the nearest level, successive approximation compares with V/2^b below each (CrossSim's models without mismatch).
 *
 * @example
 * ```ts
 * import { capacitorThresholds } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(capacitorThresholds({ kind: "ramp", bits: 2, gain: Infinity, split: false }), [0.5, 1.5, 2.5]);
 * ```
 */
export function capacitorThresholds({ kind, bits, gain, split }: CapacitorArray): number[] {
  const half = 2 ** (bits - 1), open = 10 ** (gain / 20);
  // In steps of 2V/2^b, mid-scale at 0: level = (code − half + ½) / (1 + 1/(A·β)).
  const levels = Array.from({ length: 2 * half }, (_, code) => {
    const feedback = split && kind === "sar" ? 1 : half / (half + Math.abs(code - half));
    return (code - half + 0.5) / (1 + 1 / (open * feedback));
  });
  const first = half - 0.5;
  return levels.slice(1).map((level, code) => (kind === "ramp" ? (level + levels[code]!) / 2 : level - 0.5) + first);
}
