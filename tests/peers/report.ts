// What a peer script prints: one JSON object (common.py).

/** One row of a peer. */
export interface PeerRow {
  readonly name: string;
  /** Gb/s (10⁹ one-bit multiply-accumulates) or images/s of the fastest call. */
  readonly value: number;
  readonly unit: string;
  /** Σ sums[i] · (i mod 251 + 1), for layers. */
  readonly checksum?: number;
}

/** The object. */
export interface PeerReport {
  readonly peer: string;
  readonly version?: string;
  /** Why it could not run; null or absent if it did. */
  readonly missing?: string | null;
  readonly rows: readonly PeerRow[];
}
