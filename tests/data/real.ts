// Loads real data for a test, or nothing where it cannot be had: a test then has nothing to say, which is not a failure.

import type { Dataset } from "../../lib/data/dataset.ts";
import { DataError } from "../../lib/errors.ts";

/** The data set, or undefined with a note if it cannot be fetched here. */
export async function real(load: () => Promise<Dataset>): Promise<Dataset | undefined> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof DataError) || !/Cannot fetch|no such folder/.test(error.message)) throw error;
    console.log(`skipped: ${error.message}`);
    return undefined;
  }
}
