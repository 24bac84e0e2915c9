// The backends that are tested against the reference, a step of a test for each.

import { DeviceError } from "../../lib/errors.ts";
import type { Backend } from "../../lib/simulate/backend.ts";
import { cpuBackend } from "../../lib/simulate/cpu/backend.ts";
import { webgpuBackend } from "../../lib/simulate/webgpu/backend.ts";

/** Runs `check` as a step on every backend beside the reference, which it closes; one without its device is skipped by name. */
export async function eachBackend(test: Deno.TestContext, check: (backend: Backend) => Promise<void>): Promise<void> {
  const open: Record<string, () => Promise<Backend>> = { cpu: () => cpuBackend({ threads: 2 }), webgpu: () => webgpuBackend() };
  for (const [name, start] of Object.entries(open)) {
    const started = await start().catch((error) => {
      if (error instanceof DeviceError) return undefined;
      throw error;
    });
    await test.step({
      name: started === undefined ? `${name} skipped: not here` : `${name}: ${started.description}`,
      ignore: started === undefined,
      fn: async () => {
        await using backend = started!;
        await check(backend);
      },
    });
  }
}
