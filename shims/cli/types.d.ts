// Types of parseArgs as far as this project uses it: names in `string`, `boolean` and `collect` type the result.

/** One name or several. */
type Names<T extends string> = T | readonly T[];

/** Options of `parseArgs`. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  N extends string = string,
  D extends Record<string, unknown> | undefined = Record<string, unknown> | undefined,
> {
  /** Put what follows `--` into the key `"--"`. */
  "--"?: boolean;
  /** Other names of an argument. */
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Names that are always booleans, or true for every `--name` without `=`. */
  boolean?: boolean | Names<B>;
  /** Values of arguments not given. */
  default?: D;
  /** Stop at the first argument that is not an option. */
  stopEarly?: boolean;
  /** Names that are always strings. */
  string?: Names<S>;
  /** Names that may be given more than once. */
  collect?: Names<C>;
  /** Names that `--no-name` may turn off. */
  negatable?: Names<N>;
  /** Called for every argument not declared; false drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type Simplify<T> = { [K in keyof T]: T[K] };
type Base<K, B extends string, S extends string> = K extends B ? boolean : K extends S ? string : unknown;
type Collected<K, V, C extends string> = K extends C ? V[] : V;
type IsDefault<K, D> = K extends keyof D ? (undefined extends D[K] ? false : true) : false;
type Value<K, B extends string, S extends string, C extends string, D> = K extends B | C ? Collected<K, Base<K, B, S>, C>
  : IsDefault<K, D> extends true ? Base<K, B, S>
  : Base<K, B, S> | undefined;

/** What `parseArgs` gives back: the declared names, the positional arguments in `_`. */
export type Args<B extends string, S extends string, C extends string, D> = Simplify<
  & { [K in B | S | C]: Value<K, B, S, C, D> | (K extends keyof D ? Exclude<D[K], string | boolean> extends never ? never : D[K] : never) }
  & { [K in Exclude<keyof D, B | S | C>]: D[K] }
  & { _: (string | number)[] }
  & { "--"?: string[] }
  & { [name: string]: unknown }
>;

/** Parses command-line arguments. */
export function parseArgs<
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
  const N extends string = never,
  const D extends Record<string, unknown> | undefined = undefined,
>(args: readonly string[], options?: ParseOptions<B, S, C, N, D>): Args<B, S, C, D extends undefined ? Record<never, never> : D>;
