// Crossbars of real conductances in fixed point: the subset sums of every four rows once per block of positions, then one load and one add per 16 products.

import { add, get, int, loop, mul, repeat, set, ZERO } from "../../lib/cpu/wat.ts";
import { type AnalogConversion, conversion, MIX } from "./analog_convert.ts";
import { ANALOG, ANALOG_PASS, LINE, routine } from "./analog_plan.ts";

/** What is fixed when the kernel's text is made. */
export interface AnalogOptions extends AnalogConversion {
  /** Vectors of 4 columns of a block, an even number up to 8, or 16 for narrow cells. */
  readonly vectors: number;
  /** Whether all sums of {@linkcode TABLE_ROWS} rows fit i16: cells are i16, and an add makes 32 products instead of 16. */
  readonly narrow: boolean;
  /** Whether digits have several bits, whose squares need products of planes. */
  readonly squares: boolean;
}

/** Most rows whose tables are held at once: those of more would leave the cache, and u16 sums of u8 variances would overflow at 257. */
export const TABLE_ROWS = 128;

/** Bytes of the tables of a block of columns. */
export function tableBytes(vectors: number, narrow: boolean): number {
  return TABLE_ROWS / 4 * 16 * vectors * (narrow ? 8 : 16);
}

/**
 * Sums, noise, conversion and accumulation. Range: blocks of columns × pieces of `chunk` positions, the blocks of a piece side by side.
 *
 * Cells: i32 or i16 [block of 4·vectors columns][line][row][column]; variances u8 alike; offsets i32 [block][line][tile][column]. For each tile and line of a
 * piece, the subset sums of each four rows are tabulated, and a plane byte of bit_planes.ts (nibble × 16) is the entry's place. Digits of
 * several bits add up planes times 2^bit; their squares, which variances need, planes times 4^bit and pairs of planes joined by AND. Codes join the
 * outputs as Horner's rule goes, the most significant digit first.
 *
 * Parameters: `planes`, `pitch` (bytes of a position's planes), `start` (first position of the range in the batch), `total` (positions), `out`,
 * `outPitch`, `cells`, `variances`, `offsets`, `thresholds` (of this group), `channel` (the group's first), `image` (number of the batch's first image
 * in the data set), `scratch`, `plan`.
 */
export function analogCrossbar(options: AnalogOptions): string {
  const { vectors, noise, narrow } = options, bytes = vectors * 16, cellBytes = narrow ? bytes / 2 : bytes;
  const plan = (word: keyof typeof ANALOG) => `(i32.load offset=${ANALOG[word] * 4} ${get("plan")})`;
  const index = (...factors: string[]) => factors.slice(1).reduce(mul, factors[0]!);
  const lineOf = add(mul(get("block"), plan("lines")), get("line"));
  const squares = `
    (call $varianceTables ${get("variance")} ${mul(get("part"), int(4))} ${get("table")})
    (call $varianceSums ${get("plane")} ${get("pitch")} ${get("count")} ${get("squareSums")} ${index(plan("digits"), int(bytes))}
      ${plan("squares")} ${plan("squareEnd")} ${get("zeros")} ${get("fresh")} ${get("table")} ${get("part")})
    ${set("variance", add(get("variance"), index(get("part"), int(16 * vectors * 4))))}`;
  const onePart = `
    ${set("part", `(select ${get("left")} ${int(TABLE_ROWS / 16)} (i32.lt_u ${get("left")} ${int(TABLE_ROWS / 16)}))`)}
    (call $cellTables ${get("cell")} ${mul(get("part"), int(4))} ${get("table")})
    (call $cellSums ${get("plane")} ${get("pitch")} ${get("count")} ${get("lineSums")} ${index(plan("digits"), int(bytes))}
      ${plan("passes")} ${plan("passEnd")} ${get("offset")} ${get("fresh")} ${get("table")} ${get("part")})
    ${noise === "levels" ? squares : ""}
    ${set("cell", add(get("cell"), index(get("part"), int(16 * cellBytes))))}${set("plane", add(get("plane"), mul(get("part"), int(16))))}
    ${set("left", `(i32.sub ${get("left")} ${get("part")})`)}${set("fresh", int(0))}
    (br_if $parts ${get("left")})`;
  const outBytes = options.converter === "none" ? 2 * bytes : bytes;
  const oneTile = `
    ${set("left", `(i32.shr_u (i32.load ${get("tile")}) ${int(4)})`)}${set("fresh", int(-1))}
    (loop $parts ${onePart})
    (call $convert ${get("lineSums")} ${get("squareSums")} ${get("count")} ${
    add(get("out"), mul(get("first"), get("outPitch")), mul(get("block"), int(outBytes)))
  } ${get("outPitch")} ${get("record")} ${get("counter")} ${get("bases")} ${get("states")} ${
    add(plan("steps"), mul(get("channel"), int(4)), mul(get("block"), int(bytes)))
  } ${add(get("thresholds"), mul(options.perColumn ? lineOf : get("line"), plan("thresholdBytes")))} ${get("plan")})
    ${set("offset", add(get("offset"), int(bytes)))}${set("counter", add(get("counter"), mul(plan("digits"), int(4))))}`;
  const oneLine = `
    ${set("cell", add(get("cells"), index(lineOf, plan("rows"), int(cellBytes))))}
    ${set("variance", add(get("variances"), index(lineOf, plan("rows"), int(vectors * 4))))}
    ${set("offset", add(get("offsets"), index(lineOf, plan("tiles"), int(bytes))))}
    ${set("counter", add(plan("counters"), index(get("line"), plan("tiles"), plan("digits"), int(4))))}
    ${set("record", add(plan("records"), mul(get("line"), int(LINE.words * 4))))}
    ${set("plane", add(get("planes"), mul(get("first"), get("pitch"))))}
    ${loop("tile", plan("tileBytes"), add(plan("tileBytes"), mul(plan("tiles"), int(4))), oneTile, 4)}`;
  const state = `
    ${set("at", add(get("start"), get("first"), get("m")))}
    (i32.store ${add(get("states"), mul(get("m"), int(4)))} (call $next
      (call $next ${plan("key")} ${add(get("image"), `(i32.div_u ${get("at")} ${plan("positions")})`)})
      (i32.rem_u ${get("at")} ${plan("positions")})))`;
  const item = `
    ${set("block", `(i32.rem_u ${get("item")} ${plan("blocks")})`)}
    ${set("first", mul(`(i32.div_u ${get("item")} ${plan("blocks")})`, plan("chunk")))}
    ${set("count", `(i32.sub ${get("total")} ${get("first")})`)}
    ${set("count", `(select ${get("count")} ${plan("chunk")} (i32.lt_u ${get("count")} ${plan("chunk")}))`)}
    ${noise === "none" ? "" : loop("m", int(0), get("count"), state)}
    ${loop("line", int(0), plan("lines"), oneLine)}`;
  const parameters = [
    "planes",
    "pitch",
    "start",
    "total",
    "out",
    "outPitch",
    "cells",
    "variances",
    "offsets",
    "thresholds",
    "channel",
    "image",
  ];
  const run = routine("run", ["begin", "end", "thread", ...parameters, "scratch", "plan"], {
    integers: [
      ...["item", "block", "first", "count", "line", "tile", "left", "part", "fresh", "m", "at"],
      ...["table", "lineSums", "squareSums", "states", "bases", "zeros", "cell", "variance", "offset", "counter", "record", "plane"],
    ],
    body: `
    ${set("table", add(get("scratch"), mul(get("thread"), plan("scratch"))))}
    ${set("lineSums", add(get("table"), plan("sums")))}${set("squareSums", add(get("table"), plan("variances")))}
    ${set("states", add(get("table"), plan("states")))}${set("bases", add(get("table"), plan("bases")))}
    ${set("zeros", plan("zeros"))}
    ${loop("item", get("begin"), get("end"), item)}`,
  }).replace("(func $run", `(func $run (export "run")`);
  const cells = narrow ? NARROW : WIDE;
  return `(module (import "env" "memory" (memory 1 65536 shared))
    ${tables(vectors, cells)}${product(vectors, cells, false)}
    ${noise === "levels" ? tables(vectors, VARIANCE) + product(vectors, VARIANCE, options.squares) : ""}
    ${MIX}${conversion(options)}${run})`;
}

/** What is added up: cells or variances. */
interface Terms {
  readonly name: "cell" | "variance";
  /** Lanes of the sums of up to {@linkcode TABLE_ROWS} rows. */
  readonly lanes: "i32x4" | "i16x8";
  /** Loads a vector of terms, `bytes` each. */
  readonly load: string;
  readonly bytes: number;
  /** How a sum becomes i32, where it is not. */
  readonly sign: "s" | "u";
}

const WIDE: Terms = { name: "cell", lanes: "i32x4", load: "v128.load", bytes: 4, sign: "s" };
const NARROW: Terms = { name: "cell", lanes: "i16x8", load: "v128.load", bytes: 2, sign: "s" };
const VARIANCE: Terms = { name: "variance", lanes: "i16x8", load: "v128.load8x8_u", bytes: 1, sign: "u" };

const SUBSETS = [3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15];

/** Subset sums of each four of 4 · `groups` rows, [group][subset][column], to `at`. */
function tables(vectors: number, { name, lanes, load, bytes }: Terms): string {
  const row = 4 * vectors * bytes, entry = 4 * vectors * (lanes === "i32x4" ? 4 : 2), columns = lanes === "i32x4" ? 4 : 8;
  const joined = SUBSETS.map((subset) => {
    const least = subset & -subset;
    return set(`x${subset}`, `(${lanes}.add ${get(`x${least}`)} ${get(`x${subset ^ least}`)})`);
  });
  const vector = `
    ${set("from", add(get("cells"), mul(get("q"), int(columns * bytes))))}${set("to", add(get("at"), mul(get("q"), int(16))))}
    ${repeat(4, (r) => set(`x${1 << r}`, `(${load} offset=${r * row} ${get("from")})`))}${joined.join("")}
    (v128.store ${get("to")} ${ZERO})${repeat(15, (i) => `(v128.store offset=${(i + 1) * entry} ${get("to")} ${get(`x${i + 1}`)})`)}`;
  const group = loop("q", int(0), int(entry / 16), vector) + set("cells", add(get("cells"), int(4 * row)));
  return routine(`${name}Tables`, ["cells", "groups", "at"], {
    integers: ["from", "to", "q", "end"],
    vectors: Array.from({ length: 16 }, (_, i) => `x${i}`),
    body: set("end", add(get("at"), mul(get("groups"), int(16 * entry)))) + loop("at", get("at"), get("end"), group, 16 * entry),
  });
}

/**
 * Sums of `turns` × 16 rows for every position and pass, added to what is there or, in the first part of a tile, to `from`. With `squares` the planes of
 * two bits are joined.
 */
function product(vectors: number, { name, lanes, sign }: Terms, squares: boolean): string {
  const registers = lanes === "i32x4" ? vectors : vectors / 2, entry = registers * 16;
  const pass = (word: number) => `(i32.load offset=${word * 4} ${get("pass")})`;
  const nibble = (u: number) => {
    const first = `(i32.load8_u offset=${u * 4} ${get("a")})`;
    return squares ? `(i32.and ${first} (i32.load8_u offset=${u * 4} ${get("b")}))` : first;
  };
  const shift = Math.log2(registers);
  const scaled = (value: string) => Number.isInteger(shift) ? `(i32.shl ${value} ${int(shift)})` : mul(value, int(registers));
  const turn = repeat(4, (u) =>
    set("i", add(get("w"), scaled(nibble(u)))) +
    repeat(registers, (q) => set(`c${q}`, `(${lanes}.add ${get(`c${q}`)} (v128.load offset=${u * 16 * entry + q * 16} ${get("i")}))`)));
  const steps = set("a", add(get("a"), int(16))) + (squares ? set("b", add(get("b"), int(16))) : "") +
    set("w", add(get("w"), int(64 * entry)));
  const store = (q: number, value: string) =>
    `(v128.store offset=${q * 16} ${get("to")} (i32x4.add (v128.load offset=${q * 16} ${get("i")}) (i32x4.shl ${value} ${get("shift")})))`;
  const wide = (q: number) =>
    ["low", "high"].map((half, side) => store(2 * q + side, `(i32x4.extend_${half}_i16x8_${sign} ${get(`c${q}`)})`)).join("");
  const onePass = `
    ${set("a", add(get("planes"), pass(ANALOG_PASS.plane)))}${squares ? set("b", add(get("planes"), pass(ANALOG_PASS.other))) : ""}
    ${set("w", get("table"))}${repeat(registers, (q) => set(`c${q}`, ZERO))}
    ${loop("turn", int(0), get("turns"), turn + steps)}
    ${set("to", add(get("sums"), pass(ANALOG_PASS.target)))}${set("shift", pass(ANALOG_PASS.shift))}
    ${set("i", `(select ${get("from")} ${get("to")} (i32.and ${get("fresh")} ${pass(ANALOG_PASS.first)}))`)}
    ${repeat(registers, (q) => lanes === "i32x4" ? store(q, get(`c${q}`)) : wide(q))}`;
  const parameters = ["planes", "pitch", "count", "sums", "sumBytes", "passes", "passEnd", "from", "fresh", "table", "turns"];
  return routine(`${name}Sums`, parameters, {
    integers: ["m", "pass", "turn", "a", "b", "w", "i", "to", "shift"],
    vectors: Array.from({ length: registers }, (_, q) => `c${q}`),
    body: loop(
      "m",
      int(0),
      get("count"),
      `${loop("pass", get("passes"), get("passEnd"), onePass, ANALOG_PASS.words * 4)}
      ${set("planes", add(get("planes"), get("pitch")))}${set("sums", add(get("sums"), get("sumBytes")))}`,
    ),
  });
}
