// The sweep as its users call it: rows that survive in a file, pictures, JSON alone on standard output, and clear refusals.

import { assert, assertEquals } from "@std/assert";
import { runExample } from "./run.ts";

const run = (...args: string[]) => runExample("device_sweep", args);

Deno.test("device_sweep.ts writes rows and pictures, and goes on from them", async () => {
  const folder = await Deno.makeTempDir(), table = `${folder}/levels.csv`;
  try {
    await Deno.writeTextFile(table, "target,mean,sigma\n1,1.2,0.3\n100,97,4\n");
    const small = ["--images", "2", "--draws", "2", "--threads", "1", "--backend", "cpu", "--device", table, "--out", folder, "--json"];
    const first = await run(...small, "--sweep", "time", "--values", "100");
    assertEquals(first.code, 0, first.error);
    const { complete, rows, pictures } = JSON.parse(first.out);
    assert(complete);
    assertEquals(rows.map(({ series, x, samples }: { series: string; x: number; samples: number[] }) => [series, x, samples.length]), [
      ["table", 100, 2],
      ["table, compensated", 100, 2],
    ]);
    assertEquals(pictures, [`${folder}/time.svg`]);
    assert((await Deno.readTextFile(pictures[0])).includes("Time since programming"));
    const again = await run(...small, "--sweep", "time", "--values", "100");
    assertEquals(JSON.parse(again.out).rows, rows); // seconds included: nothing was simulated
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("device_sweep.ts bends the cells' currents", async () => {
  const { code, out, error } = await run(
    ...[
      "--images",
      "2",
      "--threads",
      "1",
      "--backend",
      "cpu",
      "--rows",
      "64",
      "--sweep",
      "iv",
      "--values",
      "2",
      "--adc-bits",
      "10",
      "--json",
    ],
  );
  assertEquals(code, 0, error);
  const { rows } = JSON.parse(out) as { rows: { series: string; x: number; samples: number[] }[] };
  assertEquals(rows.map(({ x, samples }) => [x, samples.length]), [2, 2, 2].map((x) => [x, 1]));
  assertEquals(new Set(rows.map(({ series }) => series)).size, 3);
});

Deno.test("device_sweep.ts refuses what it does not know with exit code 2", async () => {
  const wrong = [["--sweep", "sgima"], ["--device", "pcm"], ["--sweep", "adc", "--values", "3.5"], ["--values", "1"]];
  for (
    const [args, told] of wrong.map((args, at) =>
      [args, ["sigma, time", "pcm_like", "integers from 2 to 16", "several sweeps"][at]!] as const
    )
  ) {
    const { code, out, error } = await run(...args);
    assertEquals([code, out], [2, ""], error);
    assert(error.includes(told), error);
  }
});
