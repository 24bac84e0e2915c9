// Element by element in f32, as the oracle rounds: scaling, codes of real values, ReLU and sums.

import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../../lib/cpu/wat.ts";

/** Elements handled at a time; the rest of a range go one by one. */
const LANES = 4;

/** `vector` for whole vectors of `name` in [from, to), then `single` for each element left. */
function lanes(name: string, from: string, to: string, vector: string, single: string): string {
  return `${set("whole", add(from, `(i32.and (i32.sub ${to} ${from}) ${int(-LANES)})`))}
    ${loop(name, from, get("whole"), vector, LANES)}${loop(name, get("whole"), to, single)}`;
}

const at = (base: string, index: string, bytes: number) => add(get(base), mul(get(index), int(bytes)));

/**
 * out[channel] = f32(f32(x) · scale[channel]) + bias[channel], each operation rounded. Range: positions.
 * Parameters: `from`, `to`, `channels`, `scale`, `bias`.
 */
export function affineElements(type: "u8" | "i32" | "f32"): string {
  const size = type === "u8" ? 1 : 4, x = at("from", "i", size), c = (base: string) => at(base, "c", 4);
  const four = type === "f32"
    ? `(v128.load ${x})`
    : type === "i32"
    ? `(f32x4.convert_i32x4_s (v128.load ${x}))`
    : `(f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero ${x}))))`;
  const one = type === "f32"
    ? `(f32.load ${x})`
    : type === "i32"
    ? `(f32.convert_i32_s (i32.load ${x}))`
    : `(f32.convert_i32_u (i32.load8_u ${x}))`;
  const index = set("i", add(get("base"), get("c")));
  return kernel(
    ["from", "to", "channels", "scale", "bias"],
    locals("i32", "m", "c", "i", "base", "whole"),
    loop(
      "m",
      get("begin"),
      get("end"),
      set("base", mul(get("m"), get("channels"))) + lanes(
        "c",
        int(0),
        get("channels"),
        `${index}(v128.store ${at("to", "i", 4)} (f32x4.add (f32x4.mul ${four} (v128.load ${c("scale")})) (v128.load ${c("bias")})))`,
        `${index}(f32.store ${at("to", "i", 4)} (f32.add (f32.mul ${one} (f32.load ${c("scale")})) (f32.load ${c("bias")})))`,
      ),
    ),
  );
}

/** How near to a half an f32 quotient of a code up to 256 may lie before it is taken in f64: ten times its error. */
const NEAR_HALF = 0.499;

/**
 * code = clamp(rint(x / step), 0, levels) with the quotient in f64, f32 → u8. Range: elements.
 *
 * x · (1 / step) in f32, clamped to −1 … levels + 1 (a NaN to −1, so that it gives 0), is off by less than 1e-4, so only quotients near a half need
 * the division.
 * Parameters: `from`, `to`, `step` (address of an f64), `levels` (at most 255).
 */
export function quantizeElements(): string {
  const two = (x: string) =>
    `(i32x4.trunc_sat_f64x2_u_zero (f64x2.min (f64x2.max
    (f64x2.nearest (f64x2.div (f64x2.promote_low_f32x4 ${x}) ${get("unit")})) ${get("zero")}) ${get("top")}))`;
  const high = "8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7";
  const codes = `${set("low", two(get("x")))}${set("x", two(`(i8x16.shuffle ${high} ${get("x")} ${get("x")})`))}`;
  const packed = `(i8x16.shuffle 0 4 16 20 0 0 0 0 0 0 0 0 0 0 0 0 ${get("low")} ${get("x")})`;
  // Whole numbers from −1 to levels + 1, so that truncation has nothing to decide; narrowing lifts −1 to 0.
  const whole = `(i32x4.relaxed_trunc_f32x4_s ${get("near")})`;
  const quick = `(i8x16.min_u (i8x16.narrow_i16x8_u (i16x8.narrow_i32x4_s ${whole} ${get("zero")}) ${get("zero")}) ${get("most8")})`;
  return kernel(
    ["from", "to", "step", "levels"],
    locals("i32", "i", "whole") +
      locals("v128", "unit", "zero", "top", "x", "low", "inverse", "least", "most", "quotient", "near", "most8"),
    `${set("unit", `(v128.load64_splat ${get("step")})`)}${set("top", `(f64x2.splat (f64.convert_i32_u ${get("levels")}))`)}
    ${set("inverse", `(f32x4.splat (f32.demote_f64 (f64.div (f64.const 1) (f64.load ${get("step")}))))`)}
    ${set("least", "(v128.const f32x4 -1 -1 -1 -1)")}${set("most8", `(i8x16.splat ${get("levels")})`)}
    ${set("most", `(f32x4.splat (f32.convert_i32_u ${add(get("levels"), int(1))}))`)}
    ${
      lanes(
        "i",
        get("begin"),
        get("end"),
        `${set("x", `(v128.load ${at("from", "i", 4)})`)}
        ${set("quotient", `(f32x4.pmin (f32x4.pmax ${get("least")} (f32x4.mul ${get("x")} ${get("inverse")})) ${get("most")})`)}
        ${set("near", `(f32x4.nearest ${get("quotient")})`)}
        (if (i32x4.all_true (f32x4.lt (f32x4.abs (f32x4.sub ${get("quotient")} ${get("near")})) (f32x4.splat (f32.const ${NEAR_HALF}))))
          (then (v128.store32_lane 0 ${at("to", "i", 1)} ${quick}))
          (else ${codes}(v128.store32_lane 0 ${at("to", "i", 1)} ${packed})))`,
        `(v128.store8_lane 0 ${at("to", "i", 1)} ${two(`(v128.load32_zero ${at("from", "i", 4)})`)})`,
      )
    }`,
  );
}

/** out = max(x, 0). Range: elements. Parameters: `from`, `to`. */
export function reluElements(): string {
  return kernel(
    ["from", "to"],
    locals("i32", "i", "whole"),
    lanes(
      "i",
      get("begin"),
      get("end"),
      `(v128.store ${at("to", "i", 4)} (f32x4.max (v128.load ${at("from", "i", 4)}) (v128.const f32x4 0 0 0 0)))`,
      `(f32.store ${at("to", "i", 4)} (f32.max (f32.load ${at("from", "i", 4)}) (f32.const 0)))`,
    ),
  );
}

/**
 * out = Σ of `count` inputs in their order, in f64 and rounded once; two inputs need no more than f32. Range: elements.
 * Parameters: `list` (addresses of the inputs, i32), `to`.
 */
export function addElements(count: number): string {
  const inputs = Array.from({ length: count }, (_, index) => `from${index}`);
  const sum = (zero: string, plus: string, load: (input: string) => string) =>
    inputs.reduce((total, input) => `(${plus} ${total} ${load(input)})`, zero);
  const wide = (part: string) =>
    sum(
      "(v128.const f64x2 0 0)",
      "f64x2.add",
      (input) => `(f64x2.promote_low_f32x4 (v128.load64_zero offset=${part} ${at(input, "i", 4)}))`,
    );
  const vector = count <= 2
    ? `(v128.store ${at("to", "i", 4)} ${sum("(v128.const f32x4 0 0 0 0)", "f32x4.add", (input) => `(v128.load ${at(input, "i", 4)})`)})`
    : ["0", "8"].map((part) => `(v128.store64_lane offset=${part} 0 ${at("to", "i", 4)} (f32x4.demote_f64x2_zero ${wide(part)}))`).join("");
  const single = `(f32.store ${at("to", "i", 4)} (f32.demote_f64 ${
    sum("(f64.const 0)", "f64.add", (input) => `(f64.promote_f32 (f32.load ${at(input, "i", 4)}))`)
  }))`;
  return kernel(
    ["list", "to"],
    locals("i32", "i", "whole", ...inputs),
    repeat(count, (index) => set(`from${index}`, `(i32.load offset=${4 * index} ${get("list")})`)) +
      lanes("i", get("begin"), get("end"), vector, single),
  );
}
