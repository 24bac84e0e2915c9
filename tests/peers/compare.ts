/**
 * Bitline beside its peers in one run: each side in turn, the best of several rounds, and their ratio. Peers that are not installed are named and left
 * out (docs/peers.md tells how to get them).
 *
 *     deno run -A tests/peers/compare.ts --python /usr/bin/python3 --rounds 3
 */

import { Table } from "@cliffy/table";
import { layerCodes, layerProgram } from "../../bench/crossbar_layer.ts";
import { layerBenchmark, PEER_LAYERS, type PeerLayer } from "../../bench/layers.ts";
import { type Benchmark, type Machine, timed } from "../../bench/measure.ts";
import { networkBenchmark } from "../../bench/networks.ts";
import { openMachine } from "../../bench/suite.ts";
import { trainingBenchmarks } from "../../bench/training.ts";
import type { OptionValues } from "../../lib/cli/options.ts";
import { runCommand } from "../../lib/cli/run.ts";
import { OptionError } from "../../lib/errors.ts";
import { hash } from "../../lib/random.ts";
import type { PeerReport, PeerRow } from "./report.ts";

const command = {
  title: "Runs Bitline and its peers on the same work, alternately, and prints the ratios.",
  usage: "deno run -A tests/peers/compare.ts [options]",
  options: {
    only: { type: "string", help: "rows whose peer or name contains this text" },
    python: { type: "string", default: "python3", help: "the interpreter that has the peers" },
    rounds: { type: "number", default: 3, integer: true, least: 1, help: "turns of each side; the best counts" },
    seconds: { type: "number", default: 2, least: 0, help: "time for a turn; two calls at least" },
    threads: { type: "number", integer: true, least: 1, help: "threads of both sides; default all cores" },
    json: { type: "boolean", help: "print one JSON object and nothing else on standard output" },
  },
} as const;

/** One row: the same work on both sides. */
interface Pair {
  /** Script of the peer in this folder. */
  readonly script: string;
  /** Name of the row in the script's report. */
  readonly row: string;
  readonly ours: Benchmark;
  /** Where both sides compute the same sums. */
  readonly layer?: PeerLayer;
}

/** A layer of the peers with weights of 8 bits, cut into 1-bit cells, and inputs of 8 bits. */
interface LayerData {
  readonly peer: PeerLayer;
  readonly weights: Uint8Array;
}

/** Weight codes from 1 to 255, `[rows][outputs]`; the first is the largest, so that a scale taken from the weights is known. */
function layerData(peer: PeerLayer): LayerData {
  const { kernel, inputs, outputs } = peer.layer;
  const weights = Uint8Array.from({ length: kernel * kernel * inputs * outputs }, (_, at) => at === 0 ? 255 : 1 + hash(5, at) % 255);
  const cells = new Int8Array(8 * weights.length);
  for (let slice = 0; slice < 8; slice++) {
    for (let at = 0; at < weights.length; at++) cells[slice * weights.length + at] = weights[at]! >> slice & 1;
  }
  return { peer: { ...peer, layer: { ...peer.layer, cells } }, weights };
}

function pairs(layers: readonly LayerData[]): Pair[] {
  const training = (name: string) => trainingBenchmarks.find((each) => each.name.startsWith(`${name},`))!;
  return [
    ...["crosssim.py", "numpy_bitserial.py"].flatMap((script) =>
      layers.map(({ peer }): Pair => ({ script, row: peer.name, ours: layerBenchmark(peer), layer: peer }))
    ),
    ...(["VGG7", "VGG7 width 0.25", "ResNet-20"] as const).map((name): Pair => ({
      script: "pytorch.py",
      row: `${name}, inference`,
      ours: networkBenchmark(name, "6 bits", 64),
    })),
    ...(["VGG7 width 0.25", "ResNet-20"] as const).map((name): Pair => ({
      script: "pytorch.py",
      row: `${name}, training`,
      ours: training(name),
    })),
  ];
}

/** One turn of a peer. */
async function askPeer(script: string, row: string, options: Options, machine: Machine, data: string): Promise<PeerReport> {
  const path = new URL(script, import.meta.url).pathname;
  const args = [path, "--rows", row, "--seconds", String(options.seconds), "--threads", String(machine.threads), "--data", data];
  const { success, stdout, stderr } = await new Deno.Command(options.python, { args, env: { PYTHONDONTWRITEBYTECODE: "1" } }).output();
  if (!success) return { peer: script, missing: new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "it failed", rows: [] };
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The peers' checksum over sums `[positions][outputs]`. */
function checksum(sums: ArrayLike<number>): number {
  let total = 0;
  for (let at = 0; at < sums.length; at++) total += sums[at]! * (at % 251 + 1);
  return total;
}

/** Our checksum of a layer. */
async function ourSums({ layer, batch }: PeerLayer, { backend }: Machine): Promise<number> {
  await using session = await backend.prepare(layerProgram(layer, "sums"));
  const { taps } = await session.run(layerCodes(layer, batch), [1]);
  return checksum(taps.get(1)!.data);
}

type Options = OptionValues<typeof command.options>;

/** One line of the result. */
interface Compared {
  readonly peer: string;
  readonly row: string;
  readonly unit: string;
  readonly ours: number;
  readonly theirs: number;
  readonly ratio: number;
  /** Whether both sides computed the same sums; absent where they don't compute the same. */
  readonly same?: boolean;
}

/** Both sides in turn; the reason if the peer cannot run. */
async function compare({ script, row, ours, layer }: Pair, options: Options, machine: Machine, data: string): Promise<Compared | string> {
  if (!("open" in ours)) throw new Error(`${ours.name} is not timed`);
  const running = await ours.open(machine);
  try {
    await running.call();
    let best = Infinity, theirs: PeerRow | undefined, peer = script;
    for (let round = 0; round < options.rounds; round++) {
      const report = await askPeer(script, row, options, machine, data), found = report.rows[0];
      if (found === undefined) return `${report.peer}: ${report.missing ?? "no result"}`;
      peer = [report.peer, report.version].filter((part) => part !== undefined && part !== "unknown").join(" ");
      if (theirs === undefined || found.value > theirs.value) theirs = found;
      const end = performance.now() + 1000 * options.seconds;
      for (let call = 0; call < 2 || performance.now() < end; call++) best = Math.min(best, await timed(running.call));
    }
    const value = running.value(best), same = layer === undefined ? {} : { same: theirs!.checksum === await ourSums(layer, machine) };
    return { peer, row, unit: ours.unit, ours: value, theirs: theirs!.value, ratio: value / theirs!.value, ...same };
  } finally {
    await running.close?.();
  }
}

async function main(options: Options): Promise<void> {
  const layers = PEER_LAYERS.map(layerData), all = pairs(layers), only = options.only?.toLowerCase() ?? "";
  const chosen = all.filter(({ script, row }) => `${script} ${row}`.toLowerCase().includes(only));
  if (chosen.length === 0) {
    const wanted = `part of one of: ${all.map(({ script, row }) => `${script} ${row}`).join("; ")}`;
    throw new OptionError("compare with peers", { where: "--only", got: options.only, wanted });
  }
  const folder = await Deno.makeTempDir({ prefix: "bitline_peers_" });
  await using machine = await openMachine({
    seconds: options.seconds,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  const rows: Compared[] = [], missing = new Map<string, string>();
  try {
    for (const { peer, weights } of layers) {
      await Deno.writeFile(`${folder}/${peer.name}_weights.u8`, weights);
      await Deno.writeFile(`${folder}/${peer.name}_inputs.u8`, layerCodes(peer.layer, peer.batch).data);
    }
    for (const pair of chosen) {
      if (missing.has(pair.script)) continue;
      const result = await compare(pair, options, machine, folder);
      if (typeof result === "string") missing.set(pair.script, result);
      else rows.push(result);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const about = { date: new Date().toISOString(), cores: navigator.hardwareConcurrency, threads: machine.threads, deno: Deno.version.deno };
  if (options.json) return console.log(JSON.stringify({ ...about, rows, missing: [...missing.values()] }));
  const number = (value: number) => value.toPrecision(3);
  console.log(Object.entries(about).map(([name, value]) => `${name}: ${value}`).join(", "));
  console.log(
    new Table().header(["peer", "what", "Bitline", "peer", "unit", "ratio", "sums"]).body(rows.map((each) => [
      each.peer,
      each.row,
      number(each.ours),
      number(each.theirs),
      each.unit,
      `${number(each.ratio)} ×`,
      each.same === undefined ? "" : each.same ? "the same" : "differ",
    ])).border().toString(),
  );
  for (const reason of missing.values()) console.log(`not run: ${reason}`);
}

await runCommand(command, main);
