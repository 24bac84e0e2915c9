// The crossbar itself: ones of 16 columns × 4 rows counted by one table look-up, the ADC, and the digital shift-and-add.

import { add, get, int, kernel, locals, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";

/** How partial sums become codes, cheapest first; host and kernel agree on the constants through {@linkcode PLAN}. */
export type AdcForm = "clip8" | "clip" | "affine" | "even" | "table";

/** What is fixed when the kernel's text is made. */
export interface LookupOptions {
  /** Vectors of 16 columns held in registers, 1 … 4: all columns of a block for the first slice abreast, then for the next. */
  readonly vectors: number;
  /** Slices counted side by side, a divisor of `vectors`; alike in planes, factors and offsets. Default 1. */
  readonly abreast?: number;
  /** Input bits counted side by side, 1 or 2. */
  readonly bits: 1 | 2;
  /** Look-ups (of 4 rows) per turn of the inner loop, 4, 8 or 16. */
  readonly unroll: number;
  /** Input bits of one digit. */
  readonly digit: number;
  /** One plane per cell, one-bit digits and at most 255 rows per tile: counts go straight to the ADC. */
  readonly simple: boolean;
  readonly adc: AdcForm;
  /** s of "even", 1 … 10. */
  readonly shift?: number;
  /**
   * Subtracts what "clip8" or "clip" cuts off instead of adding codes, and only from tiles with more ones than their limit: the correction of an
   * exact product. Simple counts are compared with their bounds first, for few are clipped. Default false.
   */
  readonly excess?: boolean;
}

/** Words of the plan, all i32: those from `multiplier` to `table`, `scale` and `offset` belong to the ADC; `table` is the address of i16 codes. */
export const PLAN = {
  blocks: 0,
  slices: 1,
  tiles: 2,
  passes: 3,
  flush: 4,
  planeBytes: 5,
  countBytes: 6,
  multiplier: 7,
  low: 8,
  high: 9,
  table: 10,
  limitBytes: 11,
  scale: 12,
  offset: 13,
  words: 14,
} as const;
/**
 * Words of the record of slices abreast: address of their weights in block 0, planes, factor of the count, factor of Σ digit, offset, for "excess"
 * the address of the largest safe Σ digit of each tile (i32) in block 0, and of two bytes for each Σ digit, the most and the least count that no
 * clipping cuts; the weights of up to four slices; least cell, and distance of the other of one plane.
 */
export const SLICE = {
  weights: 0,
  planes: 1,
  factor: 2,
  sum: 3,
  offset: 4,
  limits: 5,
  bounds: 6,
  weight: 7,
  least: 11,
  distance: 12,
  words: 13,
} as const;
/** Words of a pass record: offset of its first bit in a position's planes, in its counts, that bit, shift of its weight. */
export const PASS = { planes: 0, counts: 1, bit: 2, shift: 3, words: 4 } as const;
/** Most look-ups whose counts fit a byte. */
const BYTE_STEPS = 63;

/**
 * Partial sums, conversion and accumulation. Range: positions of a block.
 *
 * Weights: [block of columns][slices abreast][tile][plane][4 rows each][slice][column], one byte holding four rows' bits. For an activation nibble a,
 * table a (16 bytes at address 16·a) holds popcount(a & w) for all w, so one swizzle counts 4 rows × 16 columns.
 * With c = Σ 2^p count_p (and digit bits weighted alike), the ADC sees t = factor · c + sum · X + offset in i16, X = Σ digit over the tile:
 * - clip8: min_u(c, high) on bytes
 * - clip: clamp(t, low, high)
 * - affine: clamp((t · multiplier + 2^14) >> 15, low, high)
 * - even: clamp((t + multiplier + ((t >> s) & 1)) >> s, low, high) with multiplier = 2^(s−1) − 1: t / 2^s rounded half to even
 * - table: the i16 code min_u(t, high) bytes into the table
 *
 * With `excess`, t − clamp(t, low, high) is subtracted instead, and tiles whose X is within its limit are passed over.
 *
 * Parameters: `planes`, `pitch` (bytes of a position's planes), `counts`, `countPitch`, `blockBytes` (weights of a block), `out`, `outPitch`,
 * `plan`, `tiles` (i32 turns of the inner loop per tile), `slices`, `passes`, and for `excess` `least`, u16 `[block][tile][4]`: no count of a bit up
 * to it is unsafe. Sums are added to `out`, i32.
 */
export function crossbarLookup(options: LookupOptions): string {
  const { vectors, bits, simple, adc, digit, unroll, excess = false, abreast = 1 } = options;
  const across = vectors / abreast;
  const digits = digit === 1 ? bits : 1;
  const plan = (word: number) => `(i32.load offset=${word * 4} ${get("plan")})`;
  const slice = (word: number) => `(i32.load offset=${word * 4} ${get("slice")})`;
  const pass = (word: number) => `(i32.load offset=${word * 4} ${get("pass")})`;
  const splat = (value: string) => `(i16x8.splat ${value})`;

  const clear = each(vectors, (q, half) => set(`acc${q}${half}`, ZERO));
  const scaled = (q: number, half: string, part: string, slice: number) =>
    `(i32x4.mul (i32x4.extend_${part}_i16x8_s ${get(`acc${q}${half}`)}) ${get(`weight${slice}`)})`;
  const flush = repeat(abreast, (s) => set(`weight${s}`, `(i32x4.splat (i32.shl ${slice(SLICE.weight + s)} ${pass(PASS.shift)}))`)) +
    each(across, (column, half, index) =>
      ["low", "high"].map((part, side) => {
        const offset = column * 64 + index * 32 + side * 16;
        const sum = Array.from({ length: abreast }, (_, s) => scaled(s * across + column, half, part, s))
          .reduce((total, term) => `(i32x4.add ${total} ${term})`);
        return `(v128.store offset=${offset} ${get("o")} (i32x4.${excess ? "sub" : "add"} (v128.load offset=${offset} ${
          get("o")
        }) ${sum}))`;
      }).join(""));
  const convertTile = `
    ${simple && adc !== "clip8" ? widen(options) : ""}
    ${adc === "clip8" ? "" : repeat(digits, (d) => set(`x${d}`, splat(add(mul(slice(SLICE.sum), tileSum(digit, d)), slice(SLICE.offset)))))}
    ${convert(options)}${excess ? set("touched", int(1)) : ""}
    ${set("left", `(i32.sub ${get("left")} ${int(1)})`)}
    (if (i32.eqz ${get("left")}) (then ${flush}${clear}${set("left", plan(PLAN.flush))}))`;
  const countTile = simple ? count(options, `(i32.load ${get("tile")})`) : countPlanes(options);
  const redoTile = simple && adc === "clip" ? `${beyond(options)}(if (v128.any_true ${get("look")}) (then ${convertTile}))` : convertTile;
  const turns = `(i32.load ${get("tile")})`;
  const unsafe = Array.from({ length: digits }, (_, d) => `(i32.gt_s ${tileSum(digit, d)} (i32.load ${get("limit")}))`);
  const skip = set("a", add(get("a"), mul(turns, int(unroll * 4)))) +
    set("w", add(get("w"), mul(mul(turns, slice(SLICE.planes)), int(unroll * vectors * 16))));
  const oneTile = `${
    excess
      ? `(if ${unsafe.reduce((any, one) => `(i32.or ${any} ${one})`)} (then ${countTile}${redoTile}) (else ${skip}))
        ${set("limit", add(get("limit"), int(4)))}`
      : countTile + convertTile
  }
    ${set("count", add(get("count"), int(8)))}`;
  const limits = set("touched", int(0)) + set("limit", add(slice(SLICE.limits), mul(get("block"), plan(PLAN.limitBytes))));
  const oneSlice = `
    ${set("a", add(get("position"), pass(PASS.planes)))}
    ${set("w", add(slice(SLICE.weights), mul(get("block"), get("blockBytes"))))}
    ${set("count", add(get("counts"), mul(get("m"), get("countPitch")), pass(PASS.counts)))}
    ${set("factor", splat(slice(SLICE.factor)))}${set("left", plan(PLAN.flush))}${clear}
    ${excess ? limits : ""}
    ${loop("tile", get("tiles"), get("tileEnd"), oneTile, 4)}${excess ? `(if ${get("touched")} (then ${flush}))` : flush}`;
  const passes = loop(
    "pass",
    get("passes"),
    get("passEnd"),
    loop("slice", get("slices"), get("sliceEnd"), oneSlice, SLICE.words * 4),
    PASS.words * 4,
  );
  const onePosition = `
    ${set("position", add(get("planes"), mul(get("m"), get("pitch"))))}
    ${set("o", add(get("out"), mul(get("m"), get("outPitch")), mul(get("block"), int(across * 64))))}
    ${excess ? `${anyUnsafe(get("tileEnd"))}(if (v128.any_true ${get("look")}) (then ${passes}))` : passes}`;

  const scalars = [
    "block",
    "m",
    "pass",
    "slice",
    "tile",
    "step",
    "a",
    "w",
    "count",
    "o",
    "position",
    "left",
    "plane",
    "part",
    "turns",
    "aTile",
    "wPlane",
    "limit",
    "touched",
  ];
  const ends = ["blocks", "tileEnd", "passEnd", "sliceEnd", "table"];
  const registers = [
    ...["look", "factor", "multiplier", "low", "high", "most", "fewest"],
    ...Array.from({ length: abreast }, (_, s) => `weight${s}`),
    ...Array.from({ length: digits }, (_, d) => `x${d}`),
    ...Array.from({ length: vectors }, (_, q) => [`w${q}`, `acc${q}low`, `acc${q}high`]).flat(),
    ...Array.from({ length: bits * vectors }, (_, i) => `c${i}`),
    ...Array.from({ length: digits * vectors }, (_, i) => [`v${i}low`, `v${i}high`]).flat(),
  ];
  return kernel(
    ["planes", "pitch", "counts", "countPitch", "blockBytes", "out", "outPitch", "plan", "tiles", "slices", "passes", "least"],
    locals("i32", ...scalars, ...ends) + locals("v128", ...registers),
    `${set("blocks", plan(PLAN.blocks))}${set("table", plan(PLAN.table))}
    ${set("tileEnd", add(get("tiles"), mul(plan(PLAN.tiles), int(4))))}
    ${set("passEnd", add(get("passes"), mul(plan(PLAN.passes), int(PASS.words * 4))))}
    ${set("sliceEnd", add(get("slices"), mul(plan(PLAN.slices), int(SLICE.words * 4))))}
    ${set("multiplier", splat(plan(PLAN.multiplier)))}${set("low", splat(plan(PLAN.low)))}
    ${set("high", adc === "clip8" ? `(i8x16.splat ${plan(PLAN.high)})` : splat(plan(PLAN.high)))}
    ${loop("block", int(0), get("blocks"), loop("m", get("begin"), get("end"), onePosition))}`,
  );
}

/** Compares all counts of a position with the block's smallest limits, four bits at a time. */
function anyUnsafe(tileEnd: string): string {
  const one = `(i16x8.gt_u (v128.load64_zero ${get("count")}) (v128.load64_zero ${get("limit")}))`;
  return `${set("look", ZERO)}${set("count", add(get("counts"), mul(get("m"), get("countPitch"))))}
    ${set("turns", add(get("count"), get("countPitch")))}
    ${
    loop(
      "count",
      get("count"),
      get("turns"),
      `${set("limit", add(get("least"), mul(get("block"), `(i32.shl (i32.sub ${tileEnd} ${get("tiles")}) ${int(1)})`)))}
      ${
        loop(
          "tile",
          get("tiles"),
          tileEnd,
          `${set("look", `(v128.or ${get("look")} ${one})`)}${set("count", add(get("count"), int(8)))}${
            set("limit", add(get("limit"), int(8)))
          }`,
          4,
        )
      }`,
      0,
    )
  }`;
}

/** Text for each vector of columns and each half of it. */
function each(vectors: number, body: (vector: number, half: "low" | "high", index: number) => string): string {
  return repeat(vectors, (q) => body(q, "low", 0) + body(q, "high", 1));
}

/** Turns of the inner loop: counts of `turns` × unroll look-ups are added to c, a and w move on. */
function count({ vectors, bits, unroll }: LookupOptions, turns: string): string {
  const look = (u: number, b: number) =>
    set("look", `(v128.load (i32.load8_u offset=${u * 4 + b} ${get("a")}))`) +
    repeat(vectors, (q) =>
      set(`c${b * vectors + q}`, `(i8x16.add ${get(`c${b * vectors + q}`)} (i8x16.relaxed_swizzle ${get("look")} ${get(`w${q}`)}))`));
  const turn = repeat(
    unroll,
    (u) =>
      repeat(vectors, (q) => set(`w${q}`, `(v128.load offset=${(u * vectors + q) * 16} ${get("w")})`)) + repeat(bits, (b) => look(u, b)),
  );
  return `${repeat(bits * vectors, (i) => set(`c${i}`, ZERO))}
    ${
    loop("step", int(0), turns, `${turn}${set("a", add(get("a"), int(unroll * 4)))}${set("w", add(get("w"), int(unroll * vectors * 16)))}`)
  }`;
}

/** One plane, one-bit digits: the counts are the sums, here as i16. */
function widen({ vectors, bits }: LookupOptions): string {
  return repeat(
    bits * vectors,
    (i) => ["low", "high"].map((half) => set(`v${i}${half}`, `(i16x8.extend_${half}_i8x16_u ${get(`c${i}`)})`)).join(""),
  );
}

/** Sets `look` to more than zeros if a simple count lies outside its bounds. */
function beyond({ vectors, bits, digit }: LookupOptions): string {
  const at = (d: number) => add(`(i32.load offset=${SLICE.bounds * 4} ${get("slice")})`, `(i32.shl ${tileSum(digit, d)} ${int(1)})`);
  const outside = (c: string) => `(v128.or (i8x16.sub_sat_u ${c} ${get("most")}) (i8x16.sub_sat_u ${get("fewest")} ${c}))`;
  return set("look", ZERO) +
    repeat(bits, (b) =>
      set("most", `(v128.load8_splat ${at(b)})`) + set("fewest", `(v128.load8_splat offset=1 ${at(b)})`) +
      repeat(vectors, (q) => set("look", `(v128.or ${get("look")} ${outside(get(`c${b * vectors + q}`))})`)));
}

/** Several planes or digit bits, or tiles too tall for bytes: counts are weighted and summed in i16. */
function countPlanes(options: LookupOptions): string {
  const { vectors, bits, unroll, digit } = options;
  const limit = Math.floor(BYTE_STEPS / unroll);
  const digits = digit === 1 ? bits : 1;
  const shifted = (i: number, half: string, extra: number) =>
    `(i16x8.shl (i16x8.extend_${half}_i8x16_u ${get(`c${i}`)}) ${add(get("plane"), get("step"), int(extra))})`;
  const weigh = (first: string) =>
    set("step", first) + repeat(bits * vectors, (i) => {
      const target = digit === 1 ? i : i % vectors, extra = digit === 1 ? 0 : Math.floor(i / vectors);
      return ["low", "high"].map((half) => set(`v${target}${half}`, `(i16x8.add ${get(`v${target}${half}`)} ${shifted(i, half, extra)})`))
        .join("");
    });
  const part = `
    ${set("turns", `(select ${get("part")} ${int(limit)} (i32.lt_u ${get("part")} ${int(limit)}))`)}
    ${set("part", `(i32.sub ${get("part")} ${get("turns")})`)}
    ${count(options, get("turns"))}`;
  const sweep = (pair: number) => `
    ${set("a", add(get("aTile"), bitOffset(pair * bits, PLAN.planeBytes, 1)))}${set("w", get("wPlane"))}${
    set("part", `(i32.load ${get("tile")})`)
  }
    (loop $parts${pair} ${part}${weigh(int(pair * bits))}(br_if $parts${pair} ${get("part")}))`;
  const planes = loop(
    "plane",
    int(0),
    `(i32.load offset=${SLICE.planes * 4} ${get("slice")})`,
    `${repeat(digit === 1 ? 1 : digit / bits, sweep)}${set("wPlane", get("w"))}`,
  );
  return `${repeat(digits * vectors, (i) => set(`v${i}low`, ZERO) + set(`v${i}high`, ZERO))}
    ${set("aTile", get("a"))}${set("wPlane", get("w"))}${planes}
    ${set("a", add(get("aTile"), `(i32.shl (i32.load ${get("tile")}) ${int(Math.log2(unroll * 4))})`))}${set("w", get("wPlane"))}`;
}

/** Distance from a digit's first bit to its bit i: within a quad bits lie `unit` bytes apart, quads `stride`. */
function bitOffset(i: number, stride: number, unit: number): string {
  if (i === 0) return int(0);
  const first = `(i32.load offset=${PASS.bit * 4} ${get("pass")})`;
  const at = (bit: string) =>
    add(
      mul(`(i32.shr_u ${bit} ${int(2)})`, `(i32.load offset=${stride * 4} ${get("plan")})`),
      mul(`(i32.and ${bit} ${int(3)})`, int(unit)),
    );
  return `(i32.sub ${at(add(first, int(i)))} ${at(first)})`;
}

/** Σ of digit d of the pass over the tile's rows. */
function tileSum(digit: number, d: number): string {
  if (digit === 1) return `(i32.load16_u offset=${2 * d} ${get("count")})`;
  const term = (i: number) => `(i32.shl (i32.load16_u ${add(get("count"), bitOffset(i, PLAN.countBytes, 2))}) ${int(i)})`;
  return add(term(0), ...Array.from({ length: digit - 1 }, (_, i) => term(i + 1)));
}

/** Sums of all digits to codes, added to the accumulators with digit d weighted 2^d. */
function convert({ vectors, bits, adc, digit, shift = 1, excess = false }: LookupOptions): string {
  if (adc === "clip8") {
    return repeat(bits * vectors, (i) => set(`c${i}`, `(i8x16.${excess ? "sub_sat_u" : "min_u"} ${get(`c${i}`)} ${get("high")})`)) +
      (bits === 1 ? "" : repeat(vectors, (q) => {
        const second = get(`c${vectors + q}`);
        return set(`c${q}`, `(i8x16.add ${get(`c${q}`)} (i8x16.add ${second} ${second}))`);
      })) +
      each(
        vectors,
        (q, half) => set(`acc${q}${half}`, `(i16x8.add ${get(`acc${q}${half}`)} (i16x8.extend_${half}_i8x16_u ${get(`c${q}`)}))`),
      );
  }
  const digits = digit === 1 ? bits : 1;
  return each(vectors, (q, half) =>
    repeat(digits, (d) => {
      const t = `v${d * vectors + q}${half}`;
      return set(t, `(i16x8.add (i16x8.mul ${get(t)} ${get("factor")}) ${get(`x${d}`)})`) + (excess ? cut(t) : code(adc, t, shift));
    }) + repeat(digits, (d) => {
      const y = get(`v${d * vectors + q}${half}`), acc = `acc${q}${half}`;
      return set(acc, `(i16x8.add ${get(acc)} ${d === 0 ? y : `(i16x8.shl ${y} ${int(d)})`})`);
    }));
}

/** Replaces t by what clamping takes from it. */
function cut(t: string): string {
  return set(t, `(i16x8.sub ${get(t)} (i16x8.min_s (i16x8.max_s ${get(t)} ${get("low")}) ${get("high")}))`);
}

/** Replaces t by its code; `table` names the local with the address of the codes. */
export function code(adc: AdcForm, t: string, shift: number, table = "table"): string {
  if (adc === "table") {
    const lane = (n: number) =>
      set("look", `(v128.load16_lane ${n} ${add(get(table), `(i16x8.extract_lane_u ${n} ${get(t)})`)} ${get("look")})`);
    return set(t, `(i16x8.min_u ${get(t)} ${get("high")})`) + repeat(8, lane) + set(t, get("look"));
  }
  const one = "(v128.const i16x8 1 1 1 1 1 1 1 1)";
  const even = `(i16x8.add (i16x8.add ${get(t)} ${get("multiplier")}) (v128.and (i16x8.shr_s ${get(t)} ${int(shift)}) ${one}))`;
  const value = adc === "affine"
    ? `(i16x8.relaxed_q15mulr_s ${get(t)} ${get("multiplier")})`
    : adc === "even"
    ? `(i16x8.shr_s ${even} ${int(shift)})`
    : get(t);
  return set(t, `(i16x8.min_s (i16x8.max_s ${value} ${get("low")}) ${get("high")})`);
}
