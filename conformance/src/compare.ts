/**
 * Compares results with recorded ones: shape, dtype and every element within the case's tolerance; NaN equals NaN, an infinity only itself.
 */
import { type Api, camel, type DTypeLike, Mismatch, numberOf, type TensorLike } from "./api.ts";
import { type Entry, isObject, type Json, type Pools } from "./format.ts";

export type Tolerance = readonly [rtol: number, atol: number];
export const EXACT: Tolerance = [0, 0];

/** The elements of a tensor in row-major order. */
export function read(api: Api, tensor: TensorLike): (number | bigint)[] {
  let flat = tensor.detach();
  if (flat.dtype.name === "float16" || flat.dtype.name === "bfloat16") flat = flat.to(api.torch.float32 as DTypeLike);
  const list = flat.reshape([-1]).toArray() as (number | bigint | boolean)[];
  return list.map((v) => (typeof v === "boolean" ? Number(v) : v));
}

function close(actual: number | bigint, expected: number | bigint, [rtol, atol]: Tolerance): boolean {
  if (typeof expected === "bigint" || typeof actual === "bigint") return BigInt(actual) === BigInt(expected);
  if (Object.is(actual, expected) || actual === expected) return true;
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (!Number.isFinite(expected) || !Number.isFinite(actual)) return false;
  return Math.abs(actual - expected) <= atol + rtol * Math.abs(expected);
}

function list(values: readonly (number | bigint)[]): string {
  return `[${values.slice(0, 6).join(", ")}${values.length > 6 ? ", …" : ""}]`;
}

/** Throws {@link Mismatch} unless `actual` is the recorded tensor. `values` false compares shape and dtype only; the elements in `without` are not compared. */
export function compareTensor(
  api: Api,
  what: string,
  actual: unknown,
  entry: Entry,
  pools: Pools,
  tolerance: Tolerance,
  values = true,
  without?: ReadonlySet<number>,
): void {
  const expectedDtype = api.dtype(entry.d);
  if (!api.isTensor(actual)) throw new Mismatch(`${what}: expected a tensor, got ${describe(actual)}`);
  if (actual.dtype !== expectedDtype) throw new Mismatch(`${what}: dtype ${actual.dtype.name}, expected ${expectedDtype.name}`);
  if (actual.shape.length !== entry.s.length || actual.shape.some((s, i) => s !== entry.s[i])) {
    throw new Mismatch(`${what}: shape [${actual.shape.join(", ")}], expected [${entry.s.join(", ")}]`);
  }
  if (api.device !== null && actual.device.type !== api.device)
    throw new Mismatch(`${what}: on ${actual.device.type}, expected on ${api.device}`);
  if (!values) return;
  const expected = pools.values(entry);
  const got = read(api, actual);
  let wrong = 0;
  let first = -1;
  for (let i = 0; i < expected.length; i++) {
    if (!close(got[i]!, expected[i]!, tolerance) && !without?.has(i)) {
      if (wrong++ === 0) first = i;
    }
  }
  if (wrong > 0) {
    throw new Mismatch(
      `${what}: ${wrong} of ${expected.length} elements differ, first [${first}] is ${got[first]}, expected ${expected[first]} (got ${list(got)}, expected ${list(expected)})`,
    );
  }
}

export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : `${typeof value} ${String(value)}`;
}

/** The items of what stands for a Python tuple: an array, an iterable, or an object with the tuple's names. */
export function items(api: Api, value: unknown, length: number, names: readonly string[] | undefined): unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value === "object" && value !== null && !api.isTensor(value)) {
    if (Symbol.iterator in value) return [...(value as Iterable<unknown>)];
    if (names !== undefined) return names.map((name) => (value as Record<string, unknown>)[camel(name)]);
  }
  throw new Mismatch(`expected ${length} results, got ${describe(value)}`);
}

/**
 * Compares any recorded value; `seen` receives every tensor by its index, so that gradients can be taken from it. `checkTensor` decides how tensors compare.
 */
export function compareValue(
  api: Api,
  what: string,
  actual: unknown,
  expected: Json,
  checkTensor: (what: string, actual: unknown, index: number) => void,
): void {
  if (isObject(expected) && "$t" in expected) {
    checkTensor(what, actual, expected.$t as number);
  } else if (Array.isArray(expected) || (isObject(expected) && "$tuple" in expected)) {
    const list = Array.isArray(expected) ? expected : (expected.$tuple as Json[]);
    const names = Array.isArray(expected) ? undefined : (expected.names as string[] | undefined);
    const got = items(api, actual, list.length, names);
    if (got.length !== list.length) throw new Mismatch(`${what}: ${got.length} results, expected ${list.length}`);
    list.forEach((v, i) => {
      compareValue(api, `${what}[${names?.[i] ?? i}]`, got[i], v, checkTensor);
    });
  } else if (isObject(expected) && "$dtype" in expected) {
    if (actual !== api.dtype(expected.$dtype as never))
      throw new Mismatch(`${what}: ${describe(actual)}, expected ${JSON.stringify(expected)}`);
  } else if (expected === null) {
    if (actual !== null && actual !== undefined) throw new Mismatch(`${what}: expected null, got ${describe(actual)}`);
  } else if (typeof expected === "boolean" || typeof expected === "string") {
    if (actual !== expected) throw new Mismatch(`${what}: ${describe(actual)}, expected ${expected}`);
  } else {
    const number = isObject(expected) && "$i" in expected ? BigInt(expected.$i as string) : numberOf(expected);
    if ((typeof actual !== "number" && typeof actual !== "bigint") || !close(actual, number, EXACT)) {
      throw new Mismatch(`${what}: ${describe(actual)}, expected ${number}`);
    }
  }
}
