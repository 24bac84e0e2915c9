// onnxruntime as an independent reference: absent where it cannot be loaded, and tests that need it are then skipped.

import type { Network } from "../../../mod.ts";

/** A file and the images to put through it. */
export interface Job {
  /** Path of the file. */
  readonly path: string;
  /** Extents of the input. */
  readonly shape: readonly number[];
  /** Numbers, `[n, channels, height, width]`. */
  readonly data: Float32Array;
}

/** Outputs of each job, or undefined if there is no onnxruntime. */
export async function onnxruntime(jobs: readonly Job[]): Promise<Float32Array[] | undefined> {
  const script = new URL("./onnxruntime_process.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--no-check", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(jobs.map((job) => ({ ...job, data: Array.from(job.data) })))));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  if (code === 0) return (JSON.parse(new TextDecoder().decode(stdout)) as number[][]).map((values) => Float32Array.from(values));
  // A package that cannot be resolved at all ends the process before its first line.
  if (code === 3 || jobs.length === 0) return undefined;
  throw new Error(new TextDecoder().decode(stderr));
}

/** Whether onnxruntime is there. */
export async function hasOnnxruntime(): Promise<boolean> {
  return await onnxruntime([]) !== undefined;
}

/** Pixels `[n, height, width, channels]` as a network's encoding makes numbers of them, `[n, channels, height, width]`. */
export function channelsFirst(
  pixels: Uint8Array,
  count: number,
  { input: [height, width, channels], encoding }: Pick<Network, "input" | "encoding">,
): Float32Array {
  const area = height * width, out = new Float32Array(pixels.length);
  for (let image = 0; image < count; image++) {
    for (let at = 0; at < area; at++) {
      for (let channel = 0; channel < channels; channel++) {
        out[(image * channels + channel) * area + at] = (pixels[(image * area + at) * channels + channel]! - encoding.zero) *
          encoding.scale;
      }
    }
  }
  return out;
}

/** Largest difference, and the largest magnitude of the first. */
export function difference(a: Float32Array, b: Float32Array): { readonly error: number; readonly magnitude: number } {
  let error = a.length === b.length ? 0 : Infinity, magnitude = 0;
  for (let at = 0; at < a.length; at++) {
    error = Math.max(error, Math.abs(a[at]! - b[at]!));
    magnitude = Math.max(magnitude, Math.abs(a[at]!));
  }
  return { error, magnitude };
}
