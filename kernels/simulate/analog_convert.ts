// From analog sums to codes: noise by a hash per conversion and column, the converter, and the digital sum, eight columns at a time.

import { add, get, int, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";
import { ANALOG, LINE, routine } from "./analog_plan.ts";

/** How a sum becomes a code, and what noise it takes. */
export interface AnalogConversion {
  /** Vectors of 4 columns of a block, an even number. */
  readonly vectors: number;
  /** Thresholds are found in one look by "buckets" of at most one each, else by "search", which bisects. */
  readonly converter: "uniform" | "buckets" | "search" | "none";
  /** Bits of a digit. */
  readonly digitBits: number;
  /** Whether each column has thresholds of its own. */
  readonly perColumn: boolean;
  /** Buckets of a line or column, or halvings of a search. */
  readonly depth: number;
  /** "constant": one deviation per line; "levels": one per Σ variance. */
  readonly noise: "none" | "constant" | "levels";
  /** i8 that each nibble of a hash stands for. */
  readonly quantiles: readonly number[];
  /** Largest level of Σ variance. */
  readonly levels: number;
}

/** Added to a counter before it is mixed, as `hash` of lib/random.ts does. */
export const COUNTER_STEP = 0x85ebca6b;

/** Shifts and factors of `mix` of lib/random.ts. */
const STAGES = [[16, 0x21f0aaad], [15, 0x735a2d97], [15, undefined]] as const;

/** `$mix`, and `$next`: the state of a hash after one more counter. */
export const MIX: string = `
  (func $mix (param $x i32) (result i32)
    ${
  STAGES.map(([shift, factor]) => {
    const folded = `(i32.xor ${get("x")} (i32.shr_u ${get("x")} ${int(shift)}))`;
    return set("x", factor === undefined ? folded : mul(folded, int(factor)));
  }).join("")
}
    ${get("x")})
  (func $next (param $state i32) (param $counter i32) (result i32)
    (call $mix (i32.xor ${get("state")} (call $mix ${add(get("counter"), int(COUNTER_STEP))}))))`;

const splat = (value: number) => `(v128.const i32x4 ${Array(4).fill(value).join(" ")})`;
const word = (name: keyof typeof LINE) => `(i32.load offset=${LINE[name] * 4} ${get("record")})`;
const plan = (name: keyof typeof ANALOG) => `(i32.load offset=${ANALOG[name] * 4} ${get("plan")})`;
/** Vectors that one turn takes. */
const SIDES = [0, 1] as const;

/**
 * `$convert`: adds the codes of `count` positions to `out`, i32, or real sums in f64 where there is no converter.
 *
 * Parameters: `sums` and `variances`, i32 [position][digit, most significant first][column]; `out`, `outPitch`; `record` of the line; `counters`
 * (mixed numbers of the conversions by digit), `bases` (room for a word per digit), `states` (hash by position), `steps` (what each column adds to a
 * hash), `thresholds`, `plan`.
 */
export function conversion(options: AnalogConversion): string {
  const { vectors, converter, noise } = options, bytes = vectors * 16, real = converter === "none";
  const oneDigit = `
    ${SIDES.map((i) => set(`d${i}`, `(v128.load offset=${i * 16} ${get("at")})`)).join("")}
    ${noise === "none" ? "" : noisy(options)}
    ${SIDES.map((i) => code(options, i)).join("")}
    ${set("at", add(get("at"), int(bytes)))}`;
  const clear = SIDES.map((i) => set(`sum${i}`, ZERO) + (real ? set(`high${i}`, ZERO) : "")).join("");
  const oneTurn = `
    ${set("at", add(get("sums"), get("q")))}${clear}
    ${loop("z", int(0), get("digitWords"), oneDigit, 4)}
    ${set("o", real ? add(get("out"), get("q"), get("q")) : add(get("out"), get("q")))}
    ${SIDES.map((i) => (real ? addReal(i) : addCodes(i))).join("")}`;
  const base = `(i32.store ${add(get("bases"), get("z"))} (call $mix (i32.xor (i32.load ${get("states")}) (i32.load ${
    add(get("counters"), get("z"))
  }))))`;
  const onePosition = `
    ${noise === "none" ? "" : loop("z", int(0), get("digitWords"), base, 4) + set("states", add(get("states"), int(4)))}
    ${loop("q", int(0), int(bytes), oneTurn, 32)}
    ${set("sums", add(get("sums"), mul(get("digitWords"), int(bytes / 4))))}${set("out", add(get("out"), get("outPitch")))}`;
  const parameters = [
    "sums",
    "variances",
    "count",
    "out",
    "outPitch",
    "record",
    "counters",
    "bases",
    "states",
    "steps",
    "thresholds",
    "plan",
  ];
  return routine("convert", parameters, {
    integers: ["m", "q", "z", "at", "o", "digitWords", "shift", "precision", "gap", "levelShift"],
    vectors: [
      ...[
        "weight",
        "factor",
        "radix",
        "half",
        "odd",
        "top",
        "noiseHalf",
        "deviation",
        "deviations",
        "round",
        "quantiles",
        "nibbles",
        "base",
        "codes",
      ],
      ...["e0", "e1", "e2", "e3", "low", "high"],
      ...SIDES.flatMap((i) => [`d${i}`, `h${i}`, `sum${i}`, `high${i}`, `k${i}`, `v${i}`]),
    ],
    body: `
    ${set("digitWords", mul(plan("digits"), int(4)))}
    ${set("shift", word("shift"))}${set("half", `(i32x4.splat ${word("half")})`)}${set("odd", `(i32x4.splat ${word("odd")})`)}
    ${set("top", `(i32x4.splat ${plan("top")})`)}${set("weight", `(i32x4.splat ${word("weight")})`)}${
      set("codes", `(i32x4.splat ${word("codes")})`)
    }
    ${set("precision", word("precision"))}${set("noiseHalf", `(i32x4.splat ${word("noiseHalf")})`)}
    ${set("deviations", `(i32x4.splat ${word("deviations")})`)}${set("round", `(i32x4.splat ${word("levelRound")})`)}
    ${set("levelShift", word("levelShift"))}${set("gap", `(i32.sub ${get("variances")} ${get("sums")})`)}
    ${noise === "constant" ? set("deviation", `(v128.load32_splat ${word("deviations")})`) : ""}
    ${set("quantiles", `(v128.const i8x16 ${options.quantiles.join(" ")})`)}${set("nibbles", splat(0x0f0f0f0f))}
    ${real ? set("factor", `(v128.load64_splat offset=${LINE.factor * 4} ${get("record")})`) : ""}
    ${real ? set("radix", `(v128.const f64x2 ${Array(2).fill(2 ** options.digitBits).join(" ")})`) : ""}
    ${loop("m", int(0), get("count"), onePosition)}`,
  });
}

/** Adds noise to d: (deviation · draw + 2^(precision − 1)) >> precision. */
function noisy({ quantiles, noise, levels }: AnalogConversion): string {
  if (quantiles.length !== 16) throw new RangeError(`write a kernel: got ${quantiles.length} quantiles, wanted 16`);
  const each = (body: (i: number) => string) => SIDES.map(body).join("");
  const mixed = STAGES.map(([shift, factor]) =>
    each((i) => {
      const folded = `(v128.xor ${get(`h${i}`)} (i32x4.shr_u ${get(`h${i}`)} ${int(shift)}))`;
      return set(`h${i}`, factor === undefined ? folded : `(i32x4.mul ${folded} ${splat(factor)})`);
    })
  ).join("");
  const picked = (nibbles: string) =>
    `(i16x8.extadd_pairwise_i8x16_s (i8x16.relaxed_swizzle ${get("quantiles")} (v128.and ${nibbles} ${get("nibbles")})))`;
  const drawn = each((i) =>
    set(
      `h${i}`,
      `(i32x4.extadd_pairwise_i16x8_s (i16x8.add ${picked(get(`h${i}`))} ${picked(`(i32x4.shr_u ${get(`h${i}`)} ${int(4)})`)}))`,
    )
  );
  const level = (i: number) => {
    const variance = `(v128.load offset=${i * 16} ${add(get("at"), get("gap"))})`;
    const raised = `(i32x4.shr_u (i32x4.add ${variance} ${get("round")}) ${get("levelShift")})`;
    return set(`k${i}`, `(i32x4.add ${get("deviations")} (i32x4.shl (i32x4.min_u ${raised} ${splat(levels)}) ${int(2)}))`) +
      gather(`v${i}`, `k${i}`, 0);
  };
  const deviation = (i: number) => noise === "levels" ? get(`v${i}`) : get("deviation");
  return `
    ${set("base", `(v128.load32_splat ${add(get("bases"), get("z"))})`)}
    ${each((i) => set(`h${i}`, `(i32x4.add ${get("base")} (v128.load offset=${i * 16} ${add(get("steps"), get("q"))}))`))}
    ${mixed}${drawn}${noise === "levels" ? each(level) : ""}
    ${
    each((i) =>
      set(
        `d${i}`,
        `(i32x4.add ${get(`d${i}`)} (i32x4.shr_s (i32x4.add (i32x4.mul ${get(`h${i}`)} ${deviation(i)}) ${get("noiseHalf")}) ${
          get("precision")
        }))`,
      )
    )
  }`;
}

/** Four words from the addresses in `from`. */
function gather(to: string, from: string, offset: number): string {
  return set(to, `(v128.load32_zero offset=${offset} (i32x4.extract_lane 0 ${get(from)}))`) +
    [1, 2, 3].map((lane) => set(to, `(v128.load32_lane offset=${offset} ${lane} (i32x4.extract_lane ${lane} ${get(from)}) ${get(to)})`))
      .join("");
}

/** Adds the code of d to 2^digitBits times the sum. */
function code({ converter, perColumn, depth, vectors, digitBits }: AnalogConversion, i: number): string {
  const d = get(`d${i}`),
    k = `k${i}`,
    join = (value: string) => set(`sum${i}`, `(i32x4.add (i32x4.shl ${get(`sum${i}`)} ${int(digitBits)}) ${value})`);
  switch (converter) {
    case "none":
      return ["low", "high"].map((half) => {
        const sum = half === "low" ? `sum${i}` : `high${i}`;
        const four = half === "low" ? d : `(i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 ${d} ${d})`;
        return set(sum, `(f64x2.add (f64x2.mul ${get(sum)} ${get("radix")}) (f64x2.convert_low_i32x4_s ${four}))`);
      }).join("");
    case "uniform": {
      // Half to even: one less than half, and one more where the quotient is odd.
      const odd = `(i32x4.eq (v128.and ${d} ${get("odd")}) ${get("odd")})`;
      const rounded = `(i32x4.shr_s (i32x4.sub (i32x4.add ${d} ${get("half")}) ${odd}) ${get("shift")})`;
      return join(`(i32x4.min_s (i32x4.max_s ${rounded} ${ZERO}) ${get("top")})`);
    }
    case "buckets": {
      const header = perColumn ? `${16 * i} ${add(get("thresholds"), get("q"))}` : `0 ${get("thresholds")}`;
      const bound = (offset: number) => {
        const [place, address] = header.split(/ (.*)/s);
        return `(${perColumn ? "v128.load" : "v128.load32_splat"} offset=${Number(place) + offset} ${address})`;
      };
      const clamped = `(i32x4.min_s (i32x4.max_s ${d} ${bound(0)}) ${bound(perColumn ? vectors * 16 : 4)})`;
      const first = perColumn
        ? `(i32x4.add (i32x4.splat ${add(get("thresholds"), int(vectors * 32), mul(get("q"), int(4 * depth)))}) (v128.const i32x4 ${
          repeat(4, (lane) => String((4 * i + lane) * 16 * depth))
        }))`
        : `(i32x4.splat ${add(get("thresholds"), int(16))})`;
      const entry = (lane: number) => set(`e${lane}`, `(v128.load (i32x4.extract_lane ${lane} ${get(k)}))`);
      const words = (a: string, b: string, order: readonly number[]) =>
        `(i8x16.shuffle ${order.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)).join(" ")} ${a} ${b})`;
      const [e0, e1, e2, e3] = [0, 1, 2, 3].map((lane) => get(`e${lane}`)) as [string, string, string, string];
      return `${set(k, `(i32x4.add ${first} (i32x4.shl (i32x4.shr_u (i32x4.sub ${clamped} ${bound(0)}) ${get("shift")}) ${int(4)}))`)}
        ${repeat(4, entry)}
        ${set("low", words(e0, e1, [0, 4, 1, 5]))}${set("high", words(e2, e3, [0, 4, 1, 5]))}
        ${set("e0", words(e0, e1, [2, 6, 3, 7]))}${set("e2", words(e2, e3, [2, 6, 3, 7]))}
        ${set(k, `(i32x4.ge_s ${d} ${words(get("low"), get("high"), [0, 1, 4, 5])})`)}
        ${join(`(v128.bitselect ${words(e0, e2, [0, 1, 4, 5])} ${words(get("low"), get("high"), [2, 3, 6, 7])} ${get(k)})`)}`;
    }
    case "search": {
      const entry = 4 * 2 ** depth;
      const first = perColumn
        ? `(i32x4.add (i32x4.splat ${add(get("thresholds"), mul(get("q"), int(entry / 4)))}) (v128.const i32x4 ${
          repeat(4, (lane) => String((4 * i + lane) * entry))
        }))`
        : `(i32x4.splat ${get("thresholds")})`;
      const halvings = repeat(depth, (n) => {
        const step = 2 ** (depth - 1 - n) * 4;
        return gather(`v${i}`, k, step - 4) +
          set(k, `(i32x4.add ${get(k)} (v128.and (i32x4.ge_s ${d} ${get(`v${i}`)}) ${splat(step)}))`);
      });
      return `${set(k, first)}${halvings}
        ${set(k, `(i32x4.add ${get("codes")} (i32x4.sub ${get(k)} ${first}))`)}${gather(`v${i}`, k, 0)}${join(get(`v${i}`))}`;
    }
  }
}

function addCodes(i: number): string {
  return `(v128.store offset=${i * 16} ${get("o")} (i32x4.add (v128.load offset=${i * 16} ${get("o")}) (i32x4.mul ${get(`sum${i}`)} ${
    get("weight")
  })))`;
}

function addReal(i: number): string {
  return [`sum${i}`, `high${i}`].map((sum, half) => {
    const offset = i * 32 + half * 16;
    return `(v128.store offset=${offset} ${get("o")} (f64x2.add (v128.load offset=${offset} ${get("o")}) (f64x2.mul ${get(sum)} ${
      get("factor")
    })))`;
  }).join("");
}
