// Chooses tiles by measuring: every way once per class of shapes, for a few milliseconds, remembered while the backend is open and in a store.

import { DeviceError } from "../../errors.ts";
import { GpuBuffer } from "../../gpu/buffers.ts";
import { bind, dispatch } from "../../gpu/program.ts";
import type { ChoiceStore } from "./choices.ts";
import { isConstant, type Launch, type Operand, type PlanContext, type Scratch } from "./launch.ts";
import { bytesOf } from "./plan.ts";
import type { Tile, TilePicker, TileRequest } from "./tiles.ts";

/** Images timed at once, at most. */
const IMAGES = 32;
/** Milliseconds a measurement should last: waiting for the device has a grain of about 11 ms. */
const ENOUGH = 40;
/** Most repetitions of one measurement. */
const REPEATS = 256;

/** Milliseconds of some launches. */
export type Measure = (context: PlanContext, request: TileRequest, launches: readonly Launch[]) => Promise<number>;

/** How {@linkcode tuningTiles} works. */
export interface TuningOptions {
  /** Times launches; by default on the device. */
  readonly measure?: Measure;
  /** Where choices outlive the backend; by default nowhere. */
  readonly store?: ChoiceStore;
}

/** Measures every choice once per class, unless the store knows the class, and keeps the fastest. */
export function tuningTiles({ measure = measureLaunches, store }: TuningOptions = {}): TilePicker {
  const fastest = new Map<string, string>();
  let loaded: Promise<void> | undefined;
  let fresh = new Map<string, string>();
  const load = async () => {
    for (const [key, choice] of await store?.load() ?? []) fastest.set(key, choice);
  };
  return {
    pick: async (context, request) => {
      const { key, choices, make } = request;
      await (loaded ??= load());
      const known = choices.find((choice) => JSON.stringify(choice) === fastest.get(key));
      const launches = known === undefined ? undefined : await tried(known, make);
      if (launches !== undefined) return launches;
      let best: { readonly launches: readonly Launch[]; readonly time: number; readonly choice: Tile } | undefined;
      let failure: unknown;
      for (const choice of choices) {
        try {
          const launches = await make(choice);
          const time = choices.length === 1 ? 0 : await measure(context, request, launches);
          if (best === undefined || time < best.time) best = { launches, time, choice };
        } catch (error) {
          // A shape the driver refuses is no choice; a lost device fails every one.
          if (!(error instanceof DeviceError)) throw error;
          failure = error;
        }
      }
      if (best === undefined) throw failure;
      fastest.set(key, JSON.stringify(best.choice));
      if (choices.length > 1) fresh.set(key, JSON.stringify(best.choice));
      return best.launches;
    },
    keep: async () => {
      if (fresh.size === 0) return;
      const news = fresh;
      fresh = new Map();
      await store?.save(news);
    },
  };
}

/** Launches in a way that once was the fastest; undefined if the driver now refuses it. */
async function tried(choice: Tile, make: TileRequest["make"]): Promise<readonly Launch[] | undefined> {
  try {
    return await make(choice);
  } catch (error) {
    if (error instanceof DeviceError) return undefined;
    throw error;
  }
}

/** Runs launches on zeroed buffers until they take long enough to tell. */
async function measureLaunches(context: PlanContext, request: TileRequest, launches: readonly Launch[]): Promise<number> {
  const { device } = context;
  using buffers = new DisposableStack();
  const images = imagesThatFit(context, request, launches);
  const made = new Map<Operand, GpuBuffer>();
  const buffer = (operand: Operand): GpuBuffer => {
    if (typeof operand === "function") return operand();
    if (operand instanceof GpuBuffer) return operand;
    const known = made.get(operand);
    if (known !== undefined) return known;
    const bytes = isConstant(operand) ? operand.data.byteLength : images * perImage(context, request, operand);
    const fresh = buffers.use(new GpuBuffer(device, "storage", bytes, "tile measurement"));
    if (isConstant(operand)) fresh.upload(operand.data);
    made.set(operand, fresh);
    return fresh;
  };
  const bound = launches.map((launch) => {
    const params = buffers.use(new GpuBuffer(device, "uniform", 256, "tile measurement"));
    params.upload(Uint32Array.from(launch.params(images)));
    return { launch, group: bind(device, launch.kernel, [params, ...launch.operands.map(buffer)].map((each) => ({ buffer: each }))) };
  });
  const time = async (repeats: number): Promise<number> => {
    const encoder = device.raw.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const { launch, group } of bound) dispatch(device, pass, launch.kernel, group, launch.groups(images));
    }
    pass.end();
    const started = performance.now();
    device.raw.queue.submit([encoder.finish()]);
    await device.settle("measure a tile", device.raw.queue.onSubmittedWorkDone());
    return performance.now() - started;
  };
  await time(1);
  let repeats = 1;
  while (true) {
    const spent = await time(repeats);
    if (spent >= ENOUGH || repeats >= REPEATS) return spent / repeats;
    repeats = Math.min(REPEATS, repeats * 4);
  }
}

function perImage({ program }: PlanContext, { scratch }: TileRequest, operand: number | Scratch): number {
  return typeof operand === "string" ? scratch[operand] ?? 0 : bytesOf(program.values[operand]!);
}

function imagesThatFit(context: PlanContext, request: TileRequest, launches: readonly Launch[]): number {
  let largest = 1;
  for (const { operands } of launches) {
    for (const operand of operands) {
      if (typeof operand === "number" || typeof operand === "string") {
        largest = Math.max(largest, perImage(context, request, operand));
      }
    }
  }
  return Math.max(1, Math.min(IMAGES, Math.floor(Math.min(context.device.limits.bindingSize, 2 ** 28) / largest)));
}
