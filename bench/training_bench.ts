// Training and mapping for Deno's own benchmark runner: `deno bench -A bench/training_bench.ts`. Rates and shares: main.ts.

import { mappingBenchmarks } from "./mapping.ts";
import { register } from "./suite.ts";
import { trainingBenchmarks } from "./training.ts";

register([...trainingBenchmarks, ...mappingBenchmarks]);
