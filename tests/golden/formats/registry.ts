// All formats of golden files, in the order in which they are asked.

import type { Format } from "../format.ts";
import { badcrossbar } from "./badcrossbar.ts";
import { aihwkit } from "./aihwkit.ts";
import { aihwkitMvm } from "./aihwkit_mvm.ts";
import { crosssim } from "./crosssim.ts";
import { crosssimStatistics } from "./crosssim_statistics.ts";
import { lowprecRram } from "./lowprec_rram.ts";
import { mapping } from "./mapping.ts";
import { neurosim } from "./neurosim.ts";
import { others } from "./others.ts";
import { swim } from "./swim.ts";

/** Known formats; a file belongs to the first that recognises it. */
export const formats: readonly Format[] = [
  lowprecRram,
  crosssim,
  crosssimStatistics,
  aihwkit,
  aihwkitMvm,
  mapping,
  badcrossbar,
  neurosim,
  swim,
  ...others,
];
