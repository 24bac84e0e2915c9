// Which backend runs when nobody says: a real GPU if there is one, else all cores, else the plain reference.

import { describeAdapter, requestAdapter } from "@gpu/webgpu";
import { DeviceError, OptionError } from "../errors.ts";
import type { Backend, BackendName } from "./backend.ts";
import { cpuBackend } from "./cpu/backend.ts";
import { referenceBackend } from "./reference/backend.ts";
import { webgpuBackend } from "./webgpu/backend.ts";

/** A backend by name, or "auto". */
export type BackendChoice = BackendName | "auto";

/** Names {@linkcode openBackend} takes. */
export const BACKENDS = ["auto", "reference", "cpu", "webgpu"] as const;

/**
 * Opens a backend. "auto" takes WebGPU on a real adapter, else the CPU, else the reference; software adapters must be asked for by name.
 *
 * @param threads Threads of the CPU backend; default all cores.
 * @throws {OptionError} if the name is unknown.
 * @throws {DeviceError} if the backend asked for cannot run here.
 *
 * @example
 * ```ts
 * import { openBackend } from "@bitline/bitline";
 * import { assertEquals } from "@std/assert";
 *
 * await using backend = await openBackend("reference");
 * assertEquals(backend.name, "reference");
 * ```
 */
export async function openBackend(choice: BackendChoice = "auto", threads?: number): Promise<Backend> {
  switch (choice) {
    case "reference":
      return referenceBackend();
    case "cpu":
      return await cpuBackend(threads === undefined ? {} : { threads });
    case "webgpu":
      return await webgpuBackend();
    case "auto":
      return await firstThatOpens([
        async () => await realAdapter() ? await webgpuBackend() : undefined,
        () => cpuBackend(threads === undefined ? {} : { threads }),
      ]) ?? referenceBackend();
    default:
      throw new OptionError("open a backend", { where: "backend", got: choice, wanted: `one of ${BACKENDS.join(", ")}` });
  }
}

async function firstThatOpens(openers: readonly (() => Promise<Backend | undefined>)[]): Promise<Backend | undefined> {
  for (const open of openers) {
    try {
      const backend = await open();
      if (backend !== undefined) return backend;
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
    }
  }
  return undefined;
}

/** Whether there is an adapter that is no software. */
export async function realAdapter(): Promise<boolean> {
  const adapter = await requestAdapter({ powerPreference: "high-performance" });
  return adapter !== undefined && !describeAdapter(adapter).fallback;
}
