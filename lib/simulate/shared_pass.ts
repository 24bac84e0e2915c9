// One pass over the data for many chips: what their programs have in common runs once, its codes are kept, and each chip runs only what follows.

import { ShapeError } from "../errors.ts";
import { elements, type Tensor, type TypedArray } from "../tensor.ts";
import type { Backend, BatchResult, Session } from "./backend.ts";
import type { Program, Step } from "./program.ts";
import { commonPart, type Cut, cutProgram, firstHalf, type ProgramHalf, sameFirstHalf, secondHalf, workOf } from "./split.ts";

/** Bytes of codes kept between chips; batches beyond run from their pixels for each chip. */
export const KEPT_BYTES = 256 * 1024 * 1024;
/** Least share of the work that must be common: below it, keeping codes and handing them back gains nothing worth having. */
const LEAST_SHARE = 0.02;

/** How {@linkcode sharePass} works. */
export interface SharedPassOptions {
  /** Bytes of codes kept. Default {@linkcode KEPT_BYTES}. */
  readonly bytes?: number;
  /** Least share of the work, 0 to 1, that must be common. Default 0.02. */
  readonly leastShare?: number;
}

/** What many chips have in common, and its codes once they were computed. */
export interface SharedPass extends AsyncDisposable {
  /** Share of the work that is common, as {@linkcode workOf} counts it. */
  readonly share: number;
  /**
   * A session of a chip's whole program, to the bit that of the backend, for images of the one data set: the number of a batch's first image says which
   * images they are. A program that is not the first one's up to the cut is prepared by the backend as it is.
   */
  prepare(program: Program): Promise<Session>;
}

/**
 * Finds what programs of many chips have in common.
 *
 * @param first Program of one of them.
 * @param differs Whether a step may differ between chips.
 * @returns Undefined where too little is common for sharing to pay.
 */
export function sharePass(
  backend: Backend,
  first: Program,
  differs: (step: Step) => boolean,
  options: SharedPassOptions = {},
): SharedPass | undefined {
  const { bytes = KEPT_BYTES, leastShare = LEAST_SHARE } = options, cut = cutProgram(first, differs);
  if (cut === undefined) return undefined;
  const work = first.steps.map(workOf), total = work.reduce((sum, own) => sum + own, 0);
  const spared = work.reduce((sum, own, at) => cut.second[at] ? sum : sum + own, 0), share = total > 0 ? spared / total : 0;
  if (share < leastShare) return undefined;
  const common = commonPart(first, cut),
    half = firstHalf(first, cut),
    sizes = cut.live.map((value) => elements(first.values[value]!.shape));
  const kept = new KeptCodes(bytes);
  let opened: Promise<Session> | undefined;
  const before: FirstHalf = { half, cut, sizes, kept, session: () => opened ??= backend.prepare(half.program) };
  return {
    share,
    async prepare(program) {
      if (!sameFirstHalf(common, program, cut)) return await backend.prepare(program);
      const rest = secondHalf(program, cut), session = await backend.prepare(rest.program);
      return {
        ...(session.overlap === undefined ? {} : { overlap: session.overlap }),
        run: (images, taps = [], number = 0) => runHalves(before, rest, session, images, taps, number),
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
      };
    },
    async [Symbol.asyncDispose]() {
      kept.clear();
      await (await opened?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}

/** The half that is common. */
interface FirstHalf {
  readonly half: ProgramHalf;
  readonly cut: Cut;
  /** Codes per image of each live value. */
  readonly sizes: readonly number[];
  readonly kept: KeptCodes;
  /** Its session, made at first need. */
  session(): Promise<Session>;
}

/** Codes of batches, as long as there is room. */
class KeptCodes {
  readonly #codes = new Map<string, Uint8Array>();
  #room: number;

  constructor(bytes: number) {
    this.#room = bytes;
  }

  get(first: number, count: number): Uint8Array | undefined {
    return this.#codes.get(`${first}+${count}`);
  }

  set(first: number, count: number, codes: Uint8Array): void {
    const name = `${first}+${count}`;
    if (codes.length > this.#room || this.#codes.has(name)) return;
    this.#codes.set(name, codes);
    this.#room -= codes.length;
  }

  clear(): void {
    this.#codes.clear();
  }
}

/** Runs a batch through both halves, the first only where its codes or taps are not at hand. */
async function runHalves(
  { half, cut: { live }, sizes, kept, session: first }: FirstHalf,
  rest: ProgramHalf,
  session: Session,
  images: Tensor<Uint8Array>,
  taps: readonly number[],
  number: number,
): Promise<BatchResult> {
  const [count = 0] = images.shape, early = taps.filter((tap) => half.numbers.has(tap));
  const late = taps.filter((tap) => !half.numbers.has(tap)), unknown = late.find((tap) => !rest.numbers.has(tap));
  if (unknown !== undefined) throw new ShapeError("tap a value", { where: "taps", got: unknown, wanted: "a value that a step computes" });
  const found = new Map<number, Tensor<TypedArray>>();
  let codes = early.length === 0 ? kept.get(number, count) : undefined;
  if (codes === undefined) {
    const wanted = [...new Set([...live, ...early])];
    const made = await (await first()).run(images, wanted.map((value) => half.numbers.get(value)!), number);
    const tapped = (value: number) => made.taps.get(half.numbers.get(value)!)!;
    for (const tap of early) found.set(tap, tapped(tap));
    codes = pack(live.map((value) => tapped(value).data as Uint8Array), sizes, count);
    kept.set(number, count, codes);
  }
  const { shape } = rest.program.values[0]!;
  const { output, taps: made } = await session.run(
    { shape: [count, ...shape], data: codes },
    late.map((tap) => rest.numbers.get(tap)!),
    number,
  );
  for (const tap of late) found.set(tap, made.get(rest.numbers.get(tap)!)!);
  return { output, taps: found };
}

/** Codes of several values, image by image. */
function pack(values: readonly Uint8Array[], sizes: readonly number[], count: number): Uint8Array {
  if (values.length === 1) return values[0]!;
  const total = sizes.reduce((sum, size) => sum + size, 0), packed = new Uint8Array(count * total);
  for (let image = 0; image < count; image++) {
    let at = image * total;
    values.forEach((codes, index) => {
      const size = sizes[index]!;
      packed.set(codes.subarray(image * size, (image + 1) * size), at);
      at += size;
    });
  }
  return packed;
}
