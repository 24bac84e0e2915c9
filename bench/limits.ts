// What this machine can do at best from WebAssembly: loops over registers, without a single load, on all threads.

import { ThreadPool } from "../lib/cpu/pool.ts";
import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../lib/cpu/wat.ts";

/** A register loop. */
export type LimitName = "look-up" | "popcount" | "i8 product" | "f32 multiply-add";

/** One limit: what a call does, and how much. */
export interface Limit {
  readonly name: LimitName;
  /** 10⁹ units of one call: binary multiply-accumulates, 8-bit multiply-accumulates, or floating-point operations. */
  readonly giga: number;
  /** Runs the loop once, 10–50 ms. */
  readonly call: () => void;
}

const CHAINS = 12, ROUNDS = 1_000_000;

/** A loop: one step of an independent chain `a`, its constant `t`, and the units of a step. */
interface RegisterLoop {
  readonly units: number;
  readonly constant: string;
  readonly step: (chain: string) => string;
}

const BYTES = "i8x16 0 1 1 2 1 2 2 3 1 2 2 3 2 3 3 4";

const LOOPS: Readonly<Record<LimitName, RegisterLoop>> = {
  // A swizzle counts 4 rows × 16 columns; the add collects them.
  "look-up": { units: 64, constant: BYTES, step: (a) => `(i8x16.add ${a} (i8x16.relaxed_swizzle ${get("t")} ${a}))` },
  "popcount": { units: 128, constant: BYTES, step: (a) => `(i8x16.add ${a} (i8x16.popcnt (v128.and ${a} ${get("t")})))` },
  "i8 product": { units: 16, constant: BYTES, step: (a) => `(i16x8.add ${a} (i16x8.relaxed_dot_i8x16_i7x16_s ${a} ${get("t")}))` },
  "f32 multiply-add": {
    units: 8,
    constant: "f32x4 0.5 0.25 0.125 0.75",
    step: (a) => `(f32x4.relaxed_madd ${a} ${get("t")} ${get("t")})`,
  },
};

/** The kernel: twelve independent chains, stored at the end so that they are not optimised away. */
function registerLoop({ constant, step }: RegisterLoop): string {
  const chains = Array.from({ length: CHAINS }, (_, c) => `a${c}`);
  return kernel(
    ["to", "rounds"],
    locals("i32", "i") + locals("v128", "t", ...chains),
    `${set("t", `(v128.const ${constant})`)}
    ${repeat(CHAINS, (c) => set(`a${c}`, `(i8x16.splat ${add(get("begin"), int(c))})`))}
    ${loop("i", int(0), get("rounds"), repeat(CHAINS, (c) => set(`a${c}`, step(get(`a${c}`)))))}
    ${repeat(CHAINS, (c) => `(v128.store offset=${16 * c} ${add(get("to"), mul(get("begin"), int(16 * CHAINS)))} ${get(`a${c}`)})`)}`,
  );
}

/** All limits of a pool of threads. */
export async function limitsOf(pool: ThreadPool): Promise<Readonly<Record<LimitName, Limit>>> {
  const names = Object.keys(LOOPS) as LimitName[], to = pool.allocate(pool.threads * CHAINS * 16);
  const kernels = await pool.load(names.map((name) => registerLoop(LOOPS[name])));
  const entries = names.map((name, index): [LimitName, Limit] => [name, {
    name,
    giga: pool.threads * ROUNDS * CHAINS * LOOPS[name].units / 1e9,
    call: () => pool.run(kernels[index]!, pool.threads, 1, to, ROUNDS),
  }]);
  return Object.fromEntries(entries) as Record<LimitName, Limit>;
}
