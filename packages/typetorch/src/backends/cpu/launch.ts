/**
 * Compiled kernels and how they are called: arguments are packed into one block of float64 slots that all calls share, and large work is cut into items for the
 * thread team.
 */
import { float64, type TypedArray } from "../../core/dtype.ts";
import { ValueError } from "../../core/errors.ts";
import type { Storage } from "../../core/storage.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Access, Int, LoopKernel, Stmt } from "../../ir/loops.ts";
import { normalize } from "../../ir/simplify.ts";
import { compileJs, type JsKernel } from "./js/kernel.ts";
import { allocate, typedArrayOf } from "./memory.ts";
import { installKernel, machine } from "./target.ts";
import { type Grid, run } from "./team.ts";

const blockStorage = allocate(4096 * 8);
const blockAddress = blockStorage.address;
/** Slot 0, buffers, integers, parameters: see ir/loops.ts. */
export const block = typedArrayOf(blockStorage, float64) as Float64Array;
const views: TypedArray[] = [];
const call = machine === null ? null : machine.call;

/** Cost of an item of work for one thread, in cheap operations: 20 to 50 microseconds. */
const itemCost = 4 * 32768;

const grid: Grid = {
  ...{ countI: 1, countJ: 1, slots: [], stepI: [], stepJ: [] },
  ...{ sizeSlotI: -1, totalI: 1, blockI: 1, sizeSlotJ: -1, totalJ: 1, blockJ: 1, scratchSlot: -1, scratchBytes: 0 },
};

/** A kernel ready to be called. */
export class Compiled {
  readonly kernel: LoopKernel;
  /** Where its machine code is; 0 when JavaScript runs it. */
  readonly address: number;
  /** Slot of the first integer and of the first parameter, and number of slots. */
  readonly ints: number;
  readonly params: number;
  readonly slots: number;
  /** Rough cost of one run of the innermost loop's body, in cheap operations. */
  readonly cost: number;
  private readonly itemsizes: readonly number[];
  private js: JsKernel | null;

  constructor(kernel: LoopKernel, streaming = false) {
    const normal = normalize(kernel);
    this.kernel = normal;
    this.address = installKernel(normal, streaming);
    this.js = this.address === 0 ? compileJs(normal) : null;
    this.ints = 1 + kernel.buffers.length;
    this.params = this.ints + kernel.ints;
    this.slots = this.params + kernel.params;
    this.itemsizes = kernel.buffers.map((b) => b.dtype.itemsize);
    this.cost = innermostCost(normal.body);
    if (this.slots > block.length) throw new ValueError(`kernel ${kernel.name} has too many arguments`);
  }

  /** Sets buffer k to the elements of a storage from `offset` on. Only its address is kept: the backend holds the operands until the call is over. */
  setBuffer(k: number, storage: Storage, offset: number): void {
    if (storage.buffer.byteLength === 0 && storage.nbytes !== 0) throw detached();
    if (this.address !== 0) block[1 + k] = storage.address + offset * this.itemsizes[k]!;
    else {
      views[k] = typedArrayOf(storage, this.kernel.buffers[k]!.dtype);
      block[1 + k] = offset;
    }
  }

  setParams(params: readonly number[]): void {
    for (let k = 0; k < params.length; k++) block[this.params + k] = params[k]!;
  }

  /** Runs the kernel on the arguments in the block. */
  run(): void {
    if (this.address !== 0) {
      block[0] = this.address;
      call!(blockAddress);
    } else this.js!(views, block);
  }

  /**
   * Runs the kernel in items: integer `extent` counts `total` units of `unitCost` cheap operations each, and buffer k moves by `step(k)` elements from one unit
   * to the next. An item is a multiple of `multiple` units. What an item is does not depend on the number of threads.
   */
  runCut(extent: number, total: number, unitCost: number, multiple: number, step: (k: number) => number): void {
    const units = Math.max(1, Math.round(itemCost / unitCost / multiple)) * multiple;
    if (this.address === 0 || total * unitCost < 2 * itemCost || units >= total) {
      this.run();
      return;
    }
    grid.slots.length = grid.stepI.length = grid.stepJ.length = 0;
    for (let k = 0; k < this.itemsizes.length; k++) {
      const bytes = step(k) * units * this.itemsizes[k]!;
      if (bytes === 0) continue;
      grid.slots.push(1 + k);
      grid.stepI.push(bytes);
      grid.stepJ.push(0);
    }
    grid.countI = Math.ceil(total / units);
    grid.sizeSlotI = this.ints + extent;
    grid.totalI = total;
    grid.blockI = units;
    block[0] = this.address;
    run(block, this.slots, grid);
  }
}

function detached(): Error {
  return new ValueError(
    "the memory of a tensor is gone",
    "the buffer of its `data` was transferred to another thread; copy it first (`x.data.slice()`)",
  );
}

const expensive = new Set(
  "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc erfinv lgamma digamma pow atan2".split(
    " ",
  ),
);

function expressionCost(e: Expr): number {
  let cost =
    e.op === "div" || e.op === "sqrt" || e.op === "rem"
      ? 4
      : expensive.has(e.op)
        ? 16
        : e.args.length > 0 || e.op === "load"
          ? 1
          : 0;
  if (e.op === "load" && (e.ref as Access).dynamic) cost = 4;
  for (const a of e.args) cost += expressionCost(a);
  return cost;
}

function statementCost(s: Stmt): number {
  switch (s.kind) {
    case "let":
      return expressionCost(s.value);
    case "store":
      return expressionCost(s.value) + 1;
    case "accumulate":
      return s.values.reduce((sum, v) => sum + expressionCost(v), 1);
    default:
      return 0;
  }
}

/** The cost of the bodies that contain no loop, added up. */
function innermostCost(body: readonly Stmt[]): number {
  let cost = 0;
  const inner = body.filter((s) => s.kind === "loop" || s.kind === "if");
  if (inner.length === 0) for (const s of body) cost += statementCost(s);
  for (const s of inner) cost += innermostCost((s as Extract<Stmt, { kind: "loop" }>).body);
  return cost;
}

/** The cost of running statements with the integers that are in the block. */
export function runCost(compiled: Compiled, body: readonly Stmt[]): number {
  let cost = 0;
  const size = (int: Int): number => (typeof int === "number" ? int : block[compiled.ints + int.arg]!);
  for (const s of body) {
    if (s.kind === "loop") cost += size(s.extent) * runCost(compiled, s.body);
    else if (s.kind === "if") cost += runCost(compiled, s.body);
    else cost += statementCost(s);
  }
  return cost;
}
