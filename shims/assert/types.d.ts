// Types of the part of @std/assert that npm:deno-std ships as plain JavaScript.

/** A class whose instances are `T`. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor<T = unknown> = abstract new (...args: any[]) => T;
/** The instance type of a constructor. */
export type GetConstructorType<C extends AnyConstructor> = C extends AnyConstructor<infer T> ? T : never;
/** Values JavaScript treats as false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;
/** An array-like that `assertArrayIncludes` can search. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Error thrown when an assertion fails. */
export class AssertionError extends Error {
  /** Makes the error. */
  constructor(message: string, options?: ErrorOptions);
}

/** Asserts that `expr` is truthy. */
export function assert(expr: unknown, msg?: string): asserts expr;
/** Asserts that `expr` is falsy. */
export function assertFalse(expr: unknown, msg?: string): asserts expr is Falsy;
/** Asserts deep equality. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
/** Asserts deep inequality. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;
/** Asserts `Object.is(actual, expected)`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T;
/** Asserts `!Object.is(actual, expected)`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;
/** Asserts |actual − expected| ≤ tolerance; by default one part in 10⁷ of `expected`. */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void;
/** Asserts that `actual` is neither null nor undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;
/** Asserts actual > expected. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void;
/** Asserts actual ≥ expected. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;
/** Asserts actual < expected. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void;
/** Asserts actual ≤ expected. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;
/** Asserts that `actual` matches a regular expression. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void;
/** Asserts that `actual` does not match a regular expression. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;
/** Asserts that `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void;
/** Asserts that `actual` contains every value of `expected`. */
export function assertArrayIncludes<T>(actual: ArrayLikeArg<T>, expected: ArrayLikeArg<T>, msg?: string): void;
/** Asserts that `expected` is a deep subset of `actual`. */
export function assertObjectMatch(actual: object, expected: object, msg?: string): void;
/** Asserts `actual instanceof expectedType`. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is GetConstructorType<T>;
/** Asserts `!(actual instanceof unexpectedType)`. */
export function assertNotInstanceOf<A, T>(actual: A, unexpectedType: AnyConstructor<T>, msg?: string): asserts actual is Exclude<A, T>;
/** Asserts that `error` is an error of a class, with a message. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: abstract new (...args: never[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E;
/** Asserts that `fn` throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that `fn` throws an error of a class, with a message; returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: abstract new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
/** Asserts that the promise of `fn` rejects; resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that the promise of `fn` rejects with an error of a class, with a message; resolves to it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: abstract new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
/** Deep equality, as `assertEquals` has it. */
export function equal(a: unknown, b: unknown): boolean;
/** Fails always. */
export function fail(msg?: string): never;
/** Fails: not written yet. */
export function unimplemented(msg?: string): never;
/** Fails: cannot be reached. */
export function unreachable(msg?: string): never;
