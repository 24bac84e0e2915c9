import { assert, assertEquals } from "@std/assert";
import { cpuBackend } from "../../../lib/simulate/cpu/backend.ts";
import { bytesOf, planMemory } from "../../../lib/simulate/cpu/memory.ts";
import type { Program, Step, Value } from "../../../lib/simulate/program.ts";
import { randomImages, randomPlacedProgram, randomProgram } from "../random_program.ts";

/** Values of `sizes` bytes, and steps that each write the next value from the inputs given. */
function program(sizes: readonly number[], inputs: readonly (readonly number[])[], output = sizes.length - 1): Program {
  return {
    values: sizes.map((size, index): Value => ({ type: "f32", shape: [1, 1, size / 4], name: `v${index}` })),
    steps: inputs.map((from, index): Step => ({ op: "add", inputs: from, output: index + 1 })),
    output,
  };
}

Deno.test("planMemory() lets a chain take its widest step, however long", () => {
  const length = 40, sizes = Array.from({ length }, () => 1024);
  assertEquals(planMemory(program(sizes, sizes.slice(1).map((_, index) => [index]))).bytes, 2048);
  assertEquals(planMemory(program([64, 4096, 128, 4096, 64], [[0], [1], [2], [3]])).bytes, 4096 + 128);
});

Deno.test("planMemory() gives VGG7 at full width no more than its second layer needs", () => {
  const values: Value[] = [{ type: "u8", shape: [32, 32, 3], name: "input" }], steps: Step[] = [];
  const add = (op: "maxPool" | "relu", type: Value["type"], shape: Value["shape"]) => {
    const input = values.push({ type, shape, name: op }) - 2;
    const pool = { op: "maxPool" as const, input, output: input + 1, kernel: [2, 2], stride: [2, 2], padding: [0, 0] } as const;
    steps.push(op === "maxPool" ? pool : { op, inputs: [input], output: input + 1 });
  };
  for (const [side, channels] of [[32, 128], [16, 256], [8, 512]] as const) {
    for (let layer = 0; layer < 2; layer++) {
      add("relu", "i32", [side, side, channels]);
      add("relu", "u8", [side, side, channels]);
    }
    add("maxPool", "u8", [side / 2, side / 2, channels]);
  }
  for (const channels of [1024, 10]) add("relu", "f32", [1, 1, channels]);
  assertEquals(planMemory({ values, steps, output: values.length - 1 }).bytes, 32 * 32 * 128 * 5);
});

Deno.test("planMemory() keeps what a skip connection needs, and the output", () => {
  assertEquals(planMemory(program([256, 256, 256, 256, 256], [[0], [1], [2], [3, 0]])).bytes, 3 * 256);
  const kept = planMemory(program([256, 256, 256, 256], [[0], [1], [2]], 1));
  assert(kept.offsets.slice(2).every((offset) => offset !== kept.offsets[1]));
});

Deno.test("planMemory() gives views the place of what they show, for as long as either is read", () => {
  const values = Array.from({ length: 5 }, (_, index): Value => ({ type: "f32", shape: [1, 1, 64], name: `v${index}` }));
  const steps: Step[] = [
    { op: "view", input: 0, output: 1 },
    { op: "relu", inputs: [0], output: 2 },
    { op: "view", input: 1, output: 3 },
    { op: "add", inputs: [2, 3], output: 4 },
  ];
  const { offsets, bytes } = planMemory({ values, steps, output: 4 });
  assertEquals([offsets[1], offsets[3]], [offsets[0], offsets[0]]);
  assertEquals(new Set([offsets[0], offsets[2], offsets[4]]).size, 3);
  assertEquals(bytes, 3 * 256);
});

Deno.test("planMemory() never lets two living values meet, and stays near the widest step", () => {
  for (let seed = 0; seed < 200; seed++) {
    const made = seed % 2 === 0 ? randomProgram(seed) : randomPlacedProgram(seed), { values, steps } = made;
    const { offsets, bytes } = planMemory(made);
    const owner = values.map((_, value) => value);
    for (const step of steps) if (step.op === "view") owner[step.output] = owner[step.input]!;
    const living = new Set([0]);
    let widest = 0;
    steps.forEach((step, index) => {
      const later = new Set(
        steps.slice(index).flatMap((each) => "inputs" in each ? each.inputs : [each.input]).map((value) => owner[value]!),
      );
      for (const value of living) if (!later.has(value) && value !== owner[made.output]) living.delete(value);
      living.add(owner[step.output]!);
      const spans = [...living].map((value) => [offsets[value]!, offsets[value]! + bytesOf(values[value]!)] as const).sort((a, b) =>
        a[0] - b[0]
      );
      spans.slice(1).forEach(([from], at) => assert(from >= spans[at]![1], `seed ${seed}, step ${index}`));
      widest = Math.max(widest, [...living].reduce((sum, value) => sum + Math.ceil(bytesOf(values[value]!) / 64) * 64, 0));
    });
    assert(bytes >= widest && bytes <= 1.5 * widest, `seed ${seed}: ${bytes} for ${widest}`);
  }
});

Deno.test("cpuBackend() gives the same values with taps, without, and after other batches", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  for (let seed = 0; seed < 8; seed++) {
    const made = randomProgram(seed), images = randomImages(seed, made, 4);
    await using session = await backend.prepare(made);
    const all = await session.run(images, made.values.map((_, value) => value));
    const half = images.data.length / 2,
      two = await session.run({ shape: [2, ...images.shape.slice(1)], data: images.data.subarray(half) }, [3]);
    assertEquals((await session.run(images)).output, all.output);
    assertEquals(two.output.data, all.output.data.subarray(all.output.data.length / 2));
    assertEquals(two.taps.get(3)!.data, all.taps.get(3)!.data.slice(all.taps.get(3)!.data.length / 2));
    assertEquals(all.taps.get(0)!.data, images.data);
  }
});
