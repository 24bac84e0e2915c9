// The float graph every stage starts from: layers as data, parameters by name. Nothing here computes.

import type { Tensor } from "../tensor.ts";

/** Name by which layers refer to the images fed into a network. */
export const INPUT = "input";

/** Vertical then horizontal extent, in pixels. */
export type Pair = readonly [number, number];

/** What every layer has. */
export interface LayerBase {
  /** Unique name; parameters are stored as `<name>.weight`, `<name>.bias` … */
  readonly name: string;
  /** Names of the layers whose outputs this one reads; {@linkcode INPUT} for the images. */
  readonly inputs: readonly string[];
}

/** Convolution; weight `[out, in / groups, kernel height, kernel width]`, bias `[out]`. */
export interface Conv extends LayerBase {
  /** Which operation this is. */
  readonly op: "conv";
  /** Output channels. */
  readonly channels: number;
  /** Window height and width. */
  readonly kernel: Pair;
  /** Steps between windows, vertical then horizontal. */
  readonly stride: Pair;
  /** Zeros added on each side, vertical then horizontal. */
  readonly padding: Pair;
  /** Distance between taps, vertical then horizontal; 1 for a dense window. */
  readonly dilation: Pair;
  /** Groups of channels that do not see each other. */
  readonly groups: number;
  /** Whether a bias is added. */
  readonly bias: boolean;
}

/** Fully connected layer; weight `[out, in]`, bias `[out]`. Its input has shape `[1, 1, in]`. */
export interface Linear extends LayerBase {
  /** Which operation this is. */
  readonly op: "linear";
  /** Output features. */
  readonly features: number;
  /** Whether a bias is added. */
  readonly bias: boolean;
}

/** Batch normalisation per channel; parameters `weight`, `bias`, `mean`, `variance`, each `[channels]`. */
export interface BatchNorm extends LayerBase {
  /** Which operation this is. */
  readonly op: "batchNorm";
  /** Added to the variance before its root is taken. */
  readonly epsilon: number;
}

/** max(x, 0). Where a network is quantised, this is where activations become codes. */
export interface Relu extends LayerBase {
  /** Which operation this is. */
  readonly op: "relu";
}

/** Maximum or mean over a window; padded positions never win a maximum and are left out of a mean's count. */
export interface Pool extends LayerBase {
  /** Which operation this is. */
  readonly op: "maxPool" | "averagePool";
  /** Window height and width. */
  readonly kernel: Pair;
  /** Steps between windows, vertical then horizontal. */
  readonly stride: Pair;
  /** Pixels added on each side, vertical then horizontal. */
  readonly padding: Pair;
}

/** Mean over all positions of each channel. */
export interface GlobalAveragePool extends LayerBase {
  /** Which operation this is. */
  readonly op: "globalAveragePool";
}

/** Element-wise sum of two or more equal shapes. */
export interface Add extends LayerBase {
  /** Which operation this is. */
  readonly op: "add";
}

/** Channels of all inputs, one after the other. */
export interface Concat extends LayerBase {
  /** Which operation this is. */
  readonly op: "concat";
}

/** Channels `first` to `first + channels − 1` of the input: half of a channel split. */
export interface Slice extends LayerBase {
  /** Which operation this is. */
  readonly op: "slice";
  /** First channel kept. */
  readonly first: number;
  /** Channels kept. */
  readonly channels: number;
}

/**
 * Channels dealt out from `groups` equal heaps in turn: output channel i · groups + g is input channel g · (channels / groups) + i
 * (Zhang et al., ShuffleNet, 2018).
 */
export interface Shuffle extends LayerBase {
  /** Which operation this is. */
  readonly op: "shuffle";
  /** Heaps; a divisor of the channels. */
  readonly groups: number;
}

/** `[height, width, channels]` to `[1, 1, height · width · channels]`, in that memory order. */
export interface Flatten extends LayerBase {
  /** Which operation this is. */
  readonly op: "flatten";
}

/** exp(x) / Σ exp(x) over channels. */
export interface Softmax extends LayerBase {
  /** Which operation this is. */
  readonly op: "softmax";
}

/** Any layer. Discriminated by `op`. */
export type Layer = Conv | Linear | BatchNorm | Relu | Pool | GlobalAveragePool | Add | Concat | Slice | Shuffle | Flatten | Softmax;

/** Shape of one image's activations: height, width, channels (channels contiguous). */
export type Shape = readonly [height: number, width: number, channels: number];

/**
 * How 8-bit pixels become numbers: x = (pixel − zero) · scale. One pair for all channels, with an integer `zero`,
 * so that the first layer, padding included, is exact integer arithmetic.
 */
export interface InputEncoding {
  /** Pixel value that stands for 0. */
  readonly zero: number;
  /** Value of one pixel step. */
  readonly scale: number;
}

/** Weight codes a network was trained with, kept so that quantising again loses nothing. */
export interface TrainedCodes {
  /** The quantizer that made them, as JSON (`{ kind: "dorefa", bits: 4 }`). */
  readonly quantizer: { readonly kind: string; readonly bits: number };
  /** Bits per code, where these are more than the quantizer's: the even grid that holds uneven levels. Default the quantizer's. */
  readonly bits?: number;
  /** Codes in the shape of the parameter: real value = (code − zero) · scale, times `scales[out]` where there are such. */
  readonly codes: Tensor<Int16Array>;
  /** Code that stands for 0; may be a half-integer. */
  readonly zero: number;
  /** Real value of one code step. */
  readonly scale: number;
  /** Factor of each output channel beside `scale`, `[out]`; absent where all are 1. */
  readonly scales?: Float32Array;
  /** Whether codes are signed. */
  readonly signed: boolean;
}

/** A network: layers in an order in which every input comes before its reader, and parameters by name. */
export interface Network {
  /** Tells this object from those of other stages. */
  readonly kind: "network";
  /** Name of the network, for messages and reports. */
  readonly name: string;
  /** Shape of one input image. */
  readonly input: Shape;
  /** How pixels become numbers. */
  readonly encoding: InputEncoding;
  /** Layers in execution order; the last one's output is the network's. */
  readonly layers: readonly Layer[];
  /** Tensors by name, for instance `conv1.weight`. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /** Codes by parameter name, where the network was trained quantised. */
  readonly codes?: Readonly<Record<string, TrainedCodes>>;
}
