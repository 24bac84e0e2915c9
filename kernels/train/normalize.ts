// Batch norm, ReLU and activation quantisation for training in four passes over the rows of a batch, each specialised to one shape.

import { add, get, int, kernel, locals, loop, mul, repeat, set } from "../../lib/cpu/wat.ts";
import { divisor } from "./convolution_shape.ts";

/** A stored image: rows, columns, channels (multiple of 4) without halo, and the halo's width on each side. */
export interface Plane {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly halo: number;
}

/**
 * What is fused into a normalisation: ReLU, and rounding to codes of a clipped ReLU. The last three differ in the backward pass: "quantized" passes gradients
 * straight through the rounding, "rounded" does so and gives α the rounding's share inside the range, "soft" takes a soft round's slope for both.
 */
export type Activation = "none" | "relu" | "quantized" | "rounded" | "soft";

const isQuantized = (activation: Activation) => activation !== "none" && activation !== "relu";

const splat = (name: string) => `(f32x4.splat (f32.load ${name}))`;

/**
 * `run(jobs…, x, sums, rowsPerJob, rows)`: sums[job] = [Σ x, Σ x²] per channel over the job's rows.
 */
export function normalizeSums(plane: Plane): string {
  return overRows(plane, [], ["x"], ["x"], ["s", "q"], {
    before: (v) => `${set(`s${v}`, at("sums", plane, 0, v))}${set(`q${v}`, at("sums", plane, 1, v))}`,
    pixel: (v) =>
      `${set("t", load("x", v))}${set(`s${v}`, `(f32x4.add ${get(`s${v}`)} ${get("t")})`)}
      ${set(`q${v}`, `(f32x4.relaxed_madd ${get("t")} ${get("t")} ${get(`q${v}`)})`)}`,
    after: (v) => `${storeAt("sums", plane, 0, v, `s${v}`)}${storeAt("sums", plane, 1, v, `q${v}`)}`,
    sums: 2,
  });
}

/**
 * `run(jobs…, x, y, table, sums, rowsPerJob, rows)`: y = f(x · scale + shift), table = [scale, shift, α, levels/α, α/levels]; beside α in its row
 * stand 1/levels, the soft round's gain and its sharpness.
 */
export function normalizeForward(from: Plane, to: Plane, activation: Activation): string {
  return overRows(from, [to], ["x", "y"], ["x", "y"], ["k", "m"], {
    before: (v) => `${set(`k${v}`, at("table", from, 0, v))}${set(`m${v}`, at("table", from, 1, v))}${v === 0 ? constants(from) : ""}`,
    pixel: (v) =>
      `${set("t", `(f32x4.add (f32x4.mul ${load("x", v)} ${get(`k${v}`)}) ${get(`m${v}`)})`)}
      ${activation === "none" ? "" : set("t", `(f32x4.max ${get("t")} (v128.const f32x4 0 0 0 0))`)}
      ${
        isQuantized(activation)
          ? set("t", `(f32x4.mul (f32x4.nearest (f32x4.mul (f32x4.min ${get("t")} ${get("alpha")}) ${get("toCode")})) ${get("step")})`)
          : ""
      }
      (v128.store offset=${v * 16} ${get("py")} ${get("t")})`,
    after: () => "",
    sums: 0,
  });
}

/**
 * `run(jobs…, x, gy, table, sums, rowsPerJob, rows)`: with z = x·scale + shift, g = gy inside the active range, x̂ = x·table[5] + table[6]:
 * sums[job] = [Σ g, Σ g·x̂, Σ gy where z ≥ α] per channel. "rounded" and "soft" have Σ gy · (nearest c − slope · c) / levels beside that, c = clip(z, 0, α) · levels/α;
 * "soft" has g = gy · slope inside, slope = gain / (1 + sharpness · (c − ⌊c⌋ − ½)²).
 */
export function normalizeBackwardSums(plane: Plane, gradient: Plane, activation: Activation): string {
  return overRows(plane, [gradient], ["x", "gy"], ["x", "gy"], ["k", "m", "h", "o", "s", "q", "d"], {
    before: (v) => `${activeTable(plane, v)}${["s", "q", "d"].map((name, row) => set(`${name}${v}`, at("sums", plane, row, v))).join("")}`,
    pixel: (v) =>
      `${active(v, activation)}
      ${set(`s${v}`, `(f32x4.add ${get(`s${v}`)} ${get("u")})`)}
      ${
        set(`q${v}`, `(f32x4.relaxed_madd ${get("u")} (f32x4.add (f32x4.mul ${get("t")} ${get(`h${v}`)}) ${get(`o${v}`)}) ${get(`q${v}`)})`)
      }
      ${
        activation === "quantized"
          ? set(`d${v}`, `(f32x4.add ${get(`d${v}`)} (v128.and ${load("gy", v)} (f32x4.ge ${get("z")} ${get("alpha")})))`)
          : isQuantized(activation)
          ? set(`d${v}`, `(f32x4.add ${get(`d${v}`)} (f32x4.mul ${load("gy", v)} ${clippingSlope(activation)}))`)
          : ""
      }`,
    after: (v) => ["s", "q", "d"].map((name, row) => storeAt("sums", plane, row, v, `${name}${v}`)).join(""),
    sums: 3,
    narrow: true,
  });
}

/**
 * `run(jobs…, x, gy, gx, table, sums, rowsPerJob, rows)`: gx = g · table[7] + x̂ · table[8] + table[9], all per channel.
 */
export function normalizeBackward(plane: Plane, gradient: Plane, to: Plane, activation: Activation): string {
  return overRows(plane, [gradient, to], ["x", "gy", "gx"], ["x", "gy", "gx"], ["k", "m", "h", "o", "e", "f", "i"], {
    before: (v) =>
      `${activeTable(plane, v)}${["e", "f", "i"].map((name, row) => set(`${name}${v}`, at("table", plane, 7 + row, v))).join("")}`,
    pixel: (v) =>
      `${active(v, activation)}
      (v128.store offset=${v * 16} ${get("pgx")} (f32x4.relaxed_madd ${get("u")} ${get(`e${v}`)}
        (f32x4.relaxed_madd (f32x4.add (f32x4.mul ${get("t")} ${get(`h${v}`)}) ${get(`o${v}`)}) ${get(`f${v}`)} ${get(`i${v}`)})))`,
    after: () => "",
    sums: 0,
    narrow: true,
  });
}

/** Rows of the per-layer table that the passes above read, each `[channels]` floats. */
export const TABLE_ROWS = 10;

interface Pass {
  readonly before: (vector: number) => string;
  readonly pixel: (vector: number) => string;
  readonly after: (vector: number) => string;
  /** Rows of sums a job owns; zeroed at its start. */
  readonly sums: number;
  /** Fewer vectors at a time, for passes with many live values. */
  readonly narrow?: boolean;
}

function overRows(
  plane: Plane,
  others: readonly Plane[],
  buffers: readonly string[],
  pointers: readonly string[],
  perVector: readonly string[],
  pass: Pass,
): string {
  const planes = [plane, ...others];
  const vectors = pass.narrow ? divisor(plane.channels / 4, 2) : divisor(plane.channels / 4, 4, 2);
  const row = (index: number) => {
    const { height, width, channels, halo } = planes[index]!;
    const stored = width + 2 * halo;
    return add(
      get(buffers[index]!),
      mul(add(mul(add(mul(get("b"), int(height + 2 * halo)), get("yy"), int(halo)), int(stored)), int(halo)), int(channels * 4)),
      mul(get("c"), int(16)),
    );
  };
  const advance = pointers.map((name, index) => set(`p${name}`, add(get(`p${name}`), int(planes[index]!.channels * 4)))).join("");
  const body = loop(
    "job",
    get("begin"),
    get("end"),
    `${
      pass.sums === 0 ? "" : `${set("own", add(get("sums"), mul(get("job"), int(pass.sums * plane.channels * 4))))}
    (memory.fill ${get("own")} (i32.const 0) ${int(pass.sums * plane.channels * 4)})`
    }
    ${set("last", mul(add(get("job"), int(1)), get("each")))}
    (if (i32.gt_u ${get("last")} ${get("rows")}) (then ${set("last", get("rows"))}))
    ${
      loop(
        "r",
        mul(get("job"), get("each")),
        get("last"),
        `${set("b", `(i32.div_u ${get("r")} ${int(plane.height)})`)}${set("yy", `(i32.rem_u ${get("r")} ${int(plane.height)})`)}
      ${
          loop(
            "c",
            int(0),
            int(plane.channels / 4),
            `${repeat(vectors, pass.before)}
        ${pointers.map((name, index) => set(`p${name}`, row(index))).join("")}
        ${loop("x_", int(0), int(plane.width), `${repeat(vectors, pass.pixel)}${advance}`)}
        ${repeat(vectors, pass.after)}`,
            vectors,
          )
        }`,
      )
    }`,
  );
  return kernel(
    [...buffers, "table", "sums", "each", "rows"],
    locals("i32", "job", "last", "own", "r", "b", "yy", "c", "x_", ...pointers.map((name) => `p${name}`)) +
      locals(
        "v128",
        "t",
        "u",
        "z",
        "alpha",
        "toCode",
        "step",
        "least",
        "gain",
        "sharpness",
        "code",
        "slope",
        ...perVector.flatMap((name) => Array.from({ length: vectors }, (_, v) => `${name}${v}`)),
      ),
    body,
  );
}

const load = (pointer: string, vector: number) => `(v128.load offset=${vector * 16} ${get(`p${pointer}`)})`;
const at = (base: "table" | "sums", plane: Plane, row: number, vector: number) =>
  `(v128.load offset=${row * plane.channels * 4 + vector * 16} ${add(get(base === "sums" ? "own" : base), mul(get("c"), int(16)))})`;
const storeAt = (_base: "sums", plane: Plane, row: number, vector: number, value: string) =>
  `(v128.store offset=${row * plane.channels * 4 + vector * 16} ${add(get("own"), mul(get("c"), int(16)))} ${get(value)})`;
const constants = (plane: Plane) =>
  ["alpha", "toCode", "step"].map((name, row) => set(name, splat(add(get("table"), int((2 + row) * plane.channels * 4))))).join("") +
  ["least", "gain", "sharpness"].map((name, column) => set(name, splat(add(get("table"), int((2 * plane.channels + 1 + column) * 4)))))
    .join("");
const ZERO = "(v128.const f32x4 0 0 0 0)", ONE = "(v128.const f32x4 1 1 1 1)", HALF = "(v128.const f32x4 0.5 0.5 0.5 0.5)";
/** ∂y/∂α at z: 1 from α on, else (nearest c − slope · c) / levels, which is 0 below 0. */
const clippingSlope = (activation: Activation) =>
  `(v128.bitselect ${ONE} (f32x4.mul (f32x4.sub (f32x4.nearest ${get("code")})
    ${activation === "soft" ? `(f32x4.mul ${get("slope")} ${get("code")})` : get("code")}) ${get("least")}) (f32x4.ge ${get("z")} ${
    get("alpha")
  }))`;
const activeTable = (plane: Plane, v: number) =>
  `${set(`k${v}`, at("table", plane, 0, v))}${set(`m${v}`, at("table", plane, 1, v))}${set(`h${v}`, at("table", plane, 5, v))}${
    set(`o${v}`, at("table", plane, 6, v))
  }${v === 0 ? constants(plane) : ""}`;

/** t = x, z = x·scale + shift, u = the gradient where the activation passes it. */
function active(vector: number, activation: Activation): string {
  const head = `${set("t", load("x", vector))}${set("u", load("gy", vector))}`;
  if (activation === "none") return head;
  const z = set("z", `(f32x4.add (f32x4.mul ${get("t")} ${get(`k${vector}`)}) ${get(`m${vector}`)})`);
  const positive = `(f32x4.gt ${get("z")} ${ZERO})`;
  const inside = isQuantized(activation) ? `(v128.and (f32x4.ge ${get("z")} ${ZERO}) (f32x4.le ${get("z")} ${get("alpha")}))` : positive;
  const masked = `${head}${z}${set("u", `(v128.and ${get("u")} ${inside})`)}`;
  if (activation !== "rounded" && activation !== "soft") return masked;
  const code = set("code", `(f32x4.mul (f32x4.min (f32x4.max ${get("z")} ${ZERO}) ${get("alpha")}) ${get("toCode")})`);
  if (activation === "rounded") return `${masked}${code}`;
  const place = set("slope", `(f32x4.sub (f32x4.sub ${get("code")} (f32x4.floor ${get("code")})) ${HALF})`);
  const slope = set(
    "slope",
    `(f32x4.div ${get("gain")} (f32x4.add ${ONE} (f32x4.mul ${get("sharpness")} (f32x4.mul ${get("slope")} ${get("slope")}))))`,
  );
  return `${masked}${code}${place}${slope}${set("u", `(f32x4.mul ${get("u")} ${get("slope")})`)}`;
}
