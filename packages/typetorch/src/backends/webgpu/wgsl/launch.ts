/**
 * Kernels on the device: which buffers an operand list binds, the pipeline for it, its arguments, and the dispatch.
 */
import type { DType } from "../../../core/dtype.ts";
import { floatToInt32 } from "../../../core/special.ts";
import type { LoopKernel } from "../../../ir/loops.ts";
import { normalize } from "../../../ir/simplify.ts";
import type { Operand } from "../../backend.ts";
import type { DeviceLayout } from "../layout.ts";
import { bufferOf, DeviceMemory } from "../memory.ts";
import type { Binding, GpuQueue } from "../queue.ts";
import { ArgumentLayout, residuesWord, totalWord } from "./arguments.ts";
import { wordsOf } from "./primitives.ts";
import { type Bindings, type Grid, renderKernel } from "./render.ts";

/** Kernels of one specification on one device, by a key that the caller makes up. */
export class KernelCache {
  private readonly bySpec = new WeakMap<object, { queue: GpuQueue; kernels: Map<string, Kernel> }>();

  of(queue: GpuQueue, spec: object): Map<string, Kernel> {
    let known = this.bySpec.get(spec);
    if (known === undefined || known.queue !== queue) {
      known = { queue, kernels: new Map() };
      this.bySpec.set(spec, known);
    }
    return known.kernels;
  }
}

/** How operands are bound: one entry for each storage. */
export interface Bound {
  /** Distinguishes what needs a text of its own: which operands share a storage. */
  readonly key: string;
  readonly ofBuffer: readonly number[];
  /** For each binding the first operand that uses it. */
  readonly first: readonly Operand[];
}

/** Binds operands; null when the device cannot: a dtype it has not, a storage seen as another dtype, or too many storages. */
export function bind(queue: GpuQueue, operands: readonly Operand[]): Bound | null {
  const first: Operand[] = [];
  const ofBuffer: number[] = [];
  let key = "";
  for (const x of operands) {
    const memory = x.storage.remote;
    if (!(memory instanceof DeviceMemory) || memory.layout === null) return null;
    // words seen as another type are reinterpreted; other dtypes lie otherwise than their bytes do
    if (memory.dtype !== x.dtype && !(isWord(memory.dtype) && isWord(x.dtype))) return null;
    let at = first.findIndex((y) => y.storage === x.storage);
    if (at < 0) at = first.push(x) - 1;
    ofBuffer.push(at);
    key += `${String.fromCharCode(48 + at)}${memory.dtype === x.dtype ? "" : memory.dtype.key}`;
  }
  return first.length > queue.limits.maxStorageBuffersPerShaderStage ? null : { key, ofBuffer, first };
}

const keys = new Map<string, string>();

/** A short key for a text: equal kernels of different specifications are compiled once. */
function keyOf(name: string, text: string): string {
  let key = keys.get(text);
  if (key === undefined) {
    key = `${name} ${keys.size}`;
    keys.set(text, key);
  }
  return key;
}

const isWord = (dtype: DType): boolean => dtype.key === "f32" || dtype.key === "i32";

let block = new DataView(new ArrayBuffer(4096));

/** A kernel for one way of binding and one grid. */
export class Kernel {
  /** As it is rendered, with its integer arguments in the order of the original. */
  readonly kernel: LoopKernel;
  private readonly grid: Grid;
  private readonly layout: ArgumentLayout;
  private readonly pipeline: number;
  private readonly uses: readonly Binding[];

  constructor(queue: GpuQueue, kernel: LoopKernel, grid: Grid, bound: Bound) {
    this.kernel = normalize(kernel);
    this.grid = grid;
    this.layout = new ArgumentLayout(this.kernel);
    const written = bound.first.map((_, binding) =>
      kernel.buffers.some((b, k) => bound.ofBuffer[k] === binding && b.access !== "read"),
    );
    const layouts: readonly DeviceLayout[] = bound.first.map((x) => (x.storage.remote as DeviceMemory).layout!);
    const bindings: Bindings = { ofBuffer: bound.ofBuffer, layouts, written };
    this.uses = written.map((w) => (w ? "read_write" : "read"));
    const text = renderKernel(this.kernel, grid, bindings, this.layout);
    this.pipeline = queue.pipeline(keyOf(kernel.name, text), () => text, this.uses, this.layout.bytes);
  }

  /** Enqueues `total` items of the grid. `int(k)` is integer argument k. */
  run(
    queue: GpuQueue,
    bound: Bound,
    operands: readonly Operand[],
    total: number,
    int: (k: number) => number,
    params: readonly number[],
    residues = 1,
  ): void {
    const { layout, grid } = this;
    if (block.byteLength < layout.bytes) block = new DataView(new ArrayBuffer(layout.bytes * 2));
    const put = (at: number, value: number): void => block.setInt32(at * 4, value, true);
    put(0, 0);
    put(totalWord, total);
    put(residuesWord, residues);
    for (let k = 0; k < operands.length; k++) put(layout.offsets + k, operands[k]!.storageOffset);
    for (let k = 0; k < this.kernel.ints; k++) put(layout.ints + k, int(k));
    for (const { k, type, word } of layout.params) {
      const value = params[k]!;
      if (type === "f32") block.setFloat32(word * 4, value, true);
      else if (type === "i32") put(word, floatToInt32(value));
      else if (type === "bool") put(word, value !== 0 ? 1 : 0);
      else {
        const [low, high] = wordsOf(value, type);
        put(word, low);
        put(word + 1, high);
      }
    }
    const groups = grid.shared ? total : Math.ceil(total / grid.workgroup);
    const most = queue.limits.maxComputeWorkgroupsPerDimension;
    const y = Math.ceil(groups / most);
    const x = y === 1 ? groups : Math.ceil(groups / y);
    const buffers = bound.first.map(({ storage }, k) => bufferOf(storage, this.uses[k]!));
    queue.dispatch(this.pipeline, buffers, new Uint8Array(block.buffer, 0, layout.bytes), x, y, 1);
  }
}
