// Float convolution kernels for training, as WebAssembly text specialised to one shape: forward (also the input gradient,
// with flipped weights) and weight gradient. Channels are padded to multiples of four, images carry a halo of zeros.

import { add, get, int, kernel, locals, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";

/** Shape of one convolution between two buffers. Channel counts are multiples of 4; extents include halos. */
export interface ConvolutionShape {
  /** Rows, columns and channels of a stored input image, halo included. */
  readonly input: readonly [height: number, width: number, channels: number];
  /** Stored output (or output gradient) image, halo included. */
  readonly output: readonly [height: number, width: number, channels: number];
  /** Output rows and columns actually computed. */
  readonly size: readonly [height: number, width: number];
  /** First stored input row and column that output (0, 0) reads; first stored output row and column. */
  readonly inputOrigin: readonly [number, number];
  readonly outputOrigin: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** Largest of the candidates that divides `value`. */
export function divisor(value: number, ...candidates: readonly number[]): number {
  return candidates.find((candidate) => value % candidate === 0) ?? 1;
}

const FLOAT = 4;

/**
 * `run(begin, end, thread, x, w, y, bias)` for images begin … end − 1:
 * y[oy, ox, o] = bias[o] + Σ w[ky, kx, c, o] · x[oy·s + ky·d, ox·s + kx·d, c].
 * Weights `[kernel row][kernel column][channels per group][output channels]`. Two pixels × 16 channels in registers.
 */
export function convolutionForward(shape: ConvolutionShape): string {
  const [, inWidth, inChannels] = shape.input, [outHeight, outWidth, outChannels] = shape.output;
  const depth = inChannels / shape.groups, columns = outChannels / shape.groups;
  const pixels = divisor(shape.size[1], 2), vectors = divisor(columns / 4, 4, 2);
  const joined = shape.dilation[1] === 1 && shape.groups === 1;
  const run = joined ? depth * shape.kernel[1] : depth, unroll = divisor(run, 4, 2);
  const step = shape.stride[1] * inChannels * FLOAT;
  const inner = loop(
    "c",
    int(0),
    int(run / unroll),
    `${
      repeat(unroll, (u) =>
        `${repeat(vectors, (v) => set(`w${v}`, `(v128.load offset=${u * outChannels * FLOAT + v * 16} ${get("pw")})`))}
      ${
          repeat(pixels, (p) =>
            `${set("t", `(v128.load32_splat offset=${p * step + u * FLOAT} ${get("px")})`)}
        ${repeat(vectors, (v) => multiplyAdd(`a${p * vectors + v}`, `w${v}`))}`)
        }`)
    }${set("px", add(get("px"), int(unroll * FLOAT)))}${set("pw", add(get("pw"), int(unroll * outChannels * FLOAT)))}`,
  );
  const taps = joined ? `${set("px", get("row"))}${inner}` : loop(
    "kx",
    int(0),
    int(shape.kernel[1]),
    `${set("px", add(get("row"), mul(get("kx"), int(shape.dilation[1] * inChannels * FLOAT))))}${inner}`,
  );
  const body = loop(
    "b",
    get("begin"),
    get("end"),
    loop(
      "y",
      int(0),
      int(shape.size[0]),
      loop(
        "ob",
        int(0),
        int(outChannels),
        loop(
          "x",
          int(0),
          int(shape.size[1]),
          `${
            repeat(pixels * vectors, (i) =>
              set(`a${i}`, `(v128.load offset=${(i % vectors) * 16} ${add(get("bias"), mul(get("ob"), int(FLOAT)))})`))
          }
      ${set("pw", add(get("w"), mul(get("ob"), int(FLOAT))))}
      ${
            set(
              "row",
              add(
                get("in"),
                mul(imageOffset(shape, inWidth, inChannels, "y", "x"), int(FLOAT)),
                mul(get("b"), int(imageBytes(shape.input))),
              ),
            )
          }
      ${shape.groups > 1 ? set("row", add(get("row"), mul(`(i32.div_u ${get("ob")} ${int(columns)})`, int(depth * FLOAT)))) : ""}
      ${
            loop(
              "ky",
              int(0),
              int(shape.kernel[0]),
              `${taps}${set("row", add(get("row"), int(shape.dilation[0] * inWidth * inChannels * FLOAT)))}`,
            )
          }
      ${
            set(
              "out",
              add(
                get("to"),
                mul(get("b"), int(imageBytes([outHeight, outWidth, outChannels]))),
                mul(outputOffset(shape, "y", "x"), int(FLOAT)),
                mul(get("ob"), int(FLOAT)),
              ),
            )
          }
      ${
            repeat(
              pixels * vectors,
              (i) =>
                `(v128.store offset=${Math.floor(i / vectors) * outChannels * FLOAT + (i % vectors) * 16} ${get("out")} ${get(`a${i}`)})`,
            )
          }`,
          pixels,
        ),
        vectors * 4,
      ),
    ),
  );
  return kernel(
    ["in", "w", "to", "bias"],
    locals("i32", "b", "y", "x", "ob", "ky", "kx", "c", "px", "pw", "row", "out") +
      locals("v128", "t", ...names("a", pixels * vectors), ...names("w", vectors)),
    body,
  );
}

/**
 * `run(begin, end, thread, x, g, dw, imagesPerJob, images)` for jobs begin … end − 1. Job j sums images j·imagesPerJob … into its own
 * `dw + j · size`, so that the result does not depend on which thread did what: dw[ky, kx, c, o] = Σ x · g.
 */
export function convolutionWeightGradient(shape: ConvolutionShape): string {
  const [, inWidth, inChannels] = shape.input, [outHeight, outWidth, outChannels] = shape.output;
  const depth = inChannels / shape.groups, columns = outChannels / shape.groups;
  const channels = divisor(depth, 2), vectors = divisor(columns / 4, 4, 2);
  const [height, width] = shape.size,
    rows = divisor(height, ...(width <= 8 ? [4, 2] : width <= 16 ? [2] : [1])),
    unroll = divisor(width, 4, 2);
  const size = shape.kernel[0] * shape.kernel[1] * depth * outChannels * FLOAT;
  const accumulators = channels * vectors;
  const slot = (i: number) => `offset=${Math.floor(i / vectors) * outChannels * FLOAT + (i % vectors) * 16} ${get("pw")}`;
  const step = shape.stride[1] * inChannels * FLOAT;
  const inner = loop(
    "x",
    int(0),
    int(width / unroll),
    `${
      repeat(unroll, (u) =>
        `${repeat(vectors, (v) => set(`w${v}`, `(v128.load offset=${u * outChannels * FLOAT + v * 16} ${get("pg")})`))}
      ${
          repeat(channels, (i) =>
            `${set("t", `(v128.load32_splat offset=${u * step + i * FLOAT} ${get("px")})`)}
        ${repeat(vectors, (v) => multiplyAdd(`a${i * vectors + v}`, `w${v}`))}`)
        }`)
    }${set("px", add(get("px"), int(unroll * step)))}${set("pg", add(get("pg"), int(unroll * outChannels * FLOAT)))}`,
  );
  const tap = `${
    set(
      "pw",
      add(
        get("dwj"),
        mul(add(mul(add(mul(get("ky"), int(shape.kernel[1])), get("kx")), int(depth)), get("c")), int(outChannels * FLOAT)),
        mul(get("ob"), int(FLOAT)),
      ),
    )
  }
    ${repeat(accumulators, (i) => set(`a${i}`, `(v128.load ${slot(i)})`))}
    ${
    loop(
      "r",
      int(0),
      int(rows),
      `${set("yy", add(get("y"), get("r")))}
      ${
        set(
          "px",
          add(
            get("in"),
            mul(get("b"), int(imageBytes(shape.input))),
            mul(imageOffset(shape, inWidth, inChannels, "yy"), int(FLOAT)),
            mul(get("ky"), int(shape.dilation[0] * inWidth * inChannels * FLOAT)),
            mul(get("kx"), int(shape.dilation[1] * inChannels * FLOAT)),
            mul(get("c"), int(FLOAT)),
          ),
        )
      }
      ${shape.groups > 1 ? set("px", add(get("px"), mul(`(i32.div_u ${get("ob")} ${int(columns)})`, int(depth * FLOAT)))) : ""}
      ${
        set(
          "pg",
          add(
            get("g"),
            mul(get("b"), int(imageBytes([outHeight, outWidth, outChannels]))),
            mul(outputOffset(shape, "yy"), int(FLOAT)),
            mul(get("ob"), int(FLOAT)),
          ),
        )
      }
      ${inner}`,
    )
  }
    ${repeat(accumulators, (i) => `(v128.store ${slot(i)} ${get(`a${i}`)})`)}`;
  const body = loop(
    "job",
    get("begin"),
    get("end"),
    `${set("dwj", add(get("dw"), mul(get("job"), int(size))))}
    (memory.fill ${get("dwj")} (i32.const 0) ${int(size)})
    ${set("last", mul(add(get("job"), int(1)), get("each")))}
    (if (i32.gt_u ${get("last")} ${get("images")}) (then ${set("last", get("images"))}))
    ${
      loop(
        "b",
        mul(get("job"), get("each")),
        get("last"),
        loop(
          "y",
          int(0),
          int(height),
          loop(
            "ky",
            int(0),
            int(shape.kernel[0]),
            loop(
              "kx",
              int(0),
              int(shape.kernel[1]),
              loop("ob", int(0), int(outChannels), loop("c", int(0), int(depth), tap, channels), vectors * 4),
            ),
          ),
          rows,
        ),
      )
    }`,
  );
  return kernel(
    ["in", "g", "dw", "each", "images"],
    locals("i32", "job", "last", "dwj", "b", "y", "yy", "ky", "kx", "ob", "c", "r", "x", "px", "pg", "pw") +
      locals("v128", "t", ...names("a", accumulators), ...names("w", vectors)),
    body,
  );
}

/** `run(begin, end, thread, from, to, jobs, vectors)`: to[i] = Σ over jobs of from[job][i], four floats at a time, in job order. */
export function sumJobs(): string {
  return kernel(
    ["from", "to", "jobs", "vectors"],
    locals("i32", "i", "j", "p") + locals("v128", "s"),
    loop(
      "i",
      get("begin"),
      get("end"),
      `${set("s", ZERO)}${set("p", add(get("from"), mul(get("i"), int(16))))}
      ${
        loop(
          "j",
          int(0),
          get("jobs"),
          `${set("s", `(f32x4.add ${get("s")} (v128.load ${get("p")}))`)}${set("p", add(get("p"), mul(get("vectors"), int(16))))}`,
        )
      }
      (v128.store ${add(get("to"), mul(get("i"), int(16)))} ${get("s")})`,
    ),
  );
}

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const multiplyAdd = (sum: string, factor: string) => set(sum, `(f32x4.relaxed_madd ${get(factor)} ${get("t")} ${get(sum)})`);
const imageBytes = ([height, width, channels]: readonly [number, number, number]) => height * width * channels * FLOAT;

/** Element offset of the input pixel under output pixel (y, x); x absent means column 0. */
function imageOffset(shape: ConvolutionShape, width: number, channels: number, y: string, x?: string): string {
  const row = mul(add(mul(get(y), int(shape.stride[0])), int(shape.inputOrigin[0])), int(width));
  const column = x === undefined ? int(shape.inputOrigin[1]) : add(mul(get(x), int(shape.stride[1])), int(shape.inputOrigin[1]));
  return mul(add(row, column), int(channels));
}

function outputOffset(shape: ConvolutionShape, y: string, x?: string): string {
  const [, width, channels] = shape.output;
  const row = mul(add(get(y), int(shape.outputOrigin[0])), int(width));
  return mul(add(row, x === undefined ? int(shape.outputOrigin[1]) : add(get(x), int(shape.outputOrigin[1]))), int(channels));
}
