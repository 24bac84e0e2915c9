// What training through arrays gives back: means and deviations over seeds, and the share of ordinary training's loss.

/** Accuracies of one seed, as shares. */
export interface Accuracies {
  /** Ordinary training, converters that hold every sum that could occur. */
  readonly ordinaryMax: number;
  /** Ordinary training, converters that fit the sums of training images. */
  readonly ordinary: number;
  /** The same with batch norm measured anew through them. */
  readonly ordinaryCalibrated: number;
  /** Training through the arrays. */
  readonly pimQat: number;
}

/** One row of the table over all seeds. */
export interface Recovery extends Accuracies {
  /** Ordinary training without arrays: what there is to lose. */
  readonly quantised: number;
  /** Standard deviations over seeds; 0 for one. */
  readonly deviation: Accuracies;
  /** (pimQat − ordinary) / (quantised − ordinary), of the means; null if nothing is lost. */
  readonly recovered: number | null;
  /** The same from `ordinaryMax`. */
  readonly recoveredMax: number | null;
  /** Number of seeds. */
  readonly seeds: number;
}

/** Mean of a list. */
export function mean(list: readonly number[]): number {
  return list.reduce((sum, value) => sum + value, 0) / list.length;
}

function deviation(list: readonly number[]): number {
  const middle = mean(list);
  return list.length < 2 ? 0 : Math.sqrt(list.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (list.length - 1));
}

const NAMES = ["ordinaryMax", "ordinary", "ordinaryCalibrated", "pimQat"] as const;

/** Sums up a row; `quantised` are the accuracies without arrays, seed by seed. */
export function summary(cells: readonly Accuracies[], quantised: readonly number[]): Recovery {
  const over = (of: (list: readonly number[]) => number) =>
    Object.fromEntries(NAMES.map((name) => [name, of(cells.map((cell) => cell[name]))])) as unknown as Accuracies;
  const means = over(mean), upper = mean(quantised);
  const share = (from: number) => upper > from ? (means.pimQat - from) / (upper - from) : null;
  return {
    ...means,
    quantised: upper,
    deviation: over(deviation),
    recovered: share(means.ordinary),
    recoveredMax: share(means.ordinaryMax),
    seeds: cells.length,
  };
}

/** A share in %, for people. */
export function percent(share: number): string {
  return (100 * share).toFixed(2);
}

/**
 * The table for people. Shares of a loss within twice the chance of `images` test images stand in brackets: they say nothing.
 *
 * @param images Test images times seeds.
 */
export function table(rows: readonly (Recovery & { readonly scheme: string; readonly adcBits: number })[], images: number): string {
  const head = ["scheme", "bits", "worst-case range", "ordinary", "and batch norm", "PIM-QAT", "recovered", "of worst case"];
  const lines = rows.map((row) => {
    const cell = (name: (typeof NAMES)[number]) => percent(row[name]) + (row.seeds < 2 ? "" : ` ± ${percent(row.deviation[name])}`);
    const share = (value: number | null, from: number) => {
      if (value === null) return "nothing lost";
      const chance = Math.sqrt((row.quantised * (1 - row.quantised) + from * (1 - from)) / images);
      return row.quantised - from > 2 * chance ? `${(100 * value).toFixed(0)} %` : `(${(100 * value).toFixed(0)} %)`;
    };
    return [
      row.scheme,
      String(row.adcBits),
      ...NAMES.map(cell),
      share(row.recovered, row.ordinary),
      share(row.recoveredMax, row.ordinaryMax),
    ];
  });
  const widths = head.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]!.length)));
  return [head, ...lines].map((line) => line.map((text, at) => at === 0 ? text.padEnd(widths[at]!) : text.padStart(widths[at]!)).join("  "))
    .join("\n");
}
