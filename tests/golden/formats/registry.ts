// All formats of golden files, in the order in which they are asked.

import type { Format } from "../format.ts";
import { crosssim } from "./crosssim.ts";
import { lowprecRram } from "./lowprec_rram.ts";
import { mapping } from "./mapping.ts";
import { others } from "./others.ts";

/** Known formats; a file belongs to the first that recognises it. */
export const formats: readonly Format[] = [lowprecRram, crosssim, mapping, ...others];
