// The crossbar by tables of subset counts: ones of 64 columns × 8 rows in one cache line, where many positions share the cost of the tables.

import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../../lib/cpu/wat.ts";
import { type AdcForm, code, type LookupOptions, SLICE } from "./crossbar_lookup.ts";
import { buildTables, type Entry, plan, slice, startSlice, sumRows, TABLE_LOCALS, TABLE_REGISTERS, TILE, tile } from "./subset_tables.ts";

/** What is fixed when the kernel's text is made; see {@linkcode LookupOptions} for what both kernels have. */
export interface SubsetOptions extends Pick<LookupOptions, "vectors" | "bits" | "shift"> {
  /**
   * Besides those of the look-up three in bytes: "span" is "clip" as min(max(t − low, 0), high), where distances · count fit a byte; "signed" is
   * clamp(t, low, high) of sums that fit a signed byte, with room for three times a code; "bytes" is a table of up to 256 codes from the one of sum `low`
   * on, with the same room.
   */
  readonly adc: AdcForm | "span" | "signed" | "bytes";
  /** What entries of the tables sum: "ones" unless "span" wants "distances", "signed" and "bytes" want "cells"; the i16 forms take either of the ends. */
  readonly entry: Entry;
  /** Vectors of codes of "bytes", 1 … 16. Default 1. */
  readonly chunks?: number;
  /** Slices counted side by side. */
  readonly abreast: number;
  /** Whether the weighted codes of all bits and of all slices abreast add up within i16. */
  readonly narrow: boolean;
  /** Bits of the input codes, 1 … 8. */
  readonly inputBits: number;
}

const HALVES = ["low", "high"] as const;

/**
 * Partial sums, conversion and accumulation for cells of one plane, one-bit digits and at most 255 rows per tile. Range: positions of a block, many at
 * a time: each range makes the tables of every tile once.
 *
 * For each eight rows, entry a of a table holds Σ of the rows in a for all columns of the slices abreast, so a load and an add make 128 binary MACs.
 * Weights, plan and slices as in `crossbarLookup`, planes and counts as subset_planes.ts makes them; sums of cells and "clip8" need no counts. Conversion
 * is that of the look-up kernel, where cells are summed with t = scale · d + offset; codes of the bits join by Horner's rule in i16, most significant first.
 * Parameters: `planes`, `planePitch`, `counts`, `countPitch`, `blockBytes`, `out`, `outPitch`, `plan`, `tiles` and `tileEnd` (records, see `TILE`),
 * `slices`, and per thread `work` and `workBytes`: sums of a range, `sumBytes` of it, and tables of the tallest tile. Sums are added to `out`, i32.
 */
export function crossbarSubset(options: SubsetOptions): string {
  const { vectors, bits, abreast, inputBits, adc, entry } = options, across = vectors / abreast, passes = inputBits / bits;
  const bytes = inBytes(adc), counted = adc !== "clip8" && entry !== "cells";
  const splat = (value: string) => `(i16x8.splat ${value})`;
  const pass = (index: number) => {
    const first = inputBits - bits * (index + 1), sources = Array.from({ length: bits }, (_, d) => ({ at: "a", offset: first + d }));
    return `${set("a", get("position"))}${sumRows(vectors, inputBits, sources)}
      ${
      counted
        ? repeat(bits, (d) =>
          set(`x${d}`, splat(add(mul(slice(SLICE.sum), `(i32.load16_u offset=${2 * (first + d)} ${get("count")})`), slice(SLICE.offset)))))
        : ""
    }
      ${adc === "span" ? repeat(bits, floor) : ""}${convert(options, index)}`;
  };
  const oneTile = `
    ${buildTables(vectors, entry)}
    ${set("o", get("sums"))}
    ${
    loop(
      "m",
      get("begin"),
      get("end"),
      `${set("position", add(get("planes"), mul(get("m"), get("planePitch")), tile("planes")))}
      ${counted ? set("count", add(get("counts"), mul(get("m"), get("countPitch")), tile("counts"))) : ""}
      ${repeat(passes, pass)}
      ${
        bytes && passes === 1 ? repeat(vectors, (q) => HALVES.map((half) => set(`acc${q}${half}`, widen(adc, half, `h${q}`))).join("")) : ""
      }
      ${store(options)}${set("o", add(get("o"), get("sumPitch")))}`,
    )
  }`;
  const oneSlice = `${startSlice()}${entry === "cells" ? "" : set("factor", splat(slice(SLICE.factor)))}
    ${repeat(abreast, (s) => set(`weight${s}`, `(${options.narrow ? "i16x8" : "i32x4"}.splat ${slice(SLICE.weight + s)})`))}
    ${loop("tile", get("tiles"), get("tileEnd"), oneTile, TILE.words * 4)}`;
  // One block of columns is added where it belongs; several go through a buffer without gaps.
  const several = (body: string) => `(if (i32.gt_u ${get("blocks")} ${int(1)}) (then ${body}))`;
  const oneBlock = `
    ${several(`(memory.fill ${get("sums")} ${int(0)} ${mul(`(i32.sub ${get("end")} ${get("begin")})`, int(across * 64))})`)}
    ${loop("slice", get("slices"), get("sliceEnd"), oneSlice, SLICE.words * 4)}
    ${
    several(`${set("o", get("sums"))}
      ${loop("m", get("begin"), get("end"), `${deliver(across)}${set("o", add(get("o"), int(across * 64)))}`)}`)
  }`;
  const scalars = [
    "block",
    "slice",
    "tile",
    "m",
    "a",
    "o",
    "position",
    "count",
    "sums",
    "sumPitch",
    "table",
    "blocks",
    "sliceEnd",
    "codes",
  ];
  return kernel(
    ["planes", "planePitch", "counts", "countPitch", "blockBytes", "out", "outPitch", "plan", "tiles", "tileEnd", "slices"].concat(
      ["work", "workBytes", "sumBytes"],
    ),
    locals("i32", ...scalars, ...TABLE_LOCALS) +
      locals(
        "v128",
        ...TABLE_REGISTERS,
        ...["look", "index", "multiplier", "low", "high", "factor", "offset", "sixteen"],
        ...Array.from({ length: abreast }, (_, s) => `weight${s}`),
        ...Array.from({ length: bits }, (_, d) => [`x${d}`, `less${d}`]).flat(),
        ...Array.from({ length: vectors }, (_, q) => [`h${q}`, `acc${q}low`, `acc${q}high`]).flat(),
        ...Array.from({ length: bits * vectors }, (_, i) => [`c${i}`, `v${i}low`, `v${i}high`]).flat(),
      ),
    `${set("blocks", plan("blocks"))}${set("codes", plan("table"))}
    ${set("sums", add(get("work"), mul(get("thread"), get("workBytes"))))}${set("table", add(get("sums"), get("sumBytes")))}
    ${set("sumPitch", int(across * 64))}
    ${set("sliceEnd", add(get("slices"), mul(plan("slices"), int(SLICE.words * 4))))}
    ${set("multiplier", splat(plan("multiplier")))}
    ${entry === "cells" ? set("factor", splat(plan("scale"))) + set("offset", splat(plan("offset"))) : ""}
    ${set("low", adc === "signed" || adc === "bytes" ? `(i8x16.splat ${plan("low")})` : splat(plan("low")))}
    ${adc === "bytes" ? set("sixteen", `(i8x16.splat ${int(16)})`) : ""}
    ${set("high", bytes ? `(i8x16.splat ${plan("high")})` : splat(plan("high")))}
    (if (i32.eq ${get("blocks")} ${int(1)}) (then
      ${set("sums", add(get("out"), mul(get("begin"), get("outPitch"))))}${set("sumPitch", get("outPitch"))}))
    ${loop("block", int(0), get("blocks"), oneBlock)}`,
  );
}

/** Forms whose codes are bytes. */
function inBytes(adc: SubsetOptions["adc"]): adc is "clip8" | "span" | "signed" | "bytes" {
  return adc === "clip8" || adc === "span" || adc === "signed" || adc === "bytes";
}

/** Adds a position's sums to the output. */
function deliver(across: number): string {
  return set("a", add(get("out"), mul(get("m"), get("outPitch")), mul(get("block"), int(across * 64)))) +
    repeat(
      4 * across,
      (q) =>
        `(v128.store offset=${16 * q} ${get("a")} (i32x4.add (v128.load offset=${16 * q} ${get("a")}) (v128.load offset=${16 * q} ${
          get("o")
        })))`,
    );
}

/** Half of a vector of codes as i16. */
function widen(adc: SubsetOptions["adc"], half: "low" | "high", name: string): string {
  return `(i16x8.extend_${half}_i8x16_${adc === "signed" ? "s" : "u"} ${get(name)})`;
}

/** Splits x, what is to be added to counts, into bytes to add and bytes to subtract. */
function floor(d: number): string {
  const more = `(i16x8.sub ${get(`x${d}`)} ${get("low")})`;
  return set("look", more) + set(`less${d}`, `(i16x8.neg ${get("look")})`) +
    [`x${d}`, `less${d}`].map((name, index) => {
      const value = index === 0 ? get("look") : get(name);
      return set(name, `(i8x16.narrow_i16x8_u ${value} ${value})`);
    }).join("");
}

/** Counts to codes: acc = 2^bits · acc + Σ_d 2^d code_d. Bytes of the first pass stay bytes, in h, until the second. */
function convert({ vectors, bits, adc, entry, chunks = 1, shift = 1 }: SubsetOptions, pass: number): string {
  const grow = (acc: string, more: string) => set(acc, `(i16x8.add (i16x8.shl ${get(acc)} ${int(bits)}) ${more})`);
  return repeat(vectors, (q) => {
    if (inBytes(adc)) {
      const clamped = (d: number) => {
        const c = get(`c${d * vectors + q}`);
        if (adc === "bytes") return get(`c${d * vectors + q}`);
        if (adc === "signed") return `(i8x16.min_s (i8x16.max_s ${c} ${get("low")}) ${get("high")})`;
        const above = adc === "clip8" ? c : `(i8x16.add_sat_u (i8x16.sub_sat_u ${c} ${get(`less${d}`)}) ${get(`x${d}`)})`;
        return `(i8x16.min_u ${above} ${get("high")})`;
      };
      const target = pass === 0 ? `h${q}` : "look";
      const tabled = adc === "bytes" ? repeat(bits, (d) => lookBytes(`c${d * vectors + q}`, chunks)) : "";
      const codes = tabled +
        (bits === 1
          ? set(target, clamped(0))
          : set("look", clamped(1)) + set(target, `(i8x16.add ${clamped(0)} (i8x16.add ${get("look")} ${get("look")}))`));
      if (pass === 0) return codes;
      return codes + HALVES.map((half) => {
        const acc = `acc${q}${half}`, first = pass === 1 ? set(acc, widen(adc, half, `h${q}`)) : "";
        return first + grow(acc, widen(adc, half, "look"));
      }).join("");
    }
    return HALVES.map((half) => {
      const y = (d: number) => d === 0 ? get(`v${q}${half}`) : `(i16x8.shl ${get(`v${d * vectors + q}${half}`)} ${int(d)})`;
      const sum = bits === 1 ? y(0) : `(i16x8.add ${y(0)} ${y(1)})`;
      return repeat(bits, (d) => {
        const t = `v${d * vectors + q}${half}`, sign = entry === "cells" ? "s" : "u";
        const wide = `(i16x8.extend_${half}_i8x16_${sign} ${get(`c${d * vectors + q}`)})`;
        return set(t, `(i16x8.add (i16x8.mul ${wide} ${get("factor")}) ${get(entry === "cells" ? "offset" : `x${d}`)})`) +
          code(adc, t, shift, "codes");
      }) + (pass === 0 ? set(`acc${q}${half}`, sum) : grow(`acc${q}${half}`, sum));
    }).join("");
  });
}

/** Replaces sums by their codes, bytes: every vector of the table gives the lanes that fall into it, and 0 elsewhere. */
function lookBytes(c: string, chunks: number): string {
  const part = (chunk: number) => `(i8x16.swizzle (v128.load offset=${16 * chunk} ${get("codes")}) ${get("index")})`;
  return set("index", `(i8x16.sub ${get(c)} ${get("low")})`) + set(c, part(0)) +
    repeat(
      chunks - 1,
      (chunk) => set("index", `(i8x16.sub ${get("index")} ${get("sixteen")})`) + set(c, `(v128.or ${get(c)} ${part(chunk + 1)})`),
    );
}

/** Adds the weighted codes of the slices abreast to the sums. */
function store({ vectors, abreast, narrow }: SubsetOptions): string {
  const across = vectors / abreast, slices = Array.from({ length: abreast }, (_, s) => s);
  return repeat(across, (column) =>
    HALVES.map((half, index) => {
      const acc = (s: number) => get(`acc${s * across + column}${half}`);
      const sum = slices.map((s) => `(i16x8.mul ${acc(s)} ${get(`weight${s}`)})`).reduce((total, term) => `(i16x8.add ${total} ${term})`);
      const wide = (part: string) =>
        narrow
          ? `(i32x4.extend_${part}_i16x8_s ${get("look")})`
          : slices.map((s) => `(i32x4.mul (i32x4.extend_${part}_i16x8_s ${acc(s)}) ${get(`weight${s}`)})`)
            .reduce((total, term) => `(i32x4.add ${total} ${term})`);
      return (narrow ? set("look", sum) : "") + ["low", "high"].map((part, side) => {
        const at = `offset=${column * 64 + index * 32 + side * 16} ${get("o")}`;
        return `(v128.store ${at} (i32x4.add (v128.load ${at}) ${wide(part)}))`;
      }).join("");
    }).join(""));
}
