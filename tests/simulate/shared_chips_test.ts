// Monte Carlo over chips of which only some layers differ: each accuracy and logit as of chips run one by one, interrupted, stopped early or not.

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import type { Dataset } from "../../lib/data/dataset.ts";
import { network } from "../../lib/network/builder.ts";
import type { WireSolver } from "../../lib/program/chip_cells.ts";
import { chipCells } from "../../lib/program/chip_cells.ts";
import type { ProgramOptions } from "../../lib/program/options.ts";
import { program } from "../../lib/program/program.ts";
import { recordWriting, writeCosts } from "../../lib/program/write_costs.ts";
import { dorefa } from "../../lib/quantize/dorefa.ts";
import { pact } from "../../lib/quantize/pact.ts";
import { hash } from "../../lib/random.ts";
import type { Backend } from "../../lib/simulate/backend.ts";
import { cpuBackend } from "../../lib/simulate/cpu/backend.ts";
import { lowerProgrammed, lowerQuantized } from "../../lib/simulate/lower/lower.ts";
import { accuracy, predict } from "../../lib/simulate/predict.ts";
import type { Program } from "../../lib/simulate/program.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import type { Result } from "../../lib/simulate/result.ts";
import { simulate } from "../../lib/simulate/simulate.ts";
import { unlikeLayers } from "../../lib/simulate/unlike_layers.ts";
import { effectiveConductance } from "../../lib/circuit/wires/solve.ts";
import { quantize } from "../../lib/quantize/quantize.ts";
import { decompose } from "../../lib/decompose/decompose.ts";
import { map } from "../../lib/map/map.ts";
import { tensor } from "../../lib/tensor.ts";

const IMAGES = 12;

/** Four layers on arrays around a residual sum, on 8 × 8 pixels. */
const residual = () =>
  network({ name: "residual", input: [8, 8, 1], seed: 3 }, (b) => {
    b.conv("conv1", { channels: 4, kernel: 3 });
    b.relu("relu1");
    b.conv("conv2", { channels: 4, kernel: 3, padding: 1 });
    b.relu("relu2");
    b.conv("conv3", { channels: 4, kernel: 3, padding: 1 });
    b.add("sum", { from: ["conv3", "relu1"] });
    b.relu("relu3");
    b.conv("conv4", { channels: 5, kernel: 3 });
    b.relu("relu4");
    b.flatten("flat");
    b.linear("fc", { features: 4 });
  });

const images = tensor(Uint8Array.from({ length: IMAGES * 64 }, (_, at) => hash(9, at) % 256), [IMAGES, 8, 8, 1]);
const data: Dataset = { name: "noise", images, labels: Uint8Array.from({ length: IMAGES }, (_, at) => hash(8, at) % 4), classes: [] };
const bits = { weights: dorefa({ bits: 3 }), activations: pact({ bits: 3, alpha: 2 }) };
const mapped = (digital = ["conv1"]) => {
  const quantized = quantize(residual(), { ...bits, last: dorefa({ bits: 3 }), digital });
  return map(decompose(quantized, { cellBits: 1 }), { rows: 32, columns: 32, algorithm: "im2col" });
};
const options = { adc: { bits: 6, range: "full" }, digitBits: 2, batch: 5 } as const;
const PCM: ProgramOptions = { device: "pcm_like", time: 3600, seed: 4 };
const LAST: ProgramOptions = { seed: 4, layers: { conv4: { device: "pcm_like", time: 3600 }, fc: { device: "pcm_like", time: 3600 } } };
const THIRD: ProgramOptions = { seed: 4, layers: { conv3: { device: "rram_milo" } } };

/** A backend that counts the images on which each number of steps ran. */
function counted(backend: Backend): { readonly backend: Backend; readonly images: Map<number, number> } {
  const images = new Map<number, number>();
  const prepare = async (program: Program) => {
    const session = await backend.prepare(program), { length } = program.steps;
    return {
      run: (...batch: Parameters<typeof session.run>) => {
        images.set(length, (images.get(length) ?? 0) + batch[0].shape[0]!);
        return session.run(...batch);
      },
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  };
  return { backend: { ...backend, prepare }, images };
}

/** Accuracies of the chips one by one, each a session of its whole program, and the largest difference of a logit from the quantised network. */
async function alone(backend: Backend, programmed: ReturnType<typeof program>, { converters }: Result, draws: number, noiseSeed = 1) {
  const logits = async (program: Program) => {
    await using session = await backend.prepare(program);
    return await predict(session, data);
  };
  const exact = await logits(lowerQuantized(programmed.mapped.sliced.quantized)), found: number[] = [];
  let logitError = 0;
  for (let chip = 0; chip < draws; chip++) {
    const own = await logits(lowerProgrammed(programmed, converters, { digitBits: 2, chip, noiseSeed }));
    found.push(accuracy(own, data.labels));
    own.data.forEach((value, at) => logitError = Math.max(logitError, Math.abs(value - exact.data[at]!)));
  }
  return [found, logitError];
}

Deno.test("simulate() gives every chip its own accuracy where they share a pass, on each backend and with noise", async () => {
  await using cpu = await cpuBackend({ threads: 2 });
  const chips = mapped(), wires = { wordLine: 20, bitLine: 20 };
  const wired: ProgramOptions = { seed: 4, wires, gMax: 50, layers: { fc: { device: "rram_milo", wires } } };
  for (const [settings, backend] of [[LAST, referenceBackend()], [LAST, cpu], [THIRD, cpu], [wired, cpu], [PCM, cpu]] as const) {
    const programmed = program(chips, settings);
    const together = await simulate(programmed, data, { ...options, draws: 3, backend });
    assertEquals([together.monteCarlo!.samples["accuracy"], together.logitError], await alone(backend, programmed, together, 3));
  }
  const noisy = { adc: { ...options.adc, noise: 2 }, seed: 3 } as const;
  const together = await simulate(program(chips, LAST), data, { ...options, ...noisy, draws: 2, backend: cpu });
  assertEquals([together.monteCarlo!.samples["accuracy"], together.logitError], await alone(cpu, program(chips, LAST), together, 2, 3));
});

Deno.test("simulate() runs what is common once, whatever the batch, and tells the same about layers", async () => {
  const programmed = program(mapped(), LAST), { backend, images: ran } = counted(referenceBackend());
  const one = await simulate(programmed, data, { ...options, backend }), [whole] = [Math.max(...ran.keys())];
  assertEquals(ran.get(whole), IMAGES * 2 + 8); // with the quantised network, of as many steps, and the look at the layers
  ran.clear();
  const many = await simulate(programmed, data, { ...options, draws: 4, backend });
  assertEquals(ran.get(whole), IMAGES); // the quantised network alone
  const [first, second] = [...ran].filter(([steps]) => steps < whole).sort(([a], [b]) => b - a);
  assertEquals([first![1], second![1]], [IMAGES + 8, 4 * IMAGES + 8]);
  assertEquals([many.layers, many.monteCarlo!.samples["accuracy"]![0]], [one.layers, one.accuracy.crossbar]);
  const apart = await simulate(programmed, data, { ...options, batch: 7, draws: 4, backend });
  assertEquals(apart.monteCarlo, many.monteCarlo);
  assertEquals(apart.logitError, many.logitError);
  ran.clear();
  await simulate(program(mapped([]), PCM), data, { ...options, draws: 2, backend }); // nothing in common
  assertEquals(ran.get(whole), 3 * IMAGES + 8);
});

Deno.test("simulate() stops early or when told where chips share a pass", async () => {
  const programmed = program(mapped(), LAST), backend = referenceBackend();
  const all = (await simulate(programmed, data, { ...options, draws: 8, backend })).monteCarlo!.samples["accuracy"]!;
  const early = await simulate(programmed, data, { ...options, draws: 8, halfWidth: 0.5, backend });
  assertEquals([early.monteCarlo!.stopped, early.monteCarlo!.samples["accuracy"]], ["half-width", all.slice(0, 5)]);
  const control = new AbortController();
  const told = await simulate(programmed, data, {
    ...options,
    draws: 8,
    backend,
    signal: control.signal,
    onProgress: (phase, done) => phase === "chip 3 of 8" && done >= 10 && control.abort(),
  });
  assertEquals([told.monteCarlo!.stopped, told.monteCarlo!.samples["accuracy"]], ["aborted", all.slice(0, 2)]);
  assertAlmostEquals(told.accuracy.crossbar, (all[0]! + all[1]!) / 2, 1e-12);
});

Deno.test("unlikeLayers() names just the layers whose steps differ between chips", async () => {
  const chips = mapped(), wires = { wordLine: 20, bitLine: 20 };
  const cases: readonly (readonly [ProgramOptions, object])[] = [
    [LAST, {}],
    [THIRD, {}],
    [PCM, {}],
    [{ wires, gMax: 50 }, {}],
    [{ device: { model: "generic", onOff: 20 } }, {}],
    [{ ...LAST, wires, gMax: 50 }, { noise: 0.5 }],
    [LAST, { columns: { offset: 0.3 } }],
  ];
  for (const [settings, adc] of cases) {
    const programmed = program(chips, settings), more = { adc: { ...options.adc, ...adc } };
    const { converters } = await simulate(programmed, data, { ...options, ...more, backend: "reference" });
    const unlike = unlikeLayers(programmed, converters), [a, b] = [0, 1].map((chip) => lowerProgrammed(programmed, converters, { chip }));
    for (const [name, { step }] of Object.entries(a!.layers)) {
      const check = unlike.has(name) ? assertNotEquals : assertEquals;
      check<unknown>(a!.steps[step], b!.steps[step]);
    }
  }
});

Deno.test("chipCells() takes over what is known, and solves the rest", async () => {
  const wires = { wordLine: 20, bitLine: 20 };
  const programmed = program(mapped(), { seed: 4, wires, gMax: 50, layers: { fc: { device: "rram_milo" } } });
  let solved = 0;
  const solve: WireSolver = (cells, wires) => {
    solved += cells.length;
    return Promise.resolve(cells.map((array) => effectiveConductance(array, wires)));
  };
  const first = await chipCells(programmed, { solve }), every = solved, known = new Map([...first].filter(([name]) => name !== "fc"));
  const second = await chipCells(programmed, { chip: 1, known, solve });
  assertEquals(solved - every, programmed.mapped.layers["fc"]!.arrays.length);
  assertEquals([...second.keys()].sort(), [...first.keys()].sort());
  assertEquals(second.get("conv2"), first.get("conv2"));
  assertNotEquals(second.get("fc"), first.get("fc"));
  assertEquals(second.get("fc"), (await chipCells(programmed, { chip: 1, solve })).get("fc"));
});

Deno.test("recordWriting() notes each array while it is written for another purpose", async () => {
  const verify = { tolerance: 0.02 } as const, wires = { wordLine: 20, bitLine: 20 };
  for (const settings of [{ ...PCM, verify }, { ...PCM, verify, layers: { conv3: { wires, gMax: 50, spareColumns: 2 } } }]) {
    const programmed = program(mapped(), settings), wanted = writeCosts(programmed)!;
    const recorded = recordWriting(programmed), first = Object.keys(programmed.mapped.layers);
    const { converters } = await simulate(programmed, data, { ...options, backend: "reference" });
    for (const chip of [1, 0]) {
      const cells = await chipCells(recorded.programmed, { chip, threads: 1 });
      lowerProgrammed(recorded.programmed, converters, { chip, cells });
    }
    // Nothing is left to be written: arrays that cannot be are not missed.
    const costs = recorded.costs()!;
    assertEquals(costs, wanted);
    assert(first.every((name) => costs.layers[name]!.pulses > 0));
    assertEquals((await simulate(programmed, data, { ...options, backend: "reference", draws: 2 })).writing, wanted);
  }
  assertEquals(recordWriting(program(mapped(), PCM)).costs(), undefined);
});
