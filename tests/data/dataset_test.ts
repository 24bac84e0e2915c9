import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { channelStatistics, type Dataset, loadRange, sliceDataset } from "../../lib/data/dataset.ts";
import { OptionError } from "../../lib/errors.ts";
import { tensor } from "../../lib/tensor.ts";

const dataset: Dataset = {
  name: "x",
  images: tensor(Uint8Array.of(0, 255, 255, 255, 0, 51), [3, 1, 1, 2]),
  labels: Uint8Array.of(4, 5, 6),
  classes: [],
};

Deno.test("sliceDataset() takes a range without copying", () => {
  const part = sliceDataset(dataset, 1);
  assertEquals([part.images.shape, [...part.images.data], [...part.labels]], [[2, 1, 1, 2], [255, 255, 0, 51], [5, 6]]);
  assertEquals(part.images.data.buffer, dataset.images.data.buffer);
  assertThrows(() => sliceDataset(dataset, 2, 4), OptionError, "end ≤ 3");
});

Deno.test("channelStatistics() gives mean and standard deviation per channel", () => {
  const { mean, std } = channelStatistics(dataset.images);
  assertAlmostEquals(mean[0]!, 1 / 3, 1e-12);
  assertAlmostEquals(mean[1]!, 2.2 / 3, 1e-12);
  assertAlmostEquals(std[0]!, Math.sqrt(2) / 3, 1e-12);
});

Deno.test("loadRange() defaults to everything after the offset", () => {
  assertEquals(loadRange("x", {}, 10), { begin: 0, end: 10 });
  assertEquals(loadRange("x", { offset: 4 }, 10), { begin: 4, end: 10 });
  assertEquals(loadRange("x", { offset: 4, limit: 2 }, 10), { begin: 4, end: 6 });
  assertThrows(() => loadRange("x", { offset: 4, limit: 7 }, 10), OptionError, "from 1 to 6");
});
