// Deno's built-in WebGPU behind a small typed surface, so that lib/gpu can be pointed at another provider.

/** The provider's entry point, or undefined where there is no WebGPU at all. */
export function gpu(): GPU | undefined {
  return (globalThis.navigator as { gpu?: GPU } | undefined)?.gpu;
}

/** Which adapter to ask for. */
export interface AdapterOptions {
  /** Preference between integrated and discrete GPUs; by default the provider's. */
  readonly powerPreference?: "low-power" | "high-performance";
  /** Ask for a software adapter; false by default. */
  readonly forceFallbackAdapter?: boolean;
}

/** The adapter the provider finds, or undefined if it finds none or fails while looking. */
export async function requestAdapter(options: AdapterOptions = {}): Promise<GPUAdapter | undefined> {
  try {
    return await gpu()?.requestAdapter({ ...options }) ?? undefined;
  } catch {
    return undefined;
  }
}

/** What an adapter says about itself, every field possibly empty. */
export interface AdapterDescription {
  /** Company, such as `nvidia`. */
  readonly vendor: string;
  /** Family of GPUs. */
  readonly architecture: string;
  /** Vendor's number of the device. */
  readonly device: string;
  /** The driver's name for the device. */
  readonly description: string;
  /** Whether it is a software adapter. */
  readonly fallback: boolean;
}

/** Describes an adapter as plain data. */
export function describeAdapter(adapter: GPUAdapter): AdapterDescription {
  const { vendor, architecture, device, description } = adapter.info;
  const flag = (adapter.info as { isFallbackAdapter?: boolean }).isFallbackAdapter;
  return { vendor, architecture, device, description, fallback: flag ?? /llvmpipe|lavapipe|swiftshader|software/i.test(description) };
}
