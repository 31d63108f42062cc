/**
 * Selecting by rank without sorting everything. Which of several equal elements is found is PyTorch's choice too: its own quickselect for `kthvalue`, the C++
 * library's introsort for `mode`.
 */

/** Elements that JavaScript compares: numbers, or bigints. */
export type Elements = ArrayLike<number | bigint> & { subarray(begin: number, end: number): ArrayLike<number | bigint> };

export type Less = (a: number, b: number) => boolean;

function swap(order: Int32Array, i: number, j: number): void {
  const t = order[i]!;
  order[i] = order[j]!;
  order[j] = t;
}

/** Moves the median of a, b and c to `result`. */
function medianToFirst(order: Int32Array, result: number, a: number, b: number, c: number, less: Less): void {
  const x = order[a]!;
  const y = order[b]!;
  const z = order[c]!;
  if (less(x, y)) swap(order, result, less(y, z) ? b : less(x, z) ? c : a);
  else swap(order, result, less(x, z) ? a : less(y, z) ? c : b);
}

/** Partitions [first, last) around the median of three, which lies at `first`; returns where the upper part begins. */
function partition(order: Int32Array, first: number, last: number, less: Less): number {
  medianToFirst(order, first, first + 1, first + ((last - first) >> 1), last - 1, less);
  const pivot = order[first]!;
  let i = first + 1;
  let j = last;
  for (;;) {
    while (less(order[i]!, pivot)) i++;
    j--;
    while (less(pivot, order[j]!)) j--;
    if (i >= j) return i;
    swap(order, i, j);
    i++;
  }
}

function insertionSort(order: Int32Array, first: number, last: number, less: Less): void {
  for (let i = first + 1; i < last; i++) {
    const v = order[i]!;
    let j = i;
    while (j > first && less(v, order[j - 1]!)) {
      order[j] = order[j - 1]!;
      j--;
    }
    order[j] = v;
  }
}

/** Reorders until the element that sorting would put at k is there. `less` orders all elements strictly. */
export function nthElement(order: Int32Array, k: number, less: Less): void {
  let first = 0;
  let last = order.length;
  while (last - first > 3) {
    const cut = partition(order, first, last, less);
    if (cut <= k) first = cut;
    else last = cut;
  }
  insertionSort(order, first, last, less);
}

/**
 * The position of the element of rank k, by the quickselect of PyTorch's `kthvalue`. `low` and, for 64-bit elements, `high` are the elements' keys (see
 * sorting/keys.ts); they are reordered.
 */
export function quickSelect(low: Uint32Array, high: Uint32Array | null, n: number, k: number): number {
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  const exchange = (i: number, j: number): void => {
    swap(order, i, j);
    const t = low[i]!;
    low[i] = low[j]!;
    low[j] = t;
    if (high !== null) {
      const u = high[i]!;
      high[i] = high[j]!;
      high[j] = u;
    }
  };
  const greater = (i: number, j: number): boolean =>
    high !== null && high[i] !== high[j] ? high[i]! > high[j]! : low[i]! > low[j]!;
  let left = 0;
  let right = n - 1;
  for (;;) {
    if (right <= left) return order[k]!;
    if (right === left + 1) {
      if (greater(left, right)) exchange(left, right);
      return order[k]!;
    }
    exchange(left + ((right - left) >> 1), left + 1);
    if (greater(left + 1, right)) exchange(left + 1, right);
    if (greater(left, right)) exchange(left, right);
    if (greater(left + 1, left)) exchange(left + 1, left);
    let i = left + 1;
    let j = right;
    for (;;) {
      do i++;
      while (greater(left, i));
      do j--;
      while (greater(j, left));
      if (j < i) break;
      exchange(i, j);
    }
    exchange(left, j);
    if (j <= k) left = i;
    if (j >= k) right = j - 1;
  }
}

const digits = new Int32Array(2048);

/**
 * The position of the element of rank k, of equal ones in their order: the key's digits are found one after the other by counting, so that nothing is moved.
 */
export function rankSelect(low: Uint32Array, high: Uint32Array | null, n: number, k: number): number {
  let rest = k;
  let prefix = 0;
  let known = 0;
  const width = n < 1024 ? 8 : 11;
  const mask = (1 << width) - 1;
  /** Finds 32 bits of the key, among the elements that `upper` allows. */
  const find = (keys: Uint32Array, upper: Uint32Array | null, chosen: number): number => {
    prefix = 0;
    known = 0;
    for (let top = 32; top > 0; top -= width) {
      const shift = Math.max(top - width, 0);
      const used = known === 0 ? 0 : -1 << (32 - known);
      digits.fill(0, 0, mask + 1);
      for (let i = 0; i < n; i++) {
        if (upper !== null && upper[i] !== chosen) continue;
        const key = keys[i]!;
        if (((key ^ prefix) & used) === 0) digits[(key >>> shift) & mask]!++;
      }
      let d = 0;
      const floor = (prefix >>> shift) & mask;
      for (d = top < width ? floor : 0; rest >= digits[d]!; d++) rest -= digits[d]!;
      prefix = (prefix | (d << shift)) >>> 0;
      known = 32 - shift;
    }
    return prefix >>> 0;
  };
  const upper = high === null ? 0 : find(high, null, 0);
  const lower = find(low, high, upper);
  for (let i = 0; ; i++) if (low[i] === lower && (high === null || high[i] === upper) && rest-- === 0) return i;
}

/** Positions in ascending order of their elements, equal ones in the order in which C++'s `std::sort` leaves them; NaN last. */
export function sortLikeStd(row: Elements): Int32Array {
  const n = row.length;
  const order = new Int32Array(n);
  let numbers = 0;
  let rest = n;
  for (let i = 0; i < n; i++) {
    const v = row[i]!;
    if (v === v) order[numbers++] = i;
  }
  for (let i = n - 1; i >= 0; i--) {
    const v = row[i]!;
    if (v !== v) order[--rest] = i;
  }
  introsort(order, numbers, (a, b) => row[a]! < row[b]!);
  return order;
}

/** Sorts the first n positions as C++'s `std::sort` does: quicksort down to runs of 16, then insertion. */
export function introsort(order: Int32Array, n: number, less: Less): void {
  const loop = (first: number, last: number): void => {
    let end = last;
    while (end - first > 16) {
      const cut = partition(order, first, end, less);
      loop(cut, end);
      end = cut;
    }
  };
  loop(0, n);
  insertionSort(order, 0, n, less);
}

/** Puts `value` into the heap of `size` positions whose place `hole` is free below `hole` itself. */
function adjustHeap(heap: Int32Array, hole: number, size: number, value: number, less: Less): void {
  const top = hole;
  let at = hole;
  let child = hole;
  while (child < (size - 1) >> 1) {
    child = 2 * (child + 1);
    if (less(heap[child]!, heap[child - 1]!)) child--;
    heap[at] = heap[child]!;
    at = child;
  }
  if ((size & 1) === 0 && child === (size - 2) >> 1) {
    child = 2 * (child + 1);
    heap[at] = heap[child - 1]!;
    at = child - 1;
  }
  let parent = (at - 1) >> 1;
  while (at > top && less(heap[parent]!, value)) {
    heap[at] = heap[parent]!;
    at = parent;
    parent = (at - 1) >> 1;
  }
  heap[at] = value;
}

/**
 * Finds the k first of the positions 0 to n - 1, sorted, as C++'s `std::partial_sort`: a heap of k that the others try to enter. `keys`, where there are, decide
 * quickly who does not.
 */
export function partialSort(order: Int32Array, n: number, k: number, less: Less, keys: Uint32Array | null): void {
  if (k === 0) return;
  for (let i = 0; i < k; i++) order[i] = i;
  for (let parent = (k - 2) >> 1; parent >= 0; parent--) adjustHeap(order, parent, k, order[parent]!, less);
  if (keys !== null) {
    let bound = keys[order[0]!]!;
    for (let i = k; i < n; i++) {
      if (keys[i]! >= bound) continue;
      adjustHeap(order, 0, k, i, less);
      bound = keys[order[0]!]!;
    }
  } else {
    for (let i = k; i < n; i++) if (less(i, order[0]!)) adjustHeap(order, 0, k, i, less);
  }
  for (let last = k - 1; last > 0; last--) {
    const v = order[last]!;
    order[last] = order[0]!;
    adjustHeap(order, 0, last, v, less);
  }
}
