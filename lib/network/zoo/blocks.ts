// Building blocks of the zoo: convolution with batch norm, and the residual blocks made of it.

import type { Builder, ConvOptions } from "../builder.ts";

/** Names of a convolution and its batch norm; with `relu`, of the ReLU after them. */
export interface NormNames {
  readonly conv: string;
  readonly norm: string;
  readonly relu?: string;
}

/** Convolution without bias, batch norm and, if it has a name, ReLU. Returns the name of the last. */
export function convNorm(b: Builder, names: NormNames, options: ConvOptions): string {
  b.conv(names.conv, { ...options, bias: false });
  const last = b.batchNorm(names.norm);
  return names.relu === undefined ? last : b.relu(names.relu);
}

/** 3×3 convolutions with batch norm and ReLU, a 2×2 maximum after each two: `conv1`, `bn1`, `relu1`, … and `pool1`, …, numbered through. */
export function convPairs(b: Builder, channels: readonly number[]): void {
  channels.forEach((count, index) => {
    const number = index + 1;
    convNorm(b, { conv: `conv${number}`, norm: `bn${number}`, relu: `relu${number}` }, { channels: count, kernel: 3, padding: 1 });
    if (number % 2 === 0) b.maxPool(`pool${number / 2}`, { kernel: 2 });
  });
}

/** Shape of a residual block. */
export interface ResidualOptions {
  /** Layer it reads. */
  readonly from: string;
  /** Inner channels, and output channels of a basic block; a bottleneck has four times as many outputs. */
  readonly channels: number;
  /** Stride of its (first) 3×3 convolution and of its shortcut. */
  readonly stride: number;
  /** Whether the shortcut is a 1×1 convolution with batch norm instead of the input itself. */
  readonly project: boolean;
}

/** Two 3×3 convolutions and a shortcut (He et al., Deep Residual Learning for Image Recognition, 2016). Returns its output's name. */
export function basicBlock(b: Builder, name: string, { from, channels, stride, project }: ResidualOptions): string {
  convNorm(b, numbered(name, 1), { from, channels, kernel: 3, stride, padding: 1 });
  const branch = convNorm(b, inner(name, 2), { channels, kernel: 3, padding: 1 });
  return join(b, name, branch, project ? shortcut(b, name, from, channels, stride) : from);
}

/** 1×1, 3×3 (with the stride) and 1×1 convolutions and a shortcut; four times as many outputs as inner channels. Returns its output's name. */
export function bottleneck(b: Builder, name: string, { from, channels, stride, project }: ResidualOptions): string {
  convNorm(b, numbered(name, 1), { from, channels, kernel: 1 });
  convNorm(b, numbered(name, 2), { channels, kernel: 3, stride, padding: 1 });
  const branch = convNorm(b, inner(name, 3), { channels: 4 * channels, kernel: 1 });
  return join(b, name, branch, project ? shortcut(b, name, from, 4 * channels, stride) : from);
}

function inner(name: string, number: number): NormNames {
  return { conv: `${name}.conv${number}`, norm: `${name}.bn${number}` };
}

function numbered(name: string, number: number): NormNames {
  return { ...inner(name, number), relu: `${name}.relu${number}` };
}

function shortcut(b: Builder, name: string, from: string, channels: number, stride: number): string {
  return convNorm(b, { conv: `${name}.downsample.0`, norm: `${name}.downsample.1` }, { from, channels, kernel: 1, stride });
}

function join(b: Builder, name: string, branch: string, other: string): string {
  b.add(`${name}.add`, { from: [branch, other] });
  return b.relu(`${name}.relu`);
}
