/**
 * Whether what a pickle made can be worked with: a tree, or nearly one.
 */
import { OrderedDict } from "../core/collections.ts";
import { UnpicklingError } from "../core/errors.ts";
import { type PickleAccount, heapBytes } from "./pickleAccount.ts";

/** Values nested deeper than this are refused. */
const deepest = 1000;
/** So many values are walked through in any case; beyond, each must not be met more than `mostRepeated` times on average. */
const alwaysWalked = 1_000_000;
const mostRepeated = 100;
/** Containers of so few values without containers among them are looked through again rather than remembered. */
const fewValues = 8;

/** What was found below a container; null while it is on the way from the root. */
interface Extent {
  readonly height: number;
  /** Values below, those in several places as often as they are met. */
  readonly values: number;
}

/**
 * Throws for a value that contains itself, is nested too deeply to be worked with, or names the same parts so often that walking through it takes forever.
 * Takes time in proportion to the value's size in memory.
 */
export function checkTree(root: unknown, account: PickleAccount): void {
  const seen = new Map<object, Extent | null>();
  const path: { node: object; rest: Iterator<unknown>; height: number; values: number }[] = [];
  let distinct = 0;
  const leave = (height: number, values: number): void => {
    if (height > deepest) throw new UnpicklingError(`the object is nested more than ${deepest} levels deep`);
    const parent = path[path.length - 1];
    if (parent === undefined) return;
    parent.height = Math.max(parent.height, height);
    parent.values += values;
  };
  const enter = (value: unknown): void => {
    const size = sizeOf(value);
    distinct++;
    if (size === 0 || (size <= fewValues && isFlat(value))) {
      distinct += size;
      leave(size === 0 ? 0 : 1, 1 + size);
      return;
    }
    const extent = seen.get(value as object);
    if (extent === null) throw new UnpicklingError("the object contains itself", "save a tree: lists, dicts and tensors");
    if (extent !== undefined) {
      leave(extent.height, extent.values);
      return;
    }
    if (path.length >= deepest) throw new UnpicklingError(`the object is nested more than ${deepest} levels deep`);
    account.spend(heapBytes.entry + 40);
    seen.set(value as object, null);
    path.push({ node: value as object, rest: childrenOf(value)[Symbol.iterator](), height: 0, values: 1 });
  };
  enter(root);
  while (path.length > 0) {
    const { node, rest, height, values } = path[path.length - 1]!;
    const next = rest.next();
    if (!next.done) {
      enter(next.value);
      continue;
    }
    path.pop();
    seen.set(node, { height: height + 1, values });
    if (values > alwaysWalked && values > distinct * mostRepeated) {
      throw new UnpicklingError("the object repeats parts of itself so often that it would take forever to walk through it");
    }
    leave(height + 1, values);
  }
}

/** Calls `visit` with each object below a value once, for values that {@link checkTree} has found right. */
export function visitTree(root: unknown, visit: (value: object) => void): void {
  const seen = new Set<object>();
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    visit(value);
    if (sizeOf(value) === 0) continue;
    for (const child of childrenOf(value)) waiting.push(child);
  }
}

/** How many values stand directly in a container; 0 for what is none. */
function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (value instanceof Set) return value.size;
  if (!(value instanceof Map)) return 0;
  return 2 * value.size + (value instanceof OrderedDict && value.attributes !== null ? 1 : 0);
}

function isFlat(container: unknown): boolean {
  for (const value of childrenOf(container)) if (sizeOf(value) > 0) return false;
  return true;
}

function childrenOf(container: unknown): Iterable<unknown> {
  return container instanceof Map ? entriesOf(container) : (container as unknown[] | Set<unknown>);
}

function* entriesOf(map: Map<unknown, unknown>): Generator<unknown> {
  for (const [key, value] of map) {
    yield key;
    yield value;
  }
  if (map instanceof OrderedDict && map.attributes !== null) yield map.attributes;
}
