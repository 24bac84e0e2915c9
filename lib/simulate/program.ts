// What a backend runs: a flat list of steps over numbered values. Lowering (lower/) makes it, backends only execute it.
//
// Everything between the pixels and the logits of a fully quantised network is integers, so all backends agree to the bit:
// crossbar and digital sums are i32, and batch norm + ReLU + activation quantisation is a table of integer thresholds per channel.

import type { Pair, Shape } from "../network/graph.ts";

/** Storage of a value. Layout is always [batch, height, width, channels], channels contiguous. */
export interface Value {
  /** Storage type of an element. */
  readonly type: "u8" | "i32" | "f32";
  /** Shape per image. */
  readonly shape: Shape;
  /** Layer that made it, for messages and taps. */
  readonly name: string;
}

/** Window geometry of a convolution; a linear layer is a 1×1 convolution of a 1×1 image. */
export interface Geometry {
  /** Window height and width. */
  readonly kernel: Pair;
  /** Steps between windows, vertical then horizontal. */
  readonly stride: Pair;
  /** Pixels added on each side, vertical then horizontal. */
  readonly padding: Pair;
  /** Distance between taps, vertical then horizontal; 1 for a dense window. */
  readonly dilation: Pair;
  /** Groups of channels that do not see each other. */
  readonly groups: number;
  /** Shape per input image. */
  readonly inputShape: Shape;
  /** Shape per output image. */
  readonly outputShape: Shape;
}

/**
 * Exact digital convolution: out[n] = Σ_k (x[k] − zero) · w[k, n], i32. Padded positions contribute 0.
 * Rows k run over kernel row, kernel column, channel within the group (channel fastest).
 */
export interface IntegerStep {
  /** Which operation this is. */
  readonly op: "integer";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** Window geometry. */
  readonly geometry: Geometry;
  /** `[groups][rows][columns per group]`, |w| ≤ 32767. */
  readonly weights: Int16Array;
  /** Code that stands for 0. */
  readonly zero: number;
}

/** An ADC as kernels see it: any function from the integer partial sum to an integer code. */
export interface AdcTable {
  /** Smallest and largest partial sum that can occur; `codes[d − min]` is the code of d. */
  readonly min: number;
  /** Largest partial sum that can occur. */
  readonly max: number;
  /** Code of each partial sum from `min` on. */
  readonly codes: Int32Array;
}

/**
 * Convolution on crossbar arrays, bit-serial.
 *
 * For each row tile t, input digit z (digitBits bits each, least significant first), slice k and column n:
 * d = Σ_{rows of t} digit_z(x[row]) · cells[k, row, n], then out[n] += 2^(digitBits·z) · sliceWeights[k] · adc(d).
 * Finally out[n] += correction · Σ_rows x[row].
 *
 * With `adc.kind` "table" the sum is i32; with "dynamic" it is f32 and adc(d) = min(rint((d·unit − lo)/step), levels − 1)·step + lo,
 * where lo and hi are the extremes of d·unit over the whole batch, all columns and positions for that (t, z, k), step = (hi − lo)/levels.
 */
export interface CrossbarStep {
  /** Which operation this is. */
  readonly op: "crossbar";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** Window geometry. */
  readonly geometry: Geometry;
  /** `[groups][slices][rows][columns per group]`: signed integer effect of each cell (pairs and dummy columns already combined). */
  readonly cells: Int8Array;
  /** Slices per weight. */
  readonly slices: number;
  /** Factor of each slice in the digital sum. */
  readonly sliceWeights: readonly number[];
  /** Bits of the input codes, and bits applied to the word lines per step. */
  readonly inputBits: number;
  /** Bits applied to the word lines per step. */
  readonly digitBits: number;
  /** `rowIndex[row]` = (kernel row · kernel width + kernel column) · channels per group + channel: the input each row reads, in array order. */
  readonly rowIndex: Int32Array;
  /** Row tiles: tile t holds rows tiles[t] … tiles[t + 1] − 1 of the array order. */
  readonly tiles: readonly number[];
  /** The converter behind every column. */
  readonly adc:
    | { readonly kind: "table"; readonly table: AdcTable }
    | { readonly kind: "dynamic"; readonly levels: number; readonly unit: number };
  /** Digital correction per unit of Σ x, in the output's unit (an integer for "table"). */
  readonly correction: number;
}

/** How an analog sum d, in the units of its line, becomes an integer code. */
export type AnalogConverter =
  | {
    /** code = clamp(rint(d / 2^shift[line]), 0, levels − 1) + first[line], halves to even. */
    readonly kind: "uniform";
    /** Number of codes. */
    readonly levels: number;
    /** `[lines]`: the step is 2^shift units, 0 … 28. */
    readonly shift: readonly number[];
    /** `[lines]`: smallest code. */
    readonly first: readonly number[];
  }
  | {
    /** code = codes[line, k], k the number of thresholds of the line (and column) that d reaches. */
    readonly kind: "thresholds";
    /** Number of codes. */
    readonly levels: number;
    /** Whether each column has thresholds of its own. */
    readonly perColumn: boolean;
    /** `[lines][levels − 1]` or, per column, `[groups][lines][columns per group][levels − 1]`, ascending. */
    readonly thresholds: Int32Array;
    /** `[lines][levels]`. */
    readonly codes: Int32Array;
  }
  | {
    /** No converter: what is added up is d · unit[line], in f32. */
    readonly kind: "none";
    /** `[lines]`: real sum per unit. */
    readonly unit: readonly number[];
  };

/** Noise of every conversion, drawn anew at each: see {@linkcode AnalogStep} and lib/simulate/noise.ts. */
export interface AnalogNoise {
  /** Key of all draws of the step, u32. */
  readonly key: number;
  /** `[lines]` of {@linkcode NOISE_LEVELS} + 1 deviations: i32, at most 2^20, each in units of the line · 2^precision[line] / {@linkcode DRAW_DEVIATION}. */
  readonly deviations: Int32Array;
  /** `[lines]`: binary digits after the point of the deviations, 1 … 30. */
  readonly precision: readonly number[];
  /**
   * `[groups][lines][rows][columns per group]`: variance of one reading of a cell, in units of the line's own. Absent where every conversion has the
   * deviation of level 0.
   */
  readonly variance?: Uint8Array;
  /** `[lines]`: Σ digit² · variance is divided by 2^this, rounded up, to give the level; with `variance` only. */
  readonly levelShift?: readonly number[];
}

/**
 * Convolution on crossbar arrays whose cells are real conductances, in fixed point so that every backend agrees to the bit.
 *
 * For each row tile t, input digit z, line l and column n:
 * d = offset[l, t, n] + Σ_{rows of t} digit_z(x[row]) · cells[l, row, n], plus noise, all in i32; then
 * out[n] += 2^(digitBits·z) · lineWeights[l] · code(d), i32. Finally out[n] += correction · Σ_rows x[row].
 * Without a converter out is f32: the sums of 2^(digitBits·z) · lineWeights[l] · unit[l] · d, in any order.
 *
 * A line is what one converter sees: a slice, or one side of a pair that is subtracted after conversion. The real sum of a line is d times a unit of
 * its own, chosen such that the converter's step is a power of two; whoever makes a step sees to it that no |d| can reach 2^30.
 *
 * Noise of a conversion: with level v = ⌈Σ_rows digit² · variance / 2^levelShift⌉ (0 without variance, at most {@linkcode NOISE_LEVELS}), d grows by
 * (deviations[l, v] · {@linkcode drawNoise}(key, image, position, (t · digits + z) · lines + l, channel) + 2^(precision − 1)) >> precision, the image counted
 * over the whole data set and the channel over all groups.
 *
 * With `drives` each drive level of a word line has cells of its own, `[groups][lines][rows][drives][columns per group]`: a row adds cells[digit − 1] (and
 * variance[digit − 1]), nothing for digit 0, in place of digit · cell (and digit² · variance).
 */
export interface AnalogStep {
  /** Which operation this is. */
  readonly op: "analog";
  /** Number of the value read, u8. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** Window geometry. */
  readonly geometry: Geometry;
  /** `[groups][lines][rows][columns per group]`, in units of the line; rows in the order of `rowIndex`. */
  readonly cells: Int32Array;
  /** Drive levels with cells of their own, 2^min(digitBits, inputBits) − 1; absent where a digit counts as often as it says. */
  readonly drives?: number;
  /** Lines per column. */
  readonly lines: number;
  /** Factor of each line's codes in the digital sum. */
  readonly lineWeights: readonly number[];
  /** `[groups][lines][tiles][columns per group]`: where each sum starts, in units of the line; 0 if absent. */
  readonly offset?: Int32Array;
  /** Bits of the input codes. */
  readonly inputBits: number;
  /** Bits applied to the word lines per step. */
  readonly digitBits: number;
  /** As in {@linkcode CrossbarStep}. */
  readonly rowIndex: Int32Array;
  /** As in {@linkcode CrossbarStep}. */
  readonly tiles: readonly number[];
  /** The converter behind every column. */
  readonly converter: AnalogConverter;
  /** Noise of each conversion; none if absent. */
  readonly noise?: AnalogNoise;
  /** Digital correction per unit of Σ x, an integer where the output is i32. */
  readonly correction: number;
}

/** code[c] = number of k with sign[c] · x[c] ≥ thresholds[c, k]: batch norm, ReLU and quantisation in one exact step. i32 → u8. */
export interface ThresholdStep {
  /** Which operation this is. */
  readonly op: "threshold";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** `[channels][levels]`, ascending along levels. */
  readonly thresholds: Int32Array;
  /** Thresholds per channel, the largest code. */
  readonly levels: number;
  /** +1 or −1 per channel. */
  readonly sign: Int8Array;
}

/** out[c] = x[c] · scale[c] + bias[c], to f32 from any type. */
export interface AffineStep {
  /** Which operation this is. */
  readonly op: "affine";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** `[channels]` each. */
  readonly scale: Float32Array;
  /** Added after scaling, `[channels]`. */
  readonly bias: Float32Array;
}

/** Float convolution with bias, f32 → f32; rows as in {@linkcode IntegerStep}. */
export interface FloatStep {
  /** Which operation this is. */
  readonly op: "float";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** Window geometry. */
  readonly geometry: Geometry;
  /** `[groups][rows][columns per group]`. */
  readonly weights: Float32Array;
  /** `[channels]`. */
  readonly bias: Float32Array;
}

/** Activation quantisation of real values: code = clamp(rint(x / step), 0, levels), f32 → u8. */
export interface QuantizeStep {
  /** Which operation this is. */
  readonly op: "quantize";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** Real value of one code step. */
  readonly step: number;
  /** Largest code, 2^bits − 1. */
  readonly levels: number;
}

/** Pooling; maximum keeps the type (u8 or f32), mean is f32 → f32. */
export interface PoolStep {
  /** Which operation this is. */
  readonly op: "maxPool" | "averagePool";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** Window height and width. */
  readonly kernel: Pair;
  /** Steps between windows, vertical then horizontal. */
  readonly stride: Pair;
  /** Pixels added on each side, vertical then horizontal. */
  readonly padding: Pair;
}

/** Element-wise, f32: max(x, 0); softmax over channels; sum of all inputs; channel concatenation. */
export interface ElementStep {
  /** Which operation this is. */
  readonly op: "relu" | "softmax" | "add" | "concat";
  /** Numbers of the values read, in order. */
  readonly inputs: readonly number[];
  /** Number of the value written. */
  readonly output: number;
}

/**
 * Rows of a placed layer, u8 → u8: out[position, row] = x[origins[position] + rows[row]], 0 outside the image.
 *
 * The output's shape is `[1, positions, rows]`.
 */
export interface GatherStep {
  /** Which operation this is. */
  readonly op: "gather";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
  /** `[positions][2]`: line and column of a pixel, possibly outside the image. */
  readonly origins: Int32Array;
  /** `[rows][3]`: lines and columns from the origin, and the channel. */
  readonly rows: Int32Array;
}

/** Where one input of a {@linkcode ScatterStep} goes: element (position, column) to channel channels[column] of pixel pixels[position]. */
export interface ScatterPart {
  /** `[positions]`, all different: output line · output width + output column. */
  readonly pixels: Int32Array;
  /** `[columns]`, all different: output channel. */
  readonly channels: Int32Array;
  /** Factor of the input; an integer where the output is i32. */
  readonly factor: number;
}

/**
 * Sum of the parts of a placed layer: out = bias + Σ_inputs factor · x where the input has an element for it. The output is i32 of i32 inputs, or f32
 * of f32 and i32 inputs; f32 terms are added in any order.
 */
export interface ScatterStep {
  /** Which operation this is. */
  readonly op: "scatter";
  /** Numbers of the values read, `[1, positions, columns]` each. */
  readonly inputs: readonly number[];
  /** Number of the value written. */
  readonly output: number;
  /** What becomes of each input. */
  readonly parts: readonly ScatterPart[];
  /** Start of every output element of an image; 0 if absent. i32 outputs only. */
  readonly bias?: Int32Array;
}

/** One step. A global mean is an averagePool over the whole image; flatten is a value with another shape over the same data (see {@linkcode ViewStep}). */
export type Step =
  | IntegerStep
  | CrossbarStep
  | AnalogStep
  | GatherStep
  | ScatterStep
  | ThresholdStep
  | AffineStep
  | FloatStep
  | QuantizeStep
  | PoolStep
  | ElementStep
  | ViewStep;

/** Same data, other shape. */
export interface ViewStep {
  /** Which operation this is. */
  readonly op: "view";
  /** Number of the value read. */
  readonly input: number;
  /** Number of the value written. */
  readonly output: number;
}

/** A lowered network. Value 0 is the input: u8 pixels `[batch, height, width, channels]`. The output value is f32. */
export interface Program {
  /** All values by number. */
  readonly values: readonly Value[];
  /** Steps in execution order. */
  readonly steps: readonly Step[];
  /** Number of the value written. */
  readonly output: number;
}
