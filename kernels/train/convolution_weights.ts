// Weight gradient of a float convolution in training, as WebAssembly text specialised to one shape.

import { add, get, int, kernel, locals, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";
import {
  type ConvolutionShape,
  divisor,
  FLOAT,
  imageBytes,
  multiplyAdd,
  names,
  outputBlocks,
  outputOffset,
  type Section,
} from "./convolution_shape.ts";

/** Pixels that a block of weights passes before its sums go back to memory: their gradients fill half of the first-level cache. */
const PIXELS = 256;

/** Bytes of two channels of a pixel. */
const PAIR = 2 * FLOAT;

/** A kernel and the memory that each thread needs for it. */
export interface WeightGradient {
  /** WebAssembly text. */
  readonly source: string;
  /** Bytes of scratch memory per thread. */
  readonly scratch: number;
}

/**
 * `run(begin, end, thread, x, g, dw, imagesPerJob, images, scratch)` for jobs begin … end − 1. Job j sums images j·imagesPerJob … into its own
 * `dw + j · size`, so that the result does not depend on which thread did what: dw[ky, kx, c, o] = Σ x · g, laid out as {@linkcode outputBlocks} says.
 *
 * Each thread brings a few images into its scratch memory first: inputs as pairs of channels, gradients as blocks of channels, each with all pixels side by
 * side. Two input channels × one block are in registers while the pixels pass.
 */
export function convolutionWeightGradient(shape: ConvolutionShape): WeightGradient {
  const { groups, size: [height, width] } = shape;
  const [inHeight, inWidth, inChannels] = shape.input, [, , outChannels] = shape.output, columns = outChannels / groups;
  const sections = outputBlocks(columns), rows = shape.kernel[0] * shape.kernel[1] * inChannels / groups;
  const size = rows * outChannels * FLOAT, pixels = height * width;
  // Images that are packed at once, and rows of one whose pixels pass together.
  const packed = Math.max(1, Math.floor(PIXELS / pixels));
  const band = packed > 1 ? height : Math.max(1, Math.floor(PIXELS / width));
  const pairImage = inHeight * inWidth * PAIR, pairs = packed * pairImage, inputBytes = pairs * (inChannels / 2);
  const accumulators = Math.max(...sections.map((section) => section.width)) / 2;

  const packInputs = loop(
    "i",
    int(0),
    get("count"),
    `${set("px", add(get("in"), mul(add(get("b"), get("i")), int(imageBytes(shape.input)))))}
    ${
      loop(
        "x",
        int(0),
        int(inHeight * inWidth),
        `${set("to", add(get("inputs"), mul(get("i"), int(pairImage)), mul(get("x"), int(PAIR))))}
        ${
          loop(
            "c",
            int(0),
            int(inChannels / 4),
            `${set("w", `(v128.load ${get("px")})`)}(v128.store64_lane 0 ${get("to")} ${get("w")})
            (v128.store64_lane offset=${pairs} 1 ${get("to")} ${get("w")})
            ${set("px", add(get("px"), int(16)))}${set("to", add(get("to"), int(2 * pairs)))}`,
          )
        }`,
      )
    }`,
  );
  const packGradients = loop(
    "i",
    int(0),
    get("count"),
    loop(
      "y",
      int(0),
      int(height),
      `${
        set(
          "pg",
          add(get("g"), mul(add(get("b"), get("i")), int(imageBytes(shape.output))), mul(outputOffset(shape, "y"), int(FLOAT))),
        )
      }
      ${
        loop(
          "x",
          int(0),
          int(width),
          `${set("at", add(mul(get("i"), int(pixels)), mul(get("y"), int(width)), get("x")))}
          ${loop("group", int(0), int(groups), sections.map((section) => packBlocks(section, columns, packed * pixels)).join("\n"))}`,
        )
      }`,
    ),
  );
  const products = loop(
    "top",
    int(0),
    int(height),
    `${set("bottom", least(add(get("top"), int(band)), int(height)))}
    ${loop("group", int(0), int(groups), sections.map((section) => blockProducts(shape, section, packed)).join("\n"))}`,
    band,
  );
  const scratch = inputBytes + packed * pixels * outChannels * FLOAT;
  const body = `${set("inputs", add(get("scratch"), mul(get("thread"), int(scratch))))}
  ${set("gradients", add(get("inputs"), int(inputBytes)))}
  ${
    loop(
      "job",
      get("begin"),
      get("end"),
      `${set("dwj", add(get("dw"), mul(get("job"), int(size))))}
      (memory.fill ${get("dwj")} (i32.const 0) ${int(size)})
      ${set("last", least(mul(add(get("job"), int(1)), get("each")), get("images")))}
      ${
        loop(
          "b",
          mul(get("job"), get("each")),
          get("last"),
          `${set("count", least(int(packed), `(i32.sub ${get("last")} ${get("b")})`))}
          ${packInputs}${packGradients}${products}`,
          packed,
        )
      }`,
    )
  }`;
  const source = kernel(
    ["in", "g", "dw", "each", "images", "scratch"],
    locals(
      "i32",
      "job",
      "last",
      "dwj",
      "b",
      "count",
      "inputs",
      "gradients",
      "i",
      "top",
      "bottom",
      "y",
      "group",
      "ky",
      "kx",
      "ob",
      "c",
      "x",
    ) +
      locals("i32", "at", "to", "px", "pg", "pw") + locals("v128", "w", "t0", "t1", ...names("a", accumulators)),
    body,
  );
  return { source, scratch };
}

/** Copies the blocks of one group of pixel `at`, read from `pg` on. Before a block's pixels lie those of all blocks before it. */
function packBlocks({ first, width, count }: Section, columns: number, pixels: number): string {
  return loop(
    "ob",
    int(first),
    int(first + width * count),
    `${
      set(
        "to",
        add(
          get("gradients"),
          mul(add(get("ob"), mul(get("group"), int(columns))), int(pixels * FLOAT)),
          mul(get("at"), int(width * FLOAT)),
        ),
      )
    }
    ${repeat(width / 4, (v) => `(v128.store offset=${v * 16} ${get("to")} (v128.load offset=${v * 16} ${get("pg")}))`)}
    ${set("pg", add(get("pg"), int(width * FLOAT)))}`,
    width,
  );
}

/** Products of one group's blocks in a section, rows `top` to `bottom` of all packed images, of which there is room for `packed`. */
function blockProducts(shape: ConvolutionShape, { first, width: block, count }: Section, packed: number): string {
  const { kernel: taps, dilation, stride, groups, size: [height, width] } = shape;
  const [inHeight, inWidth, inChannels] = shape.input, depth = inChannels / groups, columns = shape.output[2] / groups;
  const vectors = block / 4, chunk = block * FLOAT, rows = taps[0] * taps[1] * depth;
  const pairImage = inHeight * inWidth * PAIR, pixels = height * width, unroll = divisor(width, 8, 4, 2);
  const slot = (i: number) => `offset=${i * 16} ${get("pw")}`;
  const overPixels = loop(
    "x",
    int(0),
    int(width / unroll),
    `${
      repeat(unroll, (u) =>
        `${repeat(2, (i) => set(`t${i}`, `(v128.load32_splat offset=${u * stride[1] * PAIR + i * FLOAT} ${get("px")})`))}
      ${
          repeat(vectors, (v) =>
            `${set("w", `(v128.load offset=${u * chunk + v * 16} ${get("pg")})`)}
        ${repeat(2, (i) => multiplyAdd(`a${i * vectors + v}`, "w", `t${i}`))}`)
        }`)
    }${set("px", add(get("px"), int(unroll * stride[1] * PAIR)))}${set("pg", add(get("pg"), int(unroll * chunk)))}`,
  );
  const firstRow = add(mul(get("top"), int(stride[0])), mul(get("ky"), int(dilation[0])), int(shape.inputOrigin[0]));
  const firstColumn = add(mul(get("kx"), int(dilation[1])), int(shape.inputOrigin[1]));
  const channel = add(get("c"), mul(get("group"), int(depth))), output = add(get("ob"), mul(get("group"), int(columns)));
  const tap = `${repeat(2 * vectors, (i) => set(`a${i}`, `(v128.load ${slot(i)})`))}
    ${
    loop(
      "i",
      int(0),
      get("count"),
      `${
        set(
          "px",
          add(
            get("inputs"),
            mul(channel, int(packed * pairImage / 2)),
            mul(get("i"), int(pairImage)),
            mul(add(mul(firstRow, int(inWidth)), firstColumn), int(PAIR)),
          ),
        )
      }
      ${
        set(
          "pg",
          add(
            get("gradients"),
            mul(output, int(packed * pixels * FLOAT)),
            mul(get("i"), int(pixels * chunk)),
            mul(get("top"), int(width * chunk)),
          ),
        )
      }
      ${
        loop(
          "y",
          get("top"),
          get("bottom"),
          `${overPixels}${set("px", add(get("px"), int((inWidth * stride[0] - width * stride[1]) * PAIR)))}`,
        )
      }`,
    )
  }
    ${repeat(2 * vectors, (i) => `(v128.store ${slot(i)} ${get(`a${i}`)})`)}
    ${set("pw", add(get("pw"), int(depth * chunk)))}`;
  return loop(
    "ob",
    int(first),
    int(first + block * count),
    loop(
      "c",
      int(0),
      int(depth),
      `${set("pw", add(get("dwj"), mul(output, int(rows * FLOAT)), mul(get("c"), int(chunk))))}
      ${loop("ky", int(0), int(taps[0]), loop("kx", int(0), int(taps[1]), tap))}`,
      2,
    ),
    block,
  );
}

const least = (a: string, b: string): string => `(select ${a} ${b} (i32.lt_u ${a} ${b}))`;

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
