/**
 * Stable sorting of positions by keys: least significant digit first, with insertion for short rows. One million float32 take 11 bits a pass, three passes.
 */
import type { DType, TypedArray } from "../../core/dtype.ts";
import { type Less, introsort, nthElement, partialSort } from "../reduction/selection.ts";
import { type KeyFiller, type Keys, allocateKeys, fillSmallInt64, fillerOf } from "./keys.ts";

/** Rows up to this length are sorted by insertion. */
const shortRow = 48;

/** Sorts rows of one length and dtype; its memory is reused from row to row. */
export class RowSorter {
  private readonly n: number;
  private readonly descending: boolean;
  private readonly fill: KeyFiller;
  private readonly keys: Keys;
  private readonly first: Int32Array;
  private readonly second: Int32Array;
  private readonly spareLow: Uint32Array;
  private readonly spareHigh: Uint32Array;
  private readonly digitBits: 8 | 11;
  private readonly counts: Int32Array;
  private readonly isInt64: boolean;
  /** The keys in sorted order, of the last row; `high` is null when 32 bits say all. */
  sortedLow: Uint32Array;
  sortedHigh: Uint32Array | null = null;

  constructor(dtype: DType, n: number, descending: boolean) {
    this.isInt64 = dtype.key === "i64";
    this.n = n;
    this.descending = descending;
    this.fill = fillerOf(dtype);
    this.keys = allocateKeys(dtype, n);
    this.sortedLow = this.keys.low;
    this.first = new Int32Array(n);
    this.second = new Int32Array(n);
    const long = n > shortRow;
    this.spareLow = new Uint32Array(long ? n : 0);
    this.spareHigh = new Uint32Array(long && this.keys.bits === 64 ? n : 0);
    this.digitBits = n < 1024 || this.keys.bits < 32 ? 8 : 11;
    this.counts = new Int32Array(long ? 1 << this.digitBits : 0);
  }

  /** Positions in sorted order; valid until the next call. */
  sort(data: TypedArray, offset: number): Int32Array {
    const { n, keys, first } = this;
    // Integers are mostly small: half the work.
    const small = this.isInt64 && fillSmallInt64(data, offset, n, this.descending, keys);
    if (!small) this.fill(data, offset, n, this.descending, keys);
    const wide = keys.bits === 64 && !small;
    for (let i = 0; i < n; i++) first[i] = i;
    if (n <= shortRow) {
      if (wide) insertWide(keys.low, keys.high, first, n);
      else insert(keys.low, first, n);
      this.sortedLow = keys.low;
      this.sortedHigh = wide ? keys.high : null;
      return first;
    }
    return wide ? this.sortWide() : this.sortNarrow();
  }

  private sortNarrow(): Int32Array {
    const { n, keys, digitBits, counts } = this;
    let from = keys.low;
    let to = this.spareLow;
    let order = this.first;
    let next = this.second;
    for (let shift = 0; shift < Math.min(keys.bits, 32); shift += digitBits) {
      if (!starts(from, n, shift, counts)) continue;
      scatter(from, order, to, next, n, shift, counts);
      [from, to] = [to, from];
      [order, next] = [next, order];
    }
    this.sortedLow = from;
    this.sortedHigh = null;
    return order;
  }

  private sortWide(): Int32Array {
    const { n, keys, digitBits, counts } = this;
    let low = keys.low;
    let high = keys.high;
    let toLow = this.spareLow;
    let toHigh = this.spareHigh;
    let order = this.first;
    let next = this.second;
    for (let half = 0; half < 2; half++) {
      for (let shift = 0; shift < 32; shift += digitBits) {
        if (!starts(half === 0 ? low : high, n, shift, counts)) continue;
        scatterWide(half === 0 ? low : high, low, high, order, toLow, toHigh, next, n, shift, counts);
        [low, toLow] = [toLow, low];
        [high, toHigh] = [toHigh, high];
        [order, next] = [next, order];
      }
    }
    this.sortedLow = low;
    this.sortedHigh = high;
    return order;
  }
}

/** Counts the digits and turns the counts into first places. False when all keys have the same digit: nothing to do. */
function starts(keys: Uint32Array, n: number, shift: number, counts: Int32Array): boolean {
  counts.fill(0);
  const mask = counts.length - 1;
  for (let i = 0; i < n; i++) counts[(keys[i]! >>> shift) & mask]!++;
  if (counts[(keys[0]! >>> shift) & mask] === n) return false;
  let at = 0;
  for (let d = 0; d <= mask; d++) {
    const count = counts[d]!;
    counts[d] = at;
    at += count;
  }
  return true;
}

function scatter(
  keys: Uint32Array,
  order: Int32Array,
  toKeys: Uint32Array,
  toOrder: Int32Array,
  n: number,
  shift: number,
  places: Int32Array,
): void {
  const mask = places.length - 1;
  for (let i = 0; i < n; i++) {
    const key = keys[i]!;
    const d = (key >>> shift) & mask;
    const at = places[d]!;
    places[d] = at + 1;
    toKeys[at] = key;
    toOrder[at] = order[i]!;
  }
}

function scatterWide(
  digits: Uint32Array,
  low: Uint32Array,
  high: Uint32Array,
  order: Int32Array,
  toLow: Uint32Array,
  toHigh: Uint32Array,
  toOrder: Int32Array,
  n: number,
  shift: number,
  places: Int32Array,
): void {
  const mask = places.length - 1;
  for (let i = 0; i < n; i++) {
    const d = (digits[i]! >>> shift) & mask;
    const at = places[d]!;
    places[d] = at + 1;
    toLow[at] = low[i]!;
    toHigh[at] = high[i]!;
    toOrder[at] = order[i]!;
  }
}

function insert(keys: Uint32Array, order: Int32Array, n: number): void {
  for (let i = 1; i < n; i++) {
    const key = keys[i]!;
    let j = i;
    while (j > 0 && keys[j - 1]! > key) {
      keys[j] = keys[j - 1]!;
      order[j] = order[j - 1]!;
      j--;
    }
    keys[j] = key;
    order[j] = i;
  }
}

function insertWide(low: Uint32Array, high: Uint32Array, order: Int32Array, n: number): void {
  for (let i = 1; i < n; i++) {
    const lo = low[i]!;
    const hi = high[i]!;
    let j = i;
    while (j > 0 && (high[j - 1]! > hi || (high[j - 1]! === hi && low[j - 1]! > lo))) {
      low[j] = low[j - 1]!;
      high[j] = high[j - 1]!;
      order[j] = order[j - 1]!;
      j--;
    }
    low[j] = lo;
    high[j] = hi;
    order[j] = i;
  }
}

/** Rows up to this length find equal elements in PyTorch's order; longer ones of which much is wanted are sorted whole. */
const longRow = 65536;

/** Finds the first k positions of rows of one length. */
export class RowSelector {
  private readonly n: number;
  private readonly k: number;
  private readonly keys: Keys;
  private readonly fill: KeyFiller;
  private readonly descending: boolean;
  private readonly few: boolean;
  private readonly whole: RowSorter | null;
  private readonly order: Int32Array;
  private readonly less: Less;

  constructor(dtype: DType, n: number, k: number, descending: boolean) {
    this.n = n;
    this.k = k;
    this.descending = descending;
    this.fill = fillerOf(dtype);
    this.few = k * 64 <= n;
    this.whole = !this.few && n > longRow ? new RowSorter(dtype, n, descending) : null;
    this.keys = allocateKeys(dtype, this.whole ? 0 : n);
    this.order = new Int32Array(this.whole ? 0 : n);
    const { low, high, bits } = this.keys;
    this.less =
      bits === 64 ? (a, b) => high[a]! < high[b]! || (high[a]! === high[b]! && low[a]! < low[b]!) : (a, b) => low[a]! < low[b]!;
  }

  /** The first k positions in sorted order; valid until the next call. */
  select(data: TypedArray, offset: number): Int32Array {
    const { n, k, keys, order, less } = this;
    if (this.whole) return this.whole.sort(data, offset).subarray(0, k);
    if (k === 0) return order;
    this.fill(data, offset, n, this.descending, keys);
    if (this.few) partialSort(order, n, k, less, keys.bits === 64 ? null : keys.low);
    else {
      for (let i = 0; i < n; i++) order[i] = i;
      nthElement(order, k - 1, less);
      introsort(order, k - 1, less);
    }
    return order;
  }
}
