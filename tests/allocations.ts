// Bytes of typed arrays that some work allocates: a count that neither the collector nor the machine changes, unlike resident memory.

const NAMES = [
  "Int8Array",
  "Uint8Array",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
] as const;
const prototype = Object.getPrototypeOf(Int8Array.prototype) as Record<string, (...args: unknown[]) => ArrayLike<unknown>>;

type Bytes = { readonly BYTES_PER_ELEMENT: number };

/**
 * Runs `work` with counting constructors in place of the global ones.
 *
 * `from` with a function first lists its source element by element, each at 8 bytes or more on the heap of the engine: that counts as well.
 */
export async function allocated(work: () => unknown): Promise<number> {
  let bytes = 0;
  const scope = globalThis as unknown as Record<string, unknown>, originals = NAMES.map((name) => [name, scope[name]] as const);
  const methods = ["map", "slice", "filter"].map((name) => [name, prototype[name]!] as const);
  const size = (type: Bytes, source: unknown) => {
    const length = typeof source === "number" ? source : (source as { length?: number } | undefined)?.length ?? 0;
    bytes += length * type.BYTES_PER_ELEMENT;
  };
  for (const [name, original] of originals) {
    scope[name] = new Proxy(original as typeof Int8Array, {
      construct(target, args, self) {
        size(target, args[0]);
        return Reflect.construct(target, args, self === scope[name] ? target : self);
      },
      get(target, key) {
        if (key !== "from") return Reflect.get(target, key);
        return (source: ArrayLike<number>, ...rest: [(value: number) => number]) => {
          size(target, source.length);
          if (rest.length > 0 && Symbol.iterator in source) bytes += 8 * source.length;
          return target.from(source, ...rest);
        };
      },
    });
  }
  for (const [name, method] of methods) {
    prototype[name] = function (this: unknown, ...args) {
      const made = method.apply(this, args);
      size(made.constructor as unknown as Bytes, made.length);
      return made;
    };
  }
  try {
    await work();
  } finally {
    for (const [name, original] of originals) scope[name] = original;
    for (const [name, method] of methods) prototype[name] = method;
  }
  return bytes;
}
