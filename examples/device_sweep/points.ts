// The sweeps: which parameter takes which values on which chips.

import {
  type AdcOptions,
  type Device,
  device,
  DEVICE_MODELS,
  genericDevice,
  OptionError,
  pcmLike,
  type ProgramOptions,
  reramCmo,
  stuckAt,
} from "../../mod.ts";

/** Name of a sweep. */
export type SweepName = "sigma" | "time" | "adc" | "stuck" | "wires" | "iv" | "models";

/** One parameter. */
export interface Sweep {
  /** What is shown. */
  readonly title: string;
  /** Name of the parameter, with the unit it is shown in. */
  readonly x: { readonly label: string; readonly unit?: string; readonly scale?: "log" };
  /** Shown value of one unit. */
  readonly factor: number;
  /** Values by default. */
  readonly values: readonly number[];
  /** Smallest value. */
  readonly least: number;
  /** Largest value. */
  readonly most: number;
  /** Whether values are integers. */
  readonly whole: boolean;
}

/** One point of a picture. */
export interface Point {
  /** Sweep it belongs to. */
  readonly sweep: SweepName;
  /** Line it is on. */
  readonly series: string;
  /** Value of the parameter; a model's name in "models". */
  readonly x: number | string;
  /** What is simulated; the device is a built one. */
  readonly chip: ProgramOptions & { readonly device: Device };
  /** Converters. */
  readonly adc: AdcOptions;
  /** Bits applied to the word lines at a time; default 1. */
  readonly digitBits?: number;
  /** Chips. */
  readonly draws: number;
}

/** What points are made of besides the swept parameter. */
export interface Setting {
  /** Cells; by default each sweep has its own. */
  readonly cell?: Device;
  /** Chips per point, where chips differ. */
  readonly draws: number;
  /** ADC resolution where it is not swept. */
  readonly adcBits: number;
  /** On/off ratio of cells without errors. */
  readonly onOff: number;
  /** Highest conductance in µS, for wires; default that of the cells. */
  readonly gMax?: number;
}

const HOUR = 3600, DAY = 24 * HOUR;

/** All sweeps. */
export const SWEEPS: Readonly<Record<SweepName, Sweep>> = {
  sigma: {
    title: "Accuracy against programming error",
    x: { label: "σ of the programming error in shares of G_max, or of G", unit: "%" },
    factor: 100,
    values: [0, 0.02, 0.05, 0.1, 0.15, 0.2],
    least: 0,
    most: Infinity,
    whole: false,
  },
  time: {
    title: "Accuracy against time since programming",
    x: { label: "Time since programming", unit: "s", scale: "log" },
    factor: 1,
    values: [60, HOUR, DAY, 30 * DAY, 365 * DAY],
    least: 1e-6,
    most: Infinity,
    whole: false,
  },
  adc: {
    title: "Accuracy against ADC resolution",
    x: { label: "ADC resolution", unit: "bits" },
    factor: 1,
    values: [3, 4, 5, 6, 8],
    least: 2,
    most: 16,
    whole: true,
  },
  stuck: {
    title: "Accuracy against stuck cells, five in six of them off",
    x: { label: "Share of stuck cells", unit: "%", scale: "log" },
    factor: 100,
    values: [0.002, 0.005, 0.01, 0.02, 0.05],
    least: 1e-6,
    most: 1,
    whole: false,
  },
  wires: {
    title: "Accuracy against wire resistance",
    x: { label: "Resistance between two cells", unit: "Ω" },
    factor: 1,
    values: [0, 0.5, 1, 2, 4],
    least: 0,
    most: Infinity,
    whole: false,
  },
  iv: {
    title: "Accuracy against the bend of the cells' currents, I = G v0 sinh(V / v0)",
    x: { label: "Read voltage over v0" },
    factor: 1,
    values: [0, 1, 2, 3],
    least: 0,
    most: 100,
    whole: false,
  },
  models: {
    title: "Accuracy by device model, freshly programmed",
    x: { label: "Device model" },
    factor: 1,
    values: [],
    least: 0,
    most: 0,
    whole: false,
  },
};

/** Converters of the ADC sweep: those that differ in how codes are spent. */
const CONVERTERS: Readonly<Record<string, Omit<AdcOptions, "bits">>> = {
  "uniform, range of least error": { range: "mse" },
  "uniform, whole range": { range: "full" },
  "sign-magnitude": { kind: "signMagnitude" },
  "Lloyd–Max": { kind: "lloydMax" },
};

/** Points of the sweeps asked for, in the order they are simulated. */
export function points(sweeps: readonly { readonly name: SweepName; readonly values?: readonly number[] }[], setting: Setting): Point[] {
  return sweeps.flatMap(({ name, values }) => {
    if (name === "models") return models(setting);
    const usual = SWEEPS[name].values.filter((x) => name !== "time" || setting.cell === undefined || knownAt(setting.cell, x));
    return (values ?? usual).flatMap((x) => MAKERS[name](x, setting));
  });
}

/** Whether a model says what becomes of its cells in so many seconds. */
function knownAt({ drift }: Device, seconds: number): boolean {
  try {
    drift?.(1, 1, seconds, () => 0);
    return true;
  } catch (error) {
    if (error instanceof OptionError) return false;
    throw error;
  }
}

type Maker = (x: number, setting: Setting) => Point[];

const MAKERS: Readonly<Record<Exclude<SweepName, "models">, Maker>> = {
  sigma: (x, setting) =>
    (["independent", "proportional"] as const).map((scaling) => {
      const error = x === 0 ? {} : { program: { distribution: "normal", scaling, magnitude: x } as const };
      const series = scaling === "independent" ? "same σ for all states" : "σ in proportion to G";
      return point("sigma", series, x, { device: genericDevice({ onOff: setting.onOff, ...error }) }, setting);
    }),
  time: (x, setting) =>
    (setting.cell === undefined ? [pcmLike(), reramCmo()] : [setting.cell]).flatMap((cell) =>
      (["none", "global"] as const).map((compensation) =>
        point(
          "time",
          compensation === "none" ? cell.name : `${cell.name}, compensated`,
          x,
          { device: cell, time: x, compensation },
          setting,
        )
      )
    ),
  adc: (x, setting) =>
    Object.entries(CONVERTERS).map(([series, converter]) => ({
      ...point("adc", series, x, { device: plain(setting) }, setting),
      adc: { bits: x, ...converter },
    })),
  stuck: (x, setting) =>
    ([["no remedy", {}], ["8 spare columns", { spareColumns: 8 }], ["rows remapped", { remap: true }], [
      "both",
      { spareColumns: 8, remap: true },
    ]] as const).map(([series, remedy]) =>
      point("stuck", series, x, { device: stuckAt(plain(setting), { low: x * 5 / 6, high: x / 6 }), ...remedy }, setting)
    ),
  wires: (x, setting) => {
    // A device that was measured brings its own scale.
    const scales = setting.gMax !== undefined ? [setting.gMax] : setting.cell === undefined ? [25, 100] : [undefined];
    return scales.map((gMax) => {
      const chip = { device: plain(setting), wires: { wordLine: x, bitLine: x }, ...(gMax === undefined ? {} : { gMax }) };
      return point("wires", gMax === undefined ? chip.device.name : `G_max ${gMax} µS`, x, chip, setting);
    });
  },
  iv: bent,
};

/** Laws of a hyperbolic sine by how many bits are applied at a time; low states may bend more than high ones, which conduct as metals do. */
function bent(x: number, setting: Setting): Point[] {
  const law = (v0: number | readonly number[]) => x === 0 ? {} : { iv: { law: "sinh", readVoltage: 1, v0 } as const };
  const kinds = [
    ["2 bits at a time", 2, law(1 / x)],
    ["4 bits at a time", 4, law(1 / x)],
    ["2 bits, v0 twice as large in the highest state", 2, law([1 / x, 2 / x])],
  ] as const;
  return kinds.map(([series, digitBits, iv]) => ({ ...point("iv", series, x, { device: plain(setting), ...iv }, setting), digitBits }));
}

/** Every model with its defaults, and the cells asked for. */
function models(setting: Setting): Point[] {
  const known = DEVICE_MODELS.filter((name) => !["generic", "table", "stuck_at"].includes(name)).map((model) => device({ model }));
  const own = setting.cell === undefined || known.some(({ name }) => name === setting.cell!.name) ? [] : [setting.cell];
  return [...known, ...own].map((cell) => point("models", "accuracy", cell.name, { device: cell }, setting));
}

function plain({ cell, onOff }: Setting): Device {
  return cell ?? genericDevice({ onOff });
}

function point(sweep: SweepName, series: string, x: number | string, chip: Point["chip"], { draws, adcBits }: Setting): Point {
  const { program, read, drift } = chip.device, differ = program ?? read ?? (chip.time === undefined ? undefined : drift);
  return { sweep, series, x, chip, adc: { bits: adcBits }, draws: differ === undefined ? 1 : draws };
}
