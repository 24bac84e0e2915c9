// Exact integer matrix products: rows of u8 codes times weights, i32 sums.

import { add, get, int, kernel, locals, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";

/** What is fixed when the kernel's text is made. */
export interface IntegerGemmOptions {
  /** "i8": weights i8 and codes ≤ 127, sums flushed from i16 before they overflow; "i16": weights i16; "digit": as i16, of one digit of the codes. */
  readonly weights: "i8" | "i16" | "digit";
  /** Vectors of 4 (i16) or 8 (i8) columns held in registers, 1 … 4. */
  readonly vectors: number;
}

/** Row pairs per turn of the inner loop; rows are padded with zeros to a multiple of 2 · {@linkcode PAIRS}. */
export const PAIRS = 8;

/**
 * out[position, column] += Σ_k row[position, k] · weights[k, column]. Range: positions of a block.
 *
 * Weights: [block of vectors × 4 or 8 columns][row pair][column][2]. One instruction multiplies a pair of codes with 4 or 8 pairs of weights and adds
 * within pairs. Two positions share each load of weights.
 * Parameters: `rows`, `pitch`, `weights`, `blockBytes` (weights of a block), `turns` (of {@linkcode PAIRS} row pairs), `flush` (turns until i16 sums go
 * to i32, for "i8"), `out`, `outPitch`, `blocks`, `shift`, `mask` (of a digit).
 */
export function integerGemm({ weights, vectors }: IntegerGemmOptions): string {
  const narrow = weights === "i8";
  const outBytes = vectors * (narrow ? 32 : 16);
  const operand = (p: number, u: number) => {
    const pair = `(v128.load16_splat offset=${u * 2} ${get(`a${p}`)})`;
    if (narrow) return pair;
    if (weights === "i16") return `(i16x8.extend_low_i8x16_u ${pair})`;
    return `(v128.and (i16x8.shr_u (i16x8.extend_low_i8x16_u ${pair}) ${get("shift")}) ${get("keep")})`;
  };
  const product = (p: number, q: number) => {
    const sum = get(`c${p}${q}`), w = get(`w${q}`), x = get(`x${p}`);
    return set(
      `c${p}${q}`,
      narrow ? `(i16x8.add ${sum} (i16x8.relaxed_dot_i8x16_i7x16_s ${w} ${x}))` : `(i32x4.add ${sum} (i32x4.dot_i16x8_s ${w} ${x}))`,
    );
  };
  const store = (p: number, q: number) => {
    const one = (offset: number, value: string) =>
      `(v128.store offset=${offset} ${get(`o${p}`)} (i32x4.add (v128.load offset=${offset} ${get(`o${p}`)}) ${value}))`;
    const sum = get(`c${p}${q}`);
    return narrow
      ? one(q * 32, `(i32x4.extend_low_i16x8_s ${sum})`) + one(q * 32 + 16, `(i32x4.extend_high_i16x8_s ${sum})`)
      : one(q * 16, sum);
  };
  const positions = (count: number) => {
    const all = (body: (p: number, q: number) => string) => repeat(count, (p) => repeat(vectors, (q) => body(p, q)));
    const turn = repeat(PAIRS, (u) => `
      ${repeat(vectors, (q) => set(`w${q}`, `(v128.load offset=${(u * vectors + q) * 16} ${get("w")})`))}
      ${repeat(count, (p) => set(`x${p}`, operand(p, u)) + repeat(vectors, (q) => product(p, q)))}`);
    return `
      ${
      repeat(count, (p) => {
        const m = add(get("m"), int(p));
        return set(`a${p}`, add(get("rows"), mul(m, get("pitch")))) +
          set(`o${p}`, add(get("out"), mul(m, get("outPitch")), mul(get("block"), int(outBytes))));
      })
    }
      ${set("w", get("from"))}${set("rest", get("turns"))}
      (loop $flush${count}
        ${set("some", `(select ${get("rest")} ${get("flush")} (i32.lt_u ${get("rest")} ${get("flush")}))`)}
        ${set("rest", `(i32.sub ${get("rest")} ${get("some")})`)}
        ${all((p, q) => set(`c${p}${q}`, ZERO))}
        ${
      loop(
        "turn",
        int(0),
        get("some"),
        `${turn}${repeat(count, (p) => set(`a${p}`, add(get(`a${p}`), int(PAIRS * 2))))}${
          set("w", add(get("w"), int(PAIRS * vectors * 16)))
        }`,
      )
    }
        ${all(store)}
        (br_if $flush${count} ${get("rest")}))`;
  };
  return kernel(
    ["rows", "pitch", "weights", "blockBytes", "turns", "flush", "out", "outPitch", "blocks", "shift", "mask"],
    locals("i32", "m", "block", "from", "w", "turn", "rest", "some", "pairEnd", "a0", "a1", "o0", "o1") +
      locals(
        "v128",
        "keep",
        "x0",
        "x1",
        ...Array.from({ length: vectors }, (_, q) => [`w${q}`, `c0${q}`, `c1${q}`]).flat(),
      ),
    `${set("keep", `(i16x8.splat ${get("mask")})`)}
    ${set("pairEnd", add(get("begin"), `(i32.and (i32.sub ${get("end")} ${get("begin")}) ${int(-2)})`))}
    ${
      loop(
        "block",
        int(0),
        get("blocks"),
        `${set("from", add(get("weights"), mul(get("block"), get("blockBytes"))))}
        ${loop("m", get("begin"), get("pairEnd"), positions(2), 2)}
        (if (i32.lt_u ${get("pairEnd")} ${get("end")}) (then ${set("m", get("pairEnd"))}${positions(1)}))`,
      )
    }`,
  );
}
