// One thread of the pool: waits on a shared word, works through chunks of the range, waits again.
// It returns to its event loop only when told that new kernels are waiting in its message queue.

import { Control, type Job, STAGE_WORDS, waitFor } from "./control.ts";

interface Start {
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly thread: number;
  /** Whether to look for work a while before sleeping. */
  readonly spin: boolean;
}

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent) => void;
  postMessage: (message: unknown) => void;
  close: () => void;
};
const kernels: Job[] = [];
let start: Start | undefined;
let epoch = 0;

scope.onmessage = (event: MessageEvent<{ start?: Start; modules?: WebAssembly.Module[] }>) => {
  start ??= event.data.start!;
  for (const module of event.data.modules ?? []) {
    kernels.push(new WebAssembly.Instance(module, { env: { memory: start.memory } }).exports["run"] as Job);
  }
  scope.postMessage("ready");
  serve(start);
};

function serve({ control: buffer, thread, spin }: Start): void {
  const control = new Int32Array(buffer);
  for (;;) {
    waitFor(control, Control.epoch, epoch, spin);
    const now = Atomics.load(control, Control.epoch);
    if (now === epoch) continue;
    epoch = now;
    const stages = control[Control.stages]!;
    if (stages === Control.close) return scope.close();
    if (stages === Control.yield) {
      done(control);
      return;
    }
    try {
      work(stages, control, thread);
    } catch {
      Atomics.store(control, Control.failed, thread);
    }
    done(control);
  }
}

function done(control: Int32Array): void {
  Atomics.add(control, Control.done, 1);
  Atomics.notify(control, Control.done);
}

function work(count: number, control: Int32Array, thread: number): void {
  const total = control[Control.total]!, chunk = control[Control.chunk]!;
  const stages = Array.from({ length: count }, (_, stage) => {
    const at = Control.first + stage * STAGE_WORDS;
    return { run: kernels[control[at]!]!, unit: control[at + 1]!, parameters: Array.from(control.subarray(at + 2, at + STAGE_WORDS)) };
  });
  for (;;) {
    const begin = Atomics.add(control, Control.next, chunk);
    if (begin >= total) return;
    const end = Math.min(begin + chunk, total);
    for (const { run, unit, parameters } of stages) run(begin * unit, end * unit, thread, ...parameters);
  }
}
