// Fetches the data sets that tests use before the tests run, since those run with a frozen lock file. Without a network the tests that need data are skipped.

import { cifar10 } from "../lib/data/cifar10.ts";
import { mnist } from "../lib/data/mnist.ts";

try {
  for (const offset of [0, 10_000, 20_000, 30_000, 40_000]) await cifar10.train({ offset, limit: 1 });
  await cifar10.test({ limit: 1 });
  await mnist.train({ limit: 1 });
  await mnist.test({ limit: 1 });
} catch (error) {
  console.error(`Tests that need real data will be skipped. ${error instanceof Error ? error.message : error}`);
}
