// Runs ONNX files in onnxruntime, as a process of its own so that neither the lock file nor the library needs the package. Jobs come on standard input.

interface Job {
  readonly path: string;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const { InferenceSession, Tensor } = await import("npm:onnxruntime-node@1.30.0").catch(() => Deno.exit(3));
const jobs = JSON.parse(await new Response(Deno.stdin.readable).text()) as Job[], results: number[][] = [];
for (const { path, shape, data } of jobs) {
  // Without fusions, which may round differently.
  const session = await InferenceSession.create(path, { graphOptimizationLevel: "disabled", intraOpNumThreads: 1, logSeverityLevel: 3 });
  const output = await session.run({ [session.inputNames[0]!]: new Tensor("float32", Float32Array.from(data), [...shape]) });
  results.push(Array.from(output[session.outputNames[0]!]!.data as Float32Array));
}
console.log(JSON.stringify(results));
