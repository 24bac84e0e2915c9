// Products of f32 rows and weights, for steps that stay in floating point.

import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../../lib/cpu/wat.ts";

/** Rows per turn of the inner loop; rows are padded with zeros to a multiple of it. */
export const FLOAT_ROWS = 4;

/**
 * out[position, column] = bias[column] + Σ_k row[position, k] · weights[k, column] for blocks of 16 columns. Range: positions of a block.
 * Weights: [block][row][16]. Parameters: `rows`, `pitch`, `weights`, `turns` (of {@linkcode FLOAT_ROWS} rows), `bias`, `out`, `outPitch`, `blocks`.
 */
export function floatGemm(): string {
  const positions = (count: number) => {
    const turn = repeat(FLOAT_ROWS, (u) => `
      ${repeat(4, (q) => set(`w${q}`, `(v128.load offset=${(u * 4 + q) * 16} ${get("w")})`))}
      ${
      repeat(count, (p) =>
        set(`x${p}`, `(v128.load32_splat offset=${u * 4} ${get(`a${p}`)})`) +
        repeat(4, (q) => set(`c${p}${q}`, `(f32x4.relaxed_madd ${get(`w${q}`)} ${get(`x${p}`)} ${get(`c${p}${q}`)})`)))
    }`);
    return `
      ${
      repeat(count, (p) => {
        const m = add(get("m"), int(p));
        return set(`a${p}`, add(get("rows"), mul(m, get("pitch")))) +
          set(`o${p}`, add(get("out"), mul(m, get("outPitch")), mul(get("block"), int(64)))) +
          repeat(4, (q) => set(`c${p}${q}`, `(v128.load offset=${q * 16} ${add(get("bias"), mul(get("block"), int(64)))})`));
      })
    }
      ${set("w", add(get("weights"), mul(get("block"), mul(get("turns"), int(FLOAT_ROWS * 64)))))}
      ${
      loop(
        "turn",
        int(0),
        get("turns"),
        `${turn}${repeat(count, (p) => set(`a${p}`, add(get(`a${p}`), int(FLOAT_ROWS * 4))))}${
          set("w", add(get("w"), int(FLOAT_ROWS * 64)))
        }`,
      )
    }
      ${repeat(count, (p) => repeat(4, (q) => `(v128.store offset=${q * 16} ${get(`o${p}`)} ${get(`c${p}${q}`)})`))}`;
  };
  return kernel(
    ["rows", "pitch", "weights", "turns", "bias", "out", "outPitch", "blocks"],
    locals("i32", "m", "block", "w", "turn", "pairEnd", "a0", "a1", "o0", "o1") +
      locals("v128", "x0", "x1", ...Array.from({ length: 4 }, (_, q) => [`w${q}`, `c0${q}`, `c1${q}`]).flat()),
    `${set("pairEnd", add(get("begin"), `(i32.and (i32.sub ${get("end")} ${get("begin")}) ${int(-2)})`))}
    ${
      loop(
        "block",
        int(0),
        get("blocks"),
        `${loop("m", get("begin"), get("pairEnd"), positions(2), 2)}
        (if (i32.lt_u ${get("pairEnd")} ${get("end")}) (then ${set("m", get("pairEnd"))}${positions(1)}))`,
      )
    }`,
  );
}
