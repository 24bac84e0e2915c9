// Writes the tables of docs/estimate.md: `deno run -A tests/golden/formats/neurosim_docs.ts RUNS.json docs/estimate.md`.

import { estimate } from "../../../lib/estimate/estimate.ts";
import type { Category } from "../../../lib/estimate/library.ts";
import type { ComponentEstimate, Estimate } from "../../../lib/estimate/result.ts";
import { layerGeometries } from "../../../lib/network/geometries.ts";
import { vgg7 } from "../../../lib/network/zoo/vgg7.ts";
import { layerWork } from "../../../lib/estimate/work.ts";
import { FIGURES } from "./neurosim.ts";
import { neurosimWork } from "./neurosim_config.ts";

type Row = Readonly<Record<string, unknown>> & { readonly run: string; readonly config: Readonly<Record<string, unknown>> };

/** Numbers in a record of a run. */
const at = (run: Row, field: string): number => Number(run[field]);

const short = (value: number) => String(Number(value.toPrecision(4)));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, index) => index === 0 ? "---" : "--:"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

const pick = (
  parts: readonly ComponentEstimate[],
  categories: readonly Category[],
  key: "areaUm2" | "dynamicPj",
  but: readonly string[] = [],
) => parts.filter(({ name, category }) => categories.includes(category) && !but.includes(name)).reduce((sum, part) => sum + part[key], 0);
const named = (parts: readonly ComponentEstimate[], names: readonly string[], key: "areaUm2" | "dynamicPj") =>
  parts.filter(({ name }) => names.includes(name)).reduce((sum, part) => sum + part[key], 0);

/** What the tool calls the parts of area, energy and time, and what of ours stands beside each. */
const PARTS: readonly (readonly [string, (found: Estimate) => number, (run: Row) => number])[] = [
  ["area: cells", ({ chip }) => named(chip.components, ["cells"], "areaUm2"), (run) => at(run, "area_array")],
  ["area: ADC", ({ chip }) => pick(chip.components, ["adc"], "areaUm2"), (run) => at(run, "area_adc")],
  ["area: accumulation", ({ chip }) => pick(chip.components, ["accumulation"], "areaUm2"), (run) => at(run, "area_accum")],
  ["area: interconnect", ({ chip }) => pick(chip.components, ["interconnect"], "areaUm2"), (run) => at(run, "area_ic")],
  [
    "area: other",
    ({ chip }) => pick(chip.components, ["array", "buffer", "digital"], "areaUm2", ["cells"]),
    (run) => at(run, "area_other"),
  ],
  [
    "energy: ADC and columns",
    ({ chip }) => pick(chip.components, ["adc"], "dynamicPj") + named(chip.components, ["cells", "precharge"], "dynamicPj"),
    (run) => at(run, "adcE_pJ"),
  ],
  ["energy: accumulation", ({ chip }) => pick(chip.components, ["accumulation"], "dynamicPj"), (run) => at(run, "accE_pJ")],
  ["energy: interconnect", ({ chip }) => pick(chip.components, ["interconnect"], "dynamicPj"), (run) => at(run, "icE_pJ")],
  ["energy: buffers", ({ chip }) => pick(chip.components, ["buffer"], "dynamicPj"), (run) => at(run, "bufE_pJ")],
  [
    "energy: other",
    ({ chip }) => pick(chip.components, ["array", "digital"], "dynamicPj", ["cells", "precharge"]),
    (run) => at(run, "othE_pJ") - at(run, "icE_pJ") - at(run, "bufE_pJ"),
  ],
  ["time: buffers", (found) => waits(found, "buffer"), (run) => at(run, "bufLat_ns")],
  ["time: interconnect", (found) => waits(found, "interconnect"), (run) => at(run, "icLat_ns")],
  [
    "time: arrays and sums",
    (found) => waits(found, "array") + waits(found, "accumulation"),
    (run) => at(run, "lat_ns") - at(run, "bufLat_ns") - at(run, "icLat_ns"),
  ],
];

/** Time of the slowest layer of a pipeline, or of all layers. */
function waits({ layers, options: { schedule } }: Estimate, part: "array" | "accumulation" | "buffer" | "interconnect"): number {
  if (schedule !== "pipelined") return layers.reduce((sum, { waitsNs }) => sum + waitsNs[part], 0);
  return layers.reduce((most, layer) => layer.latencyNs > most.latencyNs ? layer : most).waitsNs[part];
}

/** The same chip with every window of the padded image, as our estimates count. */
function padded({ config, run }: Row): Estimate {
  const { work: { rows, columns, layers: [first] }, options } = neurosimWork(config, run);
  const cellBits = first!.cellBits, cellsPerWeight = Math.ceil(Number(config["weightBits"]) / cellBits);
  const layers = layerGeometries(vgg7()).map(({ name, geometry }) =>
    layerWork({ name, geometry, rows, columns, cellsPerWeight, cellBits, inputBits: first!.inputBits })
  );
  return estimate({ rows, columns, layers }, options);
}

const [source, target] = Deno.args;
if (source === undefined || target === undefined) throw new Error("usage: neurosim_docs.ts RUNS.json docs/estimate.md");
const runs = JSON.parse(await Deno.readTextFile(source)) as Row[];
const found = runs.map((run) => {
  const { work, options } = neurosimWork(run.config, run.run);
  return estimate(work, options);
});
const asked = runs.map(({ config, run }) => neurosimWork(config, run)), started = performance.now();
for (const { work, options } of asked) estimate(work, options);
const milliseconds = (performance.now() - started) / runs.length;

const figures = table(
  ["run", ...FIGURES.map(([, name]) => name)],
  runs.map((run, index) => [
    run.run,
    ...FIGURES.map(([field, , ours]) =>
      `${short(ours(found[index]!))} / ${short(at(run, field))} = ${(ours(found[index]!) / at(run, field)).toFixed(2)}`
    ),
  ]),
);
const spread = table(
  ["figure", "worst of a figure", "worst ratio of two runs"],
  FIGURES.map(([field, name, ours]) => {
    const ratios = found.map((each, index) => ours(each) / at(runs[index]!, field)),
      far = Math.max(...ratios.map((ratio) => Math.abs(ratio - 1)));
    return [name, `${(100 * far).toFixed(1)} %`, `${(100 * (Math.max(...ratios) / Math.min(...ratios) - 1)).toFixed(1)} %`];
  }),
);
const parts = table(
  ["ours over theirs", ...runs.map(({ run }) => run)],
  PARTS.map(([name, ours, theirs]) => [
    name,
    ...runs.map((run, index) => (ours(found[index]!) / theirs(run)).toFixed(2)),
  ]),
);
const honest = table(
  ["run", "energy µJ", "period µs", "FPS", "TOPS/W", "TOPS"],
  runs.map((run) => {
    const { chip } = padded(run);
    return [run.run, short(chip.energyPj / 1e6), short(chip.periodNs / 1e3), short(chip.fps), short(chip.topsPerWatt), short(chip.tops)];
  }),
);

const text = await Deno.readTextFile(target), [begin, end] = ["<!-- tables -->\n", "<!-- end of tables -->"];
const [head, tail] = [text.slice(0, text.indexOf(begin) + begin.length), text.slice(text.indexOf(end))];
await Deno.writeTextFile(
  target,
  `${head}
Written on ${
    new Date().toISOString().slice(0, 10)
  } by \`deno run -A tests/golden/formats/neurosim_docs.ts tests/golden/neurosim/runs.json docs/estimate.md\`; ${
    milliseconds.toFixed(1)
  } ms an estimate, where the tool took ${short(Math.min(...runs.map((run) => at(run, "user_s"))))} to ${
    short(Math.max(...runs.map((run) => at(run, "user_s"))))
  } s of processor time.

### Chip figures: ours / theirs = ratio

${figures}

### How far off

${spread}

### Part by part

${parts}

### The same chips, padding counted

${honest}

${tail}`,
);
