// How long is left, in the unit a person would use.

/** Seconds as hours, minutes or seconds. */
export function duration(seconds: number): string {
  return seconds >= 3600
    ? `${(seconds / 3600).toFixed(1)} h`
    : seconds >= 60
    ? `${Math.round(seconds / 60)} min`
    : `${Math.round(seconds)} s`;
}
