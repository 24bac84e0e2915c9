// The search for placements: every layer of ResNet-50 on arrays of 512×512.

import { bestMapping } from "../lib/map/best.ts";
import { layerGeometries } from "../lib/network/geometries.ts";
import { resnet50 } from "../lib/network/zoo/resnet.ts";
import type { Benchmark } from "./measure.ts";

/** Seconds for the whole network. */
export const mappingBenchmarks: readonly Benchmark[] = [{
  group: "mapping",
  name: "ResNet-50 on 512×512, best of all mappers",
  unit: "s",
  open() {
    const layers = layerGeometries(resnet50());
    return Promise.resolve({
      call: () => layers.forEach(({ geometry }) => bestMapping({ geometry, rows: 512, columns: 512 })),
      value: (seconds) => seconds,
    });
  },
}];
