/**
 * Selecting by rank without sorting everything. Which of several equal elements is found is PyTorch's choice too: its own quickselect for `kthvalue`, the C++
 * library's introsort for `mode`.
 */

/** Elements that JavaScript compares: numbers, or bigints. */
export type Elements = ArrayLike<number | bigint> & { subarray(begin: number, end: number): ArrayLike<number | bigint> };

type Less = (a: number, b: number) => boolean;

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

/** The position of the element of rank k, by the quickselect of PyTorch's `kthvalue`; NaN is the largest. */
export function quickSelect(row: Elements, k: number): number {
  const n = row.length;
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  const greater = (i: number, j: number): boolean => {
    const x = row[i]!;
    const y = row[j]!;
    return x > y || (x !== x && y === y);
  };
  let left = 0;
  let right = n - 1;
  for (;;) {
    if (right <= left) return order[k]!;
    if (right === left + 1) {
      if (greater(order[left]!, order[right]!)) swap(order, left, right);
      return order[k]!;
    }
    swap(order, left + ((right - left) >> 1), left + 1);
    if (greater(order[left + 1]!, order[right]!)) swap(order, left + 1, right);
    if (greater(order[left]!, order[right]!)) swap(order, left, right);
    if (greater(order[left + 1]!, order[left]!)) swap(order, left + 1, left);
    let i = left + 1;
    let j = right;
    const pivot = order[left]!;
    for (;;) {
      do i++;
      while (greater(pivot, order[i]!));
      do j--;
      while (greater(order[j]!, pivot));
      if (j < i) break;
      swap(order, i, j);
    }
    swap(order, left, j);
    if (j <= k) left = i;
    if (j >= k) right = j - 1;
  }
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
  const less: Less = (a, b) => row[a]! < row[b]!;
  const loop = (first: number, last: number): void => {
    let end = last;
    while (end - first > 16) {
      const cut = partition(order, first, end, less);
      loop(cut, end);
      end = cut;
    }
  };
  loop(0, numbers);
  insertionSort(order, 0, numbers, less);
  return order;
}
