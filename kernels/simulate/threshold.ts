// Batch norm, ReLU and quantisation at once: how many of a channel's thresholds a sum reaches.

import { add, get, int, kernel, locals, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";

/** Positions that share each load of thresholds. */
const ABREAST = 4;

/**
 * Compares each sum with every threshold, four channels of four positions at a time; for few levels. Range: positions.
 * Thresholds: [level][channel]; `signs` holds 0 or −1 per channel, i32. Parameters: `sums`, `out`, `channels` (a multiple of 4), `levels`, `thresholds`, `signs`.
 */
export function thresholdCompare(): string {
  const positions = (count: number) => {
    const all = (body: (p: number) => string) => repeat(count, body);
    const index = (p: number) => add(mul(add(get("m"), int(p)), get("channels")), get("c"));
    const load = (p: number) =>
      set(`x${p}`, `(v128.load ${add(get("sums"), mul(index(p), int(4)))})`) +
      set(`x${p}`, `(i32x4.sub (v128.xor ${get(`x${p}`)} ${get("sign")}) ${get("sign")})`) + set(`n${p}`, ZERO);
    const compare = set("level", `(v128.load ${get("t")})`) +
      all((p) => set(`n${p}`, `(i32x4.sub ${get(`n${p}`)} (i32x4.ge_s ${get(`x${p}`)} ${get("level")}))`));
    const store = (p: number) =>
      set(`n${p}`, `(i16x8.narrow_i32x4_u ${get(`n${p}`)} ${get(`n${p}`)})`) +
      `(v128.store32_lane 0 ${add(get("out"), index(p))} (i8x16.narrow_i16x8_u ${get(`n${p}`)} ${get(`n${p}`)}))`;
    return `${all(load)}${loop("t", get("first"), get("last"), compare, get("row"))}${all(store)}`;
  };
  const registers = Array.from({ length: ABREAST }, (_, p) => [`x${p}`, `n${p}`]).flat();
  return kernel(
    ["sums", "out", "channels", "levels", "thresholds", "signs"],
    locals("i32", "m", "c", "t", "first", "last", "row", "whole") + locals("v128", "sign", "level", ...registers),
    `${set("row", mul(get("channels"), int(4)))}
    ${set("whole", add(get("begin"), `(i32.and (i32.sub ${get("end")} ${get("begin")}) ${int(-ABREAST)})`))}
    ${
      loop(
        "c",
        int(0),
        get("channels"),
        `${set("first", add(get("thresholds"), mul(get("c"), int(4))))}${set("last", add(get("first"), mul(get("levels"), get("row"))))}
        ${set("sign", `(v128.load ${add(get("signs"), mul(get("c"), int(4)))})`)}
        ${loop("m", get("begin"), get("whole"), positions(ABREAST), ABREAST)}${loop("m", get("whole"), get("end"), positions(1))}`,
        4,
      )
    }`,
  );
}

/**
 * The same in i16, eight channels of four positions at a time, for thresholds that fit: sums beyond i16 saturate, which no comparison notices.
 * Range: positions. Thresholds: i16 [level][channel], of channels with sign −1 one less: −x ≥ t where ~x ≥ t − 1. `signs` holds 0 or −1 per channel, i16.
 * Parameters as in {@linkcode thresholdCompare}, `channels` a multiple of 8.
 */
export function thresholdNarrow(): string {
  const positions = (count: number) => {
    const all = (body: (p: number) => string) => repeat(count, body);
    const index = (p: number) => add(mul(add(get("m"), int(p)), get("channels")), get("c"));
    const load = (p: number) =>
      set("from", add(get("sums"), mul(index(p), int(4)))) + set(`n${p}`, ZERO) +
      set(
        `x${p}`,
        `(v128.xor ${get("sign")} (i16x8.narrow_i32x4_s (v128.load ${get("from")}) (v128.load offset=16 ${get("from")})))`,
      );
    const compare = set("level", `(v128.load ${get("t")})`) +
      all((p) => set(`n${p}`, `(i16x8.sub ${get(`n${p}`)} (i16x8.ge_s ${get(`x${p}`)} ${get("level")}))`));
    const store = (p: number) =>
      `(v128.store64_lane 0 ${add(get("out"), index(p))} (i8x16.narrow_i16x8_u ${get(`n${p}`)} ${get(`n${p}`)}))`;
    return `${all(load)}${loop("t", get("first"), get("last"), compare, get("row"))}${all(store)}`;
  };
  const registers = Array.from({ length: ABREAST }, (_, p) => [`x${p}`, `n${p}`]).flat();
  return kernel(
    ["sums", "out", "channels", "levels", "thresholds", "signs"],
    locals("i32", "m", "c", "t", "first", "last", "row", "whole", "from") + locals("v128", "sign", "level", ...registers),
    `${set("row", mul(get("channels"), int(2)))}
    ${set("whole", add(get("begin"), `(i32.and (i32.sub ${get("end")} ${get("begin")}) ${int(-ABREAST)})`))}
    ${
      loop(
        "c",
        int(0),
        get("channels"),
        `${set("first", add(get("thresholds"), mul(get("c"), int(2))))}${set("last", add(get("first"), mul(get("levels"), get("row"))))}
        ${set("sign", `(v128.load ${add(get("signs"), mul(get("c"), int(2)))})`)}
        ${loop("m", get("begin"), get("whole"), positions(ABREAST), ABREAST)}${loop("m", get("whole"), get("end"), positions(1))}`,
        8,
      )
    }`,
  );
}

/**
 * Binary search for each sum; for many levels or odd channel counts. Range: positions.
 * Thresholds: [channel][level]. Parameters as in {@linkcode thresholdCompare}, `channels` any number.
 */
export function thresholdSearch(): string {
  const sum = `
    ${set("x", `(i32.load ${add(get("sums"), mul(get("i"), int(4)))})`)}
    ${set("sign", `(i32.load ${add(get("signs"), mul(get("c"), int(4)))})`)}
    ${set("x", `(i32.sub (i32.xor ${get("x")} ${get("sign")}) ${get("sign")})`)}
    ${set("low", int(0))}${set("high", get("levels"))}
    (block $found (loop $halve
      (br_if $found (i32.ge_u ${get("low")} ${get("high")}))
      ${set("middle", `(i32.shr_u ${add(get("low"), get("high"))} ${int(1)})`)}
      (if (i32.ge_s ${get("x")} (i32.load ${add(get("thresholds"), mul(add(mul(get("c"), get("levels")), get("middle")), int(4)))}))
        (then ${set("low", add(get("middle"), int(1)))})
        (else ${set("high", get("middle"))}))
      (br $halve)))
    (i32.store8 ${add(get("out"), get("i"))} ${get("low")})
    ${set("i", add(get("i"), int(1)))}`;
  return kernel(
    ["sums", "out", "channels", "levels", "thresholds", "signs"],
    locals("i32", "m", "c", "i", "x", "sign", "low", "high", "middle"),
    `${set("i", mul(get("begin"), get("channels")))}${loop("m", get("begin"), get("end"), loop("c", int(0), get("channels"), sum))}`,
  );
}
