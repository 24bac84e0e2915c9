// WebAssembly text to a compiled module. Kernels are written as WAT so that their SIMD instructions are explicit and no build step is needed.

import wabt from "wabt";
import { DeviceError } from "../errors.ts";

type Wabt = Awaited<ReturnType<typeof wabt>>;
let assembler: Promise<Wabt> | undefined;

/** Features every kernel may use. */
const FEATURES = { simd: true, relaxed_simd: true, threads: true, bulk_memory: true } as Record<string, boolean>;

/**
 * Assembles and compiles one module.
 *
 * @throws {DeviceError} if the text does not assemble or the engine lacks a feature (relaxed SIMD, threads).
 */
export async function assemble(source: string): Promise<WebAssembly.Module> {
  const tool = await (assembler ??= wabt());
  try {
    const parsed = tool.parseWat("kernel.wat", source, FEATURES);
    try {
      return new WebAssembly.Module(parsed.toBinary({}).buffer.slice() as BufferSource);
    } finally {
      parsed.destroy();
    }
  } catch (cause) {
    throw new DeviceError("assemble a WebAssembly kernel", { got: (cause as Error).message.slice(0, 400), cause });
  }
}
