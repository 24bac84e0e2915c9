// Forward pass of a float convolution in training, and with flipped weights its input gradient, as WebAssembly text specialised to one shape.

import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../../lib/cpu/wat.ts";
import {
  type ConvolutionShape,
  divisor,
  FLOAT,
  imageBytes,
  inputOffset,
  multiplyAdd,
  names,
  outputBlocks,
  outputOffset,
  type Section,
} from "./convolution_shape.ts";

/** Bytes of a block's weights that stay in the first-level cache beside the pixels. */
const RESIDENT = 24576;

/**
 * `run(begin, end, thread, x, w, y, bias)` for images begin … end − 1:
 * y[oy, ox, o] = bias[o] + Σ w[ky, kx, c, o] · x[oy·s + ky·d, ox·s + kx·d, c], summed in the order ky, kx, c.
 * Weights as {@linkcode outputBlocks} says. Two pixels × one block of channels in registers; where the block's weights exceed the first-level cache, all pixels
 * of the image pass a part of them before the next part, their sums waiting in y.
 */
export function convolutionForward(shape: ConvolutionShape): string {
  const columns = shape.output[2] / shape.groups, sections = outputBlocks(columns);
  const pixels = divisor(shape.size[1], 2), vectors = Math.max(...sections.map(({ width }) => width)) / 4;
  const body = loop(
    "b",
    get("begin"),
    get("end"),
    loop("group", int(0), int(shape.groups), sections.map((section) => blocksForward(shape, section, pixels)).join("\n")),
  );
  return kernel(
    ["in", "from", "to", "bias"],
    locals("i32", "b", "group", "ob", "o", "ky", "kx", "part", "y", "x", "c", "px", "pw", "at", "image", "pixel", "result", "start") +
      locals("i32", "weights", "first", ...names("out", pixels), ...names("from", pixels)) +
      locals("v128", "w", ...names("a", pixels * vectors), ...names("t", pixels)),
    body,
  );
}

/** One image and group through the blocks of a section. */
function blocksForward(shape: ConvolutionShape, { first, width, count }: Section, pixels: number): string {
  const { kernel: [kernelRows, kernelColumns], dilation, groups, size } = shape;
  const [, inWidth, inChannels] = shape.input, [, , outChannels] = shape.output;
  const depth = inChannels / groups, columns = outChannels / groups, vectors = width / 4, rows = kernelRows * kernelColumns * depth;
  // Where taps of a row lie side by side in the input they are one run.
  const joined = dilation[1] === 1 && groups === 1, taps = joined ? 1 : kernelColumns, run = joined ? depth * kernelColumns : depth;
  const row = width * FLOAT, whole = rows * row <= RESIDENT, span = whole ? run : part(run, RESIDENT / row);
  const unroll = divisor(span, 8, 4, 2), step = shape.stride[1] * inChannels * FLOAT;
  const inner = loop(
    "c",
    int(0),
    int(span / unroll),
    `${
      repeat(unroll, (u) =>
        `${repeat(pixels, (p) => set(`t${p}`, `(v128.load32_splat offset=${p * step + u * FLOAT} ${get("px")})`))}
      ${
          repeat(vectors, (v) =>
            `${set("w", `(v128.load offset=${u * row + v * 16} ${get("pw")})`)}
        ${repeat(pixels, (p) => multiplyAdd(`a${p * vectors + v}`, "w", `t${p}`))}`)
        }`)
    }${set("px", add(get("px"), int(unroll * FLOAT)))}${set("pw", add(get("pw"), int(unroll * row)))}`,
  );
  /** Loops over taps of the kernel; `at` is then the offset of the tap's first input element from the pixel's. */
  const overTaps = (body: string) =>
    loop(
      "ky",
      int(0),
      int(kernelRows),
      loop(
        "kx",
        int(0),
        int(taps),
        `${
          set("at", mul(add(mul(get("ky"), int(dilation[0] * inWidth)), mul(get("kx"), int(dilation[1]))), int(inChannels * FLOAT)))
        }${body}`,
      ),
    );
  const slot = (i: number) => `offset=${(i % vectors) * 16}`;
  /** Loops over pixels; the sums start at `bias`, or at what y holds where `first` is 0. */
  const overPixels = (body: string) =>
    loop(
      "y",
      int(0),
      int(size[0]),
      loop(
        "x",
        int(0),
        int(size[1]),
        `${set("pixel", add(get("image"), mul(inputOffset(shape, "y", "x"), int(FLOAT))))}
        ${set("out0", add(get("result"), mul(outputOffset(shape, "y", "x"), int(FLOAT))))}
        ${repeat(pixels - 1, (p) => set(`out${p + 1}`, add(get("out0"), int((p + 1) * outChannels * FLOAT))))}
        ${repeat(pixels, (p) => set(`from${p}`, `(select ${get("start")} ${get(`out${p}`)} ${get("first")})`))}
        ${repeat(pixels * vectors, (i) => set(`a${i}`, `(v128.load ${slot(i)} ${get(`from${Math.floor(i / vectors)}`)})`))}
        ${body}
        ${repeat(pixels * vectors, (i) => `(v128.store ${slot(i)} ${get(`out${Math.floor(i / vectors)}`)} ${get(`a${i}`)})`)}`,
        pixels,
      ),
    );
  const inParts = overTaps(
    loop(
      "part",
      int(0),
      int(run / span),
      `${overPixels(`${set("px", add(get("pixel"), get("at")))}${set("pw", get("weights"))}${inner}`)}
      ${set("first", int(0))}${set("at", add(get("at"), int(span * FLOAT)))}${set("weights", add(get("weights"), int(span * row)))}`,
    ),
  );
  const atOnce = overPixels(`${set("pw", get("weights"))}${overTaps(`${set("px", add(get("pixel"), get("at")))}${inner}`)}`);
  return loop(
    "ob",
    int(first),
    int(first + width * count),
    `${set("o", add(get("ob"), mul(get("group"), int(columns))))}
    ${set("image", add(get("in"), mul(get("b"), int(imageBytes(shape.input))), mul(get("group"), int(depth * FLOAT))))}
    ${set("result", add(get("to"), mul(get("b"), int(imageBytes(shape.output))), mul(get("o"), int(FLOAT))))}
    ${set("start", add(get("bias"), mul(get("o"), int(FLOAT))))}
    ${set("weights", add(get("from"), mul(get("o"), int(rows * FLOAT))))}
    ${set("first", int(1))}
    ${whole ? atOnce : inParts}`,
    width,
  );
}

/** The longest equal part of `length`, a multiple of 4, that is a multiple of 4 and at most `most` long. */
function part(length: number, most: number): number {
  let parts = Math.ceil(length / most);
  while (length % (4 * parts) !== 0) parts++;
  return length / parts;
}
