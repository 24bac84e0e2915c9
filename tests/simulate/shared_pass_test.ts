// Chips that share one pass over the data against the same chips run alone: equal to the bit, and the common part run once.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ShapeError } from "../../lib/errors.ts";
import { hash } from "../../lib/random.ts";
import type { Backend } from "../../lib/simulate/backend.ts";
import { cpuBackend } from "../../lib/simulate/cpu/backend.ts";
import type { Program, Step } from "../../lib/simulate/program.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { sharePass } from "../../lib/simulate/shared_pass.ts";
import { commonPart, cutProgram, firstHalf, sameFirstHalf, secondHalf, workOf } from "../../lib/simulate/split.ts";
import { webgpuBackend } from "../../lib/simulate/webgpu/backend.ts";
import { tensor } from "../../lib/tensor.ts";
import { randomImages, randomPlacedProgram, randomProgram } from "./random_program.ts";

/** Another chip: one step with other weights, whose sums the converters still cover. */
function another(program: Program, at: number): Program {
  return { ...program, steps: program.steps.map((step, index) => index === at ? changed(step) : step) };
}

function changed(step: Step): Step {
  if (step.op === "crossbar") return { ...step, cells: step.cells.map((cell, index) => hash(5, index) % 3 === 0 ? 0 : cell) };
  if (step.op === "integer") return { ...step, weights: step.weights.map((weight) => -weight) };
  if (step.op === "float") return { ...step, weights: step.weights.map((weight) => -weight) };
  return step;
}

/** A backend that notes the programs of the sessions that run. */
function watched(backend: Backend): { readonly backend: Backend; readonly ran: Program[] } {
  const ran: Program[] = [];
  const prepare = async (program: Program) => {
    const session = await backend.prepare(program);
    return {
      run: (...batch: Parameters<typeof session.run>) => {
        ran.push(program);
        return session.run(...batch);
      },
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  };
  return { backend: { ...backend, prepare }, ran };
}

/** Runs two chips alone and together, in two batches, and compares outputs and all values. */
async function compare(backend: Backend, program: Program, at: number, seed: number, bytes?: number): Promise<Program[]> {
  const { backend: counted, ran } = watched(backend), chips = [program, another(program, at)];
  const differs = (step: Step) => step === program.steps[at];
  await using pass = sharePass(counted, program, differs, { leastShare: 0, ...(bytes === undefined ? {} : { bytes }) });
  if (pass === undefined) return ran;
  const all = randomImages(seed, program, 5), size = all.data.length / 5, shape = all.shape.slice(1);
  const batches = [[0, 3], [3, 5]].map(([from, to]) => ({
    first: from!,
    images: tensor(all.data.subarray(from! * size, to! * size), [to! - from!, ...shape]),
  }));
  const taps = [0, ...program.steps.map((step) => step.output)];
  for (const chip of chips) {
    await using alone = await backend.prepare(chip);
    await using together = await pass.prepare(chip);
    for (const { images, first } of batches) {
      const wanted = await alone.run(images, taps, first);
      assertEquals(await together.run(images, [], first), { output: wanted.output, taps: new Map() });
      assertEquals(await together.run(images, taps.slice(-2), first), {
        output: wanted.output,
        taps: new Map(taps.slice(-2).map((tap) => [tap, wanted.taps.get(tap)!])),
      });
    }
    const { images, first } = batches[0]!, wanted = await alone.run(images, taps, first), found = await together.run(images, taps, first);
    assertEquals(found.output, wanted.output);
    for (const tap of taps) assertEquals(found.taps.get(tap), wanted.taps.get(tap));
    await assertRejects(() => together.run(images, [program.values.length], 0), ShapeError);
  }
  return ran;
}

/** Random programs, and for each the step that differs. */
function* cases(count: number): Generator<readonly [program: Program, at: number, seed: number]> {
  for (let seed = 0; seed < count; seed++) {
    const program = seed % 3 === 2 ? randomPlacedProgram(seed) : randomProgram(seed);
    const heavy = program.steps.flatMap(({ op }, at) => op === "crossbar" || op === "integer" || op === "float" ? [at] : []);
    yield [program, heavy[hash(seed, 7) % heavy.length]!, seed];
  }
}

Deno.test("sharePass() gives each chip the very values it has alone, on the reference and the CPU, whatever differs", async () => {
  await using cpu = await cpuBackend({ threads: 2 });
  let shared = 0;
  for (const [program, at, seed] of cases(40)) {
    for (const backend of [referenceBackend(), cpu]) if ((await compare(backend, program, at, seed)).length > 0) shared++;
  }
  assert(shared > 40, `${shared} programs were shared`);
});

Deno.test("sharePass() does so on WebGPU", async () => {
  let backend: Backend;
  try {
    backend = await webgpuBackend();
  } catch {
    return;
  }
  try {
    for (const [program, at, seed] of cases(6)) await compare(backend, program, at, seed);
  } finally {
    await backend[Symbol.asyncDispose]();
  }
});

Deno.test("sharePass() runs the common half once per batch, and each time where there is no room to keep its codes", async () => {
  const program = randomProgram(4), at = program.steps.findLastIndex(({ op }) => op === "crossbar");
  const cut = cutProgram(program, (step) => step === program.steps[at])!;
  const common = firstHalf(program, cut).program.steps.length;
  const times = (ran: Program[]) => ran.filter(({ steps }) => steps.length === common).length;
  // Two batches, and once for each chip with taps of the common half.
  assertEquals(times(await compare(referenceBackend(), program, at, 4)), 2 + 2);
  assertEquals(times(await compare(referenceBackend(), program, at, 4, 0)), 2 * 4 + 2);
});

Deno.test("cutProgram() passes codes alone, and no cut separates what does not differ", () => {
  for (const [program, at] of cases(80)) {
    const cut = cutProgram(program, (step) => step === program.steps[at]);
    if (cut === undefined) continue;
    assert(cut.second[at]);
    for (const value of cut.live) assertEquals(program.values[value]!.type, "u8");
    const first = firstHalf(program, cut), second = secondHalf(program, cut);
    for (const { program: { values, steps } } of [first, second]) {
      const made = new Set([0]);
      for (const step of steps) {
        for (const input of "inputs" in step ? step.inputs : [step.input]) assert(made.has(input));
        made.add(step.output);
      }
      assertEquals(made.size, values.length);
    }
    const work = (list: readonly Step[]) => list.reduce((sum, step) => sum + workOf(step), 0);
    assertEquals(work(first.program.steps) + work(second.program.steps), work(program.steps));
  }
  assertEquals(cutProgram(randomProgram(1), () => false), undefined);
  assertEquals(cutProgram(randomProgram(1), () => true), undefined);
});

Deno.test("sharePass() prepares a program that differs before the cut as it is, and shares nothing where too little is common", async () => {
  const program = randomProgram(4), [early, late] = [0, program.steps.findLastIndex(({ op }) => op === "crossbar")];
  const differs = (step: Step) => step === program.steps[late], cut = cutProgram(program, differs)!;
  const other = another(program, early), images = randomImages(4, program, 2);
  const common = commonPart(program, cut), longer = { ...program, steps: [...program.steps, program.steps.at(-1)!] };
  assert(sameFirstHalf(common, another(program, late), cut));
  for (const each of [other, longer]) assert(!sameFirstHalf(common, each, cut));
  await using backend = referenceBackend();
  await using pass = sharePass(backend, program, differs, { leastShare: 0 })!;
  await using alone = await backend.prepare(other);
  for (const chip of [program, other]) {
    await using session = await pass.prepare(chip);
    const { output } = await session.run(images);
    if (chip === other) assertEquals(output, (await alone.run(images)).output);
  }
  assert(pass.share > 0 && pass.share < 1);
  assertEquals(sharePass(backend, program, differs, { leastShare: 1 }), undefined);
});
