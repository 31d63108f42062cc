/**
 * The machine that runs WebAssembly kernels: one linear memory, one table of functions, and one function through which all kernels are called.
 *
 * Other threads share the memory but have tables of their own. The bytes of every installed module lie in the memory too, in the order of their table indices,
 * so that a thread can bring its table up to date by itself, without returning to its event loop: {@link WasmThread.update}.
 */
import { fma64 as fma } from "../../../core/fma.ts";
import type { Machine } from "../machine.ts";
import { kernelModule } from "./kernelModule.ts";
import { LinearMemory } from "./linear.ts";
import { type MemoryLimits, ModuleWriter } from "./module.ts";
import { type WasmInstance, type WasmMemory, type WasmTable, webAssembly } from "./webAssembly.ts";

/** Most kernels that can be installed. */
const mostKernels = 1 << 16;
/** Bytes in which modules are laid one after the other. */
const chunkBytes = 1 << 18;
const alignment = 16;

/** What another thread needs to run the same kernels; it can be sent in a message. */
export interface WasmShare {
  readonly memory: WasmMemory;
  readonly limits: MemoryLimits;
  /** The bytes of the module whose function calls the kernel of a block. */
  readonly caller: Uint8Array<ArrayBuffer>;
  /** Address of the list of modules: their number, then address and length of each, all 32-bit. */
  readonly modules: number;
}

/** C's fmod, for kernels. */
const remainder = (a: number, b: number): number => a % b;

/** A thread's own table of kernels over the shared memory. */
export class WasmThread {
  readonly share: WasmShare;
  /** Runs the kernel whose table index is in slot 0 of the block at this address. */
  readonly call: (block: number) => void;
  readonly table: WasmTable;
  private readonly list: Int32Array;
  private known = 0;

  constructor(share: WasmShare) {
    const api = webAssembly!;
    this.share = share;
    this.list = new Int32Array(share.memory.buffer, share.modules, 1 + 2 * mostKernels);
    this.table = new api.Table({ element: "anyfunc", initial: 1024 });
    this.call = this.instantiate(share.caller).exports.call as (block: number) => void;
  }

  /** Makes the kernels callable that were installed since the last time, by whichever thread. */
  update(): void {
    const count = Atomics.load(this.list, 0);
    for (; this.known < count; this.known++) {
      const address = this.list[1 + 2 * this.known]! >>> 0;
      const bytes = new Uint8Array(this.share.memory.buffer, address, this.list[2 + 2 * this.known]!).slice();
      this.enter(bytes);
    }
  }

  /** Instantiates the next module and puts its kernel into the table. */
  private enter(bytes: Uint8Array<ArrayBuffer>): void {
    const index = this.known + 1; // index 0 stays empty
    if (index >= this.table.length) this.table.grow(this.table.length);
    this.table.set(index, this.instantiate(bytes).exports.kernel);
  }

  private instantiate(bytes: Uint8Array<ArrayBuffer>): WasmInstance {
    const api = webAssembly!;
    return new api.Instance(new api.Module(bytes), { env: { memory: this.share.memory, table: this.table, fma, remainder } });
  }

  /** Adds a module to the list of all threads and to this one's table; returns its index. */
  add(bytes: Uint8Array<ArrayBuffer>, at: number): number {
    if (this.known >= mostKernels) throw new RangeError(`more than ${mostKernels} kernels`);
    this.enter(bytes); // first: what does not compile is not listed
    new Uint8Array(this.share.memory.buffer, at, bytes.length).set(bytes);
    this.list[1 + 2 * this.known] = at;
    this.list[2 + 2 * this.known] = bytes.length;
    this.known++;
    Atomics.store(this.list, 0, this.known);
    return this.known;
  }
}

/** The thread that owns the memory and installs kernels. */
export class WasmMachine implements Machine {
  readonly kind = "wasm";
  readonly linear: LinearMemory;
  readonly thread: WasmThread;
  readonly call: (block: number) => void;
  /** Whether the engine has the relaxed vector instructions. */
  readonly relaxed: boolean;
  private chunk = 0;
  private chunkLeft = 0;

  constructor(wanted: { readonly shared: boolean; readonly limit: number }) {
    this.linear = new LinearMemory(wanted);
    const { memory, shared, maximumPages } = this.linear;
    const limits = { minimum: 1, maximum: maximumPages, shared };
    this.thread = new WasmThread({
      memory,
      limits,
      caller: callerModule(limits),
      modules: this.linear.reserve(4 + 8 * mostKernels),
    });
    this.call = this.thread.call;
    this.relaxed = webAssembly!.validate(relaxedModule());
  }

  /** What the modules of kernels declare of the memory they import. */
  get limits(): MemoryLimits {
    return this.thread.share.limits;
  }

  installCode(bytes: Uint8Array<ArrayBuffer>): number {
    const size = Math.ceil(bytes.length / alignment) * alignment;
    if (size > this.chunkLeft) {
      this.chunkLeft = Math.max(chunkBytes, size);
      this.chunk = this.linear.reserve(this.chunkLeft);
    }
    const index = this.thread.add(bytes, this.chunk);
    this.chunk += size;
    this.chunkLeft -= size;
    return index;
  }
}

/** The function that calls the kernel of a block. */
function callerModule(limits: MemoryLimits): Uint8Array<ArrayBuffer> {
  const m = kernelModule(limits);
  m.importTable("env", "table");
  const kernel = m.type(["i32"], []);
  const f = m.function(["i32"], []);
  f.get(0);
  f.get(0);
  f.memory("f64.load");
  f.op("i32.trunc_sat_f64_u");
  f.callIndirect(kernel);
  m.export("call", f);
  return m.finish();
}

function relaxedModule(): Uint8Array<ArrayBuffer> {
  const m = new ModuleWriter();
  const f = m.function(["v128"], ["v128"]);
  for (let k = 0; k < 3; k++) f.get(0);
  f.op("f32x4.relaxed_madd");
  return m.finish();
}

/** A vector instruction, to see whether the engine takes it. */
function vectorModule(): Uint8Array<ArrayBuffer> {
  const m = new ModuleWriter();
  const f = m.function([], ["i32"]);
  f.i32(7);
  f.op("i32x4.splat");
  f.lane("i32x4.extract_lane", 3);
  m.export("kernel", f);
  return m.finish();
}

/**
 * Opens the machine, or gives null: the engine has no WebAssembly or no vectors, a content security policy forbids to compile, or there is no memory. `failed`
 * hears why.
 */
export function openWasm(
  wanted: { readonly shared: boolean; readonly limit: number },
  failed?: (reason: string) => void,
): WasmMachine | null {
  const api = webAssembly;
  if (api === undefined) return null;
  try {
    if (!api.validate(vectorModule())) throw new Error("the engine has no vector instructions");
    new api.Module(vectorModule()); // throws under a content security policy without 'wasm-unsafe-eval'
    return new WasmMachine(wanted);
  } catch (error) {
    failed?.(error instanceof Error ? error.message : String(error));
    return null;
  }
}
