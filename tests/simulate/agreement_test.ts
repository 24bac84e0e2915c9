// A few dozen of the random layers that agreement_run.ts takes by the thousand, on every backend there is.

import { assertEquals } from "@std/assert";
import { cpuBackend } from "../../lib/simulate/cpu/backend.ts";
import { referenceBackend } from "../../lib/simulate/reference/backend.ts";
import { agreementProgram, disagreements, GROUP } from "./agreement.ts";
import { mixedBackend } from "./agreement_ways.ts";
import { deviceIfAny } from "./webgpu/agree.ts";

const device = await deviceIfAny();

Deno.test("cpuBackend() agrees with the oracle on random layers of every kind", async () => {
  await using backend = await cpuBackend({ threads: 2 });
  assertEquals(await disagreements(backend, 5000 * GROUP, 3 * GROUP), []);
});

Deno.test("cpuBackend() agrees with the oracle on random layers with many positions", async () => {
  await using backend = await cpuBackend({ threads: 1 });
  assertEquals(await disagreements(backend, 5000 * GROUP, GROUP / 2, () => {}, 64), []);
});

Deno.test({
  name: "webgpuBackend() agrees with the oracle on random layers of every kind",
  ignore: device === undefined,
  fn: async () => assertEquals(await disagreements(mixedBackend(device!), 5003 * GROUP, GROUP / 2), []),
});

Deno.test("disagreements() names the case that differs, and the one that throws", async () => {
  const from = 7 * GROUP + 3, inner = referenceBackend();
  const found = await disagreements(
    {
      prepare: (program) => {
        const steps = program.steps.map((step) =>
          step.output === agreementProgram([from]).sums[0]! + 3 && step.op === "crossbar"
            ? { ...step, correction: step.correction + 1 }
            : step
        );
        return inner.prepare({ ...program, steps });
      },
    },
    from,
    3,
  );
  assertEquals(found.map(({ seed }) => seed), [from + 1]);
  const thrown = await disagreements(
    {
      prepare: (program) => {
        if (program.values.some(({ name }) => name === `case ${from + 2}`)) throw new Error("refused");
        return inner.prepare(program);
      },
    },
    from,
    3,
  );
  assertEquals(thrown.map(({ seed }) => seed), [from + 2]);
});

Deno.test.afterAll(async () => await device?.[Symbol.asyncDispose]());
