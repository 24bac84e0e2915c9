// Layout of the words through which the pool's threads talk. Shared by pool.ts and worker.ts.

/** i32 parameters a kernel can take beyond begin, end and thread. */
export const PARAMETERS = 16;
/** Kernels that can work on a chunk one after the other. */
export const STAGES = 12;
/** Words of a stage: its kernel, elements of its range per element of the job's, parameters. */
export const STAGE_WORDS = 2 + PARAMETERS;

/** Word indices of the control block, and the two negative numbers of stages that are commands. */
export const Control = {
  epoch: 0,
  done: 1,
  next: 2,
  total: 3,
  chunk: 4,
  stages: 5,
  failed: 6,
  first: 8,
  words: 8 + STAGES * STAGE_WORDS,
  yield: -1,
  close: -2,
} as const;

/** A kernel's entry: works on [begin, end) of its range. */
export type Job = (begin: number, end: number, thread: number, ...parameters: number[]) => void;

/** Microseconds a thread looks for news before it sleeps: waking it costs more than most waits between two dispatches last. */
const SPIN_MICROSECONDS = 100;
/** Looks between two glances at the clock. */
const LOOKS = 64;

/** Waits until a word is no longer `old`; `spin` where every thread has a core of its own. */
export function waitFor(control: Int32Array, word: number, old: number, spin: boolean): void {
  if (spin) {
    const end = performance.now() + SPIN_MICROSECONDS / 1000;
    do {
      for (let look = 0; look < LOOKS; look++) if (Atomics.load(control, word) !== old) return;
    } while (performance.now() < end);
  }
  Atomics.wait(control, word, old);
}
