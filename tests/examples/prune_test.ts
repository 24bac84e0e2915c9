import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runExample } from "./run.ts";
import { mnist } from "../../lib/data/mnist.ts";

const noData = await mnist.test({ limit: 1 }).then(() => false, () => true);

const run = (...args: string[]) => runExample("prune", args);

// Skipped only where MNIST is neither cached nor to be fetched.
Deno.test({ name: "prune.ts trains, prunes and tunes, and prints one object with --json", ignore: noData }, async () => {
  const { code, out, error } = await run(
    ...["--method", "vwc-sdk", "--images", "256", "--test-images", "100", "--epochs", "1", "--tune", "1", "--fall", "100", "--json"],
  );
  assertEquals(code, 0, error);
  const { original, pruned, rounds, stopped } = JSON.parse(out);
  assertEquals([original.cycles, pruned.cycles, rounds.length], [100, 50, 1]);
  assertEquals(rounds[0].groups[0].channels, { before: 6, after: 4 });
  assert(pruned.weights < original.weights);
  assertEquals(stopped, "nothing is left to prune");
});

Deno.test("prune.ts refuses options it does not know or cannot use", async () => {
  const [option, choice, folder] = await Promise.all([run("--round", "3"), run("--method", "magic"), run("--svhn", "no/such/folder")]);
  assertEquals([option.code, choice.code, folder.code], [2, 2, 2]);
  assertStringIncludes(option.error, "--round)");
  assertStringIncludes(choice.error, "--method");
  assertStringIncludes(folder.error, "--svhn");
  assert([option, choice, folder].every(({ out }) => out === ""));
});
