// The crossbar by tables of subset counts: ones of 64 columns × 8 rows in one cache line, where many positions share the cost of the tables.

import { add, get, int, kernel, locals, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";
import { type AdcForm, code, type LookupOptions, PASS, PLAN, SLICE } from "./crossbar_lookup.ts";

/** Rows of a group: one byte of a bit plane, 256 subsets. */
export const GROUP_ROWS = 8;
/** Groups counted per turn of the main loop; the rest go two by two. */
const TURN = 8;

/** What is fixed when the kernel's text is made; see {@linkcode LookupOptions} for what both kernels have. */
export interface SubsetOptions extends Pick<LookupOptions, "vectors" | "bits" | "shift"> {
  /** "span" is "clip" in bytes, min(max(t − low, 0), high), where factor · count fits a byte: tables then hold the factor. */
  readonly adc: AdcForm | "span";
  /** Slices counted side by side. */
  readonly abreast: number;
  /** Whether the weighted codes of all bits and of all slices abreast add up within i16. */
  readonly narrow: boolean;
  /** Bits of the input codes, 1 … 8. */
  readonly inputBits: number;
}

/** Bytes of the tables of `rows` rows, a multiple of {@linkcode GROUP_ROWS}. */
export function subsetBytes(rows: number, vectors: number): number {
  return rows / GROUP_ROWS * 256 * 16 * vectors;
}

/** Bytes of the counts of a tile and position. */
export function countBytes(inputBits: number): number {
  return inputBits <= 4 ? 8 : 16;
}

/**
 * Packs rows into planes of eight rows to a byte, and counts the ones of every tile and bit. Range: positions of a block.
 *
 * Layout of the planes: [tile][position][bit][byte]; of the counts, u16: [tile][position][bit], room for eight bits or, where fewer do, four.
 * Parameters: `rows`, `pitch`, `planes`, `counts`, `tiles` (i32 bytes of each tile, multiples of 16), `tileCount`, `count` (positions of the block).
 */
export function subsetPlanes(inputBits: number): string {
  const all = (body: (bit: number) => string) => repeat(inputBits, body);
  const one = (bit: number) => `
    ${set("mask", `(i8x16.bitmask (i16x8.shl ${get("x")} ${int(7 - bit)}))`)}
    (i32.store16 ${add(get("to"), mul(get("bytes"), int(bit)))} ${get("mask")})
    ${set(`ones${bit}`, add(get(`ones${bit}`), `(i32.popcnt ${get("mask")})`))}`;
  const store = (bit: number) => `(i32.store16 offset=${2 * bit} ${get("at")} ${get(`ones${bit}`)})`;
  const oneTile = `
    ${set("bytes", `(i32.shr_u (i32.load ${get("tile")}) ${int(3)})`)}${all((bit) => set(`ones${bit}`, int(0)))}
    ${set("to", add(get("plane"), mul(mul(get("m"), get("bytes")), int(inputBits))))}
    ${set("last", add(get("row"), `(i32.load ${get("tile")})`))}
    ${loop("row", get("row"), get("last"), `${set("x", `(v128.load ${get("row")})`)}${all(one)}${set("to", add(get("to"), int(2)))}`, 16)}
    ${all(store)}
    ${set("at", add(get("at"), mul(get("count"), int(countBytes(inputBits)))))}${
    set("plane", add(get("plane"), mul(mul(get("bytes"), get("count")), int(inputBits))))
  }`;
  return kernel(
    ["rows", "pitch", "planes", "counts", "tiles", "tileCount", "count"],
    locals(
      "i32",
      "m",
      "tile",
      "row",
      "last",
      "plane",
      "to",
      "at",
      "bytes",
      "mask",
      ...Array.from({ length: inputBits }, (_, b) => `ones${b}`),
    ) +
      locals("v128", "x"),
    loop(
      "m",
      get("begin"),
      get("end"),
      `${set("row", add(get("rows"), mul(get("m"), get("pitch"))))}${set("plane", get("planes"))}
      ${set("at", add(get("counts"), mul(get("m"), int(countBytes(inputBits)))))}
      ${loop("tile", get("tiles"), add(get("tiles"), mul(get("tileCount"), int(4))), oneTile, 4)}`,
    ),
  );
}

/**
 * Partial sums, conversion and accumulation for cells of one plane, one-bit digits and at most 255 rows per tile. Range: positions of a block, many at
 * a time: each range makes the tables of every tile once.
 *
 * For each eight rows, entry a of a table holds Σ of the rows in a for all columns of the slices abreast, so a load and an add make 128 binary MACs.
 * Weights, plan, slices and passes as in `crossbarLookup`, planes and counts as from {@linkcode subsetPlanes}. Conversion is that of the look-up kernel;
 * codes of the bits join by Horner's rule in i16, most significant first.
 * Parameters: `planes`, `count` (positions of the block), `counts`, `blockBytes`, `out`, `outPitch`, `plan`, `tiles` (i32 bytes of each), `slices`,
 * `passes`, and per thread `work` and `workBytes`: sums of a range, `sumBytes` of it, and tables of the tallest tile. Sums are added to `out`, i32.
 */
export function crossbarSubset(options: SubsetOptions): string {
  const { vectors, bits, abreast } = options, across = vectors / abreast, entry = vectors * 16;
  const plan = (word: number) => `(i32.load offset=${word * 4} ${get("plan")})`;
  const slice = (word: number) => `(i32.load offset=${word * 4} ${get("slice")})`;
  const splat = (value: string) => `(i16x8.splat ${value})`;
  const halves = ["low", "high"] as const;
  const oneTile = `
    ${set("bytes", `(i32.shr_u (i32.load ${get("tile")}) ${int(3)})`)}${set("stride", mul(get("bytes"), mul(int(bits), plan(PLAN.passes))))}
    ${set("t", get("table"))}${set("o", get("sums"))}
    ${set("last", add(get("w"), mul(get("bytes"), int(2 * entry))))}
    ${loop("w", get("w"), get("last"), `${build(options)}${set("t", add(get("t"), int(256 * entry)))}`, 2 * entry)}
    ${
    loop(
      "m",
      get("begin"),
      get("end"),
      `${set("position", add(get("plane"), mul(get("m"), get("stride"))))}
      ${set("count0", add(get("ones"), mul(get("m"), int(countBytes(options.inputBits)))))}
      ${repeat(vectors, (q) => halves.map((half) => set(`acc${q}${half}`, ZERO)).join(""))}
      ${set("pass", get("passEnd"))}
      (loop $pass
        ${set("pass", `(i32.sub ${get("pass")} ${int(PASS.words * 4)})`)}
        ${set("a", add(get("position"), mul(get("bytes"), `(i32.load offset=${PASS.bit * 4} ${get("pass")})`)))}
        ${set("x", add(get("count0"), `(i32.shl (i32.load offset=${PASS.bit * 4} ${get("pass")}) ${int(1)})`))}
        ${countOnes(options)}
        ${
        repeat(bits, (d) =>
          set(`x${d}`, splat(add(mul(slice(SLICE.sum), `(i32.load16_u offset=${2 * d} ${get("x")})`), slice(SLICE.offset)))))
      }
        ${options.adc === "span" ? repeat(bits, floor) : ""}
        ${convert(options)}
        (br_if $pass (i32.gt_u ${get("pass")} ${get("passes")})))
      ${store(options)}${set("o", add(get("o"), int(across * 64)))}`,
    )
  }
    ${set("plane", add(get("plane"), mul(get("stride"), get("count"))))}${
    set("ones", add(get("ones"), mul(get("count"), int(countBytes(options.inputBits)))))
  }`;
  const oneSlice = `
    ${set("w", add(slice(SLICE.weights), mul(get("block"), get("blockBytes"))))}${set("factor", splat(slice(SLICE.factor)))}
    ${repeat(abreast, (s) => set(`weight${s}`, `(${options.narrow ? "i16x8" : "i32x4"}.splat ${slice(SLICE.weight + s)})`))}
    ${set("plane", get("planes"))}${set("ones", get("counts"))}
    ${loop("tile", get("tiles"), get("tileEnd"), oneTile, 4)}`;
  return kernel(
    ["planes", "count", "counts", "blockBytes", "out", "outPitch", "plan", "tiles", "slices", "passes", "work", "workBytes", "sumBytes"],
    locals(
      "i32",
      "block",
      "slice",
      "tile",
      "pass",
      "m",
      "w",
      "t",
      "u",
      "a",
      "x",
      "o",
      "last",
      "bytes",
      "stride",
      "plane",
      "position",
      "ones",
    ) +
      locals("i32", "count0", "sums", "table", "blocks", "tileEnd", "sliceEnd", "passEnd", "end8", "codes") +
      locals(
        "v128",
        ...["look", "factor", "multiplier", "low", "high"],
        ...Array.from({ length: abreast }, (_, s) => `weight${s}`),
        ...Array.from({ length: bits }, (_, d) => [`x${d}`, `less${d}`]).flat(),
        ...Array.from({ length: vectors }, (_, q) => [`acc${q}low`, `acc${q}high`]).flat(),
        ...Array.from({ length: bits * vectors }, (_, i) => [`c${i}`, `v${i}low`, `v${i}high`]).flat(),
      ),
    `${set("blocks", plan(PLAN.blocks))}${set("codes", plan(PLAN.table))}
    ${set("sums", add(get("work"), mul(get("thread"), get("workBytes"))))}${set("table", add(get("sums"), get("sumBytes")))}
    ${set("tileEnd", add(get("tiles"), mul(plan(PLAN.tiles), int(4))))}
    ${set("passEnd", add(get("passes"), mul(plan(PLAN.passes), int(PASS.words * 4))))}
    ${set("sliceEnd", add(get("slices"), mul(plan(PLAN.slices), int(SLICE.words * 4))))}
    ${set("multiplier", splat(plan(PLAN.multiplier)))}${set("low", splat(plan(PLAN.low)))}
    ${set("high", options.adc === "clip8" || options.adc === "span" ? `(i8x16.splat ${plan(PLAN.high)})` : splat(plan(PLAN.high)))}
    ${
      loop(
        "block",
        int(0),
        get("blocks"),
        `(memory.fill ${get("sums")} ${int(0)} ${mul(`(i32.sub ${get("end")} ${get("begin")})`, int(across * 64))})
        ${loop("slice", get("slices"), get("sliceEnd"), oneSlice, SLICE.words * 4)}
        ${set("o", get("sums"))}${loop("m", get("begin"), get("end"), `${deliver(across)}${set("o", add(get("o"), int(across * 64)))}`)}`,
      )
    }`,
  );
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

/** The 256 entries of eight rows: each row doubles what is there. */
function build({ vectors, adc }: SubsetOptions): string {
  const all = (body: (vector: number) => string) => repeat(vectors, body), entry = vectors * 16;
  const row = (r: number) => (q: number) => {
    const nibbles = `(v128.load offset=${((r >> 2) * vectors + q) * 16} ${get("w")})`;
    const bit = (r & 3) === 0 ? nibbles : `(i8x16.shr_u ${nibbles} ${int(r & 3)})`;
    const one = `(v128.and ${bit} (v128.const i32x4 0x01010101 0x01010101 0x01010101 0x01010101))`;
    return set(`c${q}`, adc === "span" ? `(i16x8.mul ${one} ${get("factor")})` : one);
  };
  const sum = (r: number) => (q: number) =>
    `(v128.store offset=${(entry << r) + q * 16} ${get("u")} (i8x16.add (v128.load offset=${q * 16} ${get("u")}) ${get(`c${q}`)}))`;
  return all((q) => `(v128.store offset=${q * 16} ${get("t")} ${ZERO})`) +
    repeat(GROUP_ROWS, (r) => all(row(r)) + loop("u", get("t"), add(get("t"), int(entry << r)), all(sum(r)), entry));
}

/** c = counts of the ones, `vectors` of columns for each of `bits` bits. */
function countOnes({ vectors, bits }: SubsetOptions): string {
  const entry = vectors * 16,
    shift = Math.log2(entry),
    scaled = (byte: string) => Number.isInteger(shift) ? `(i32.shl ${byte} ${int(shift)})` : mul(byte, int(entry));
  const groups = (count: number) =>
    repeat(bits, (b) => {
      const from = b === 0 ? get("a") : add(get("a"), get("bytes"));
      return repeat(count, (g) =>
        set("u", add(get("t"), scaled(`(i32.load8_u offset=${g} ${from})`))) + repeat(vectors, (q) => {
          const c = `c${b * vectors + q}`;
          return set(c, `(i8x16.add ${get(c)} (v128.load offset=${g * 256 * entry + q * 16} ${get("u")}))`);
        }));
    });
  const turn = (count: number) =>
    `${groups(count)}${set("a", add(get("a"), int(count)))}${set("t", add(get("t"), int(count * 256 * entry)))}`;
  return `${repeat(bits * vectors, (i) => set(`c${i}`, ZERO))}${set("t", get("table"))}
    ${set("end8", add(get("a"), `(i32.and ${get("bytes")} ${int(-TURN)})`))}${set("last", add(get("a"), get("bytes")))}
    (block $short (loop $long (br_if $short (i32.ge_u ${get("a")} ${get("end8")}))${turn(TURN)}(br $long)))
    (block $done (loop $two (br_if $done (i32.ge_u ${get("a")} ${get("last")}))${turn(2)}(br $two)))`;
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

/** Counts to codes: acc = 2^bits · acc + Σ_d 2^d code_d. */
function convert({ vectors, bits, adc, shift = 1 }: SubsetOptions): string {
  const halves = ["low", "high"] as const;
  const grow = (acc: string, more: string) => set(acc, `(i16x8.add (i16x8.shl ${get(acc)} ${int(bits)}) ${more})`);
  return repeat(vectors, (q) => {
    if (adc === "clip8" || adc === "span") {
      const above = (d: number) => {
        const c = get(`c${d * vectors + q}`);
        return adc === "clip8" ? c : `(i8x16.add_sat_u (i8x16.sub_sat_u ${c} ${get(`less${d}`)}) ${get(`x${d}`)})`;
      };
      const least = (d: number) => `(i8x16.min_u ${above(d)} ${get("high")})`;
      const sum = bits === 1 ? least(0) : `(i8x16.add ${least(0)} (i8x16.add ${get("look")} ${get("look")}))`;
      return (bits === 1 ? "" : set("look", least(1))) + set("look", sum) +
        halves.map((half) => grow(`acc${q}${half}`, `(i16x8.extend_${half}_i8x16_u ${get("look")})`)).join("");
    }
    return halves.map((half) => {
      const y = (d: number) => d === 0 ? get(`v${q}${half}`) : `(i16x8.shl ${get(`v${d * vectors + q}${half}`)} ${int(d)})`;
      return repeat(bits, (d) => {
        const t = `v${d * vectors + q}${half}`, wide = `(i16x8.extend_${half}_i8x16_u ${get(`c${d * vectors + q}`)})`;
        return set(t, `(i16x8.add (i16x8.mul ${wide} ${get("factor")}) ${get(`x${d}`)})`) + code(adc, t, shift, "codes");
      }) + grow(`acc${q}${half}`, bits === 1 ? y(0) : `(i16x8.add ${y(0)} ${y(1)})`);
    }).join("");
  });
}

/** Adds the weighted codes of the slices abreast to the sums. */
function store({ vectors, abreast, narrow }: SubsetOptions): string {
  const across = vectors / abreast, slices = Array.from({ length: abreast }, (_, s) => s);
  return repeat(across, (column) =>
    (["low", "high"] as const).map((half, index) => {
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
