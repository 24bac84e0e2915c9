// Layout of the words through which the pool's threads talk. Shared by pool.ts and worker.ts.

/** i32 parameters a kernel can take beyond begin, end and thread. */
export const PARAMETERS = 16;

/** Word indices of the control block, and the two negative kernel numbers that are commands. */
export const Control = {
  epoch: 0,
  done: 1,
  next: 2,
  total: 3,
  chunk: 4,
  kernel: 5,
  failed: 6,
  parameters: 8,
  words: 8 + PARAMETERS,
  yield: -1,
  close: -2,
} as const;

/** A kernel's entry: works on [begin, end) of its range. */
export type Job = (begin: number, end: number, thread: number, ...parameters: number[]) => void;
