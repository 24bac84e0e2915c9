// The crossbar kernels, layers and networks for Deno's own benchmark runner: `deno bench -A bench/crossbar_bench.ts`. Rates and shares: main.ts.

import { kernelBenchmarks } from "./kernels.ts";
import { layerBenchmarks } from "./layers.ts";
import { networkBenchmarks } from "./networks.ts";
import { register } from "./suite.ts";

register([...kernelBenchmarks, ...layerBenchmarks, ...networkBenchmarks]);
