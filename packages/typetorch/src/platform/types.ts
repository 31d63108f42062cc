/**
 * What the platform layer gives to everything above it. `node.ts` and `browser.ts` export the same names with these types; `index.ts` picks one of them.
 */

import type { Gpu } from "./gpuTypes.ts";

/** What the processor can do, found by executing CPUID and XGETBV. */
export interface CpuFeatures {
  /** "GenuineIntel", "AuthenticAMD", … */
  vendor: string;
  family: number;
  model: number;
  /** Carry-less multiplication. */
  pclmulqdq: boolean;
  /** AVX2 and an operating system that saves ymm registers. */
  avx2: boolean;
  fma: boolean;
  f16c: boolean;
  bmi2: boolean;
  /** AVX-512 F, BW, DQ and VL, and an operating system that saves zmm and mask registers. */
  avx512: boolean;
  avx512Vnni: boolean;
  avx512Bf16: boolean;
  avx512Fp16: boolean;
  /** Bytes of the first-level data cache of one core. */
  l1d: number;
  /** Bytes of the second-level cache of one core. */
  l2: number;
  /** Bytes of the last-level cache, shared by `l3Threads` hardware threads; 0 when there is none, or it is not known. */
  l3: number;
  l3Threads: number;
}

/** Memory whose last byte (or first, `at: "start"`) touches a page that must not be accessed. */
export interface GuardedBuffer {
  /** Machine address of the first byte. */
  readonly address: number;
  readonly nbytes: number;
  /** A JavaScript view of the pages; the bytes begin at `byteOffset`. Not to be used after `free`. */
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  free(): void;
}

/**
 * The machine below: addresses, executable memory and calls into it. There is one per thread; code installed by one thread runs on all.
 *
 * A kernel is a function of one argument, the address of a block of float64 slots; slot 0 holds the kernel's own address. System V convention: the block
 * arrives in rdi; a kernel may change rax, rcx, rdx, rsi, rdi, r8 to r11 and every vector and mask register, keeps rbx, rbp and r12 to r15, and ends with
 * `vzeroupper; ret`. Its stack is small: larger temporaries belong in scratch memory named in the block.
 */
export interface Native {
  readonly kind: "native";
  readonly features: CpuFeatures;
  /** Machine address of the first byte of a buffer. It holds for the life of the buffer, which V8 does not move. */
  addressOf(buffer: ArrayBufferLike): number;
  /** Copies machine code to executable memory, for good; returns its address, a multiple of 64. */
  installCode(bytes: Uint8Array): number;
  /** Runs the kernel whose address is in slot 0 of the block at this address. */
  readonly call: (block: number) => void;
  /** Memory between two inaccessible pages, for tests that catch stray accesses. */
  guardedBuffer(nbytes: number, options?: { at?: "end" | "start" }): GuardedBuffer;
  /** CRC-32 of bytes that follow others whose CRC is `crc`. */
  readonly crc32: (bytes: Uint8Array, crc: number) => number;
  /** Maps a file that is open for reading, privately. Null if the system refuses. */
  mapFile(fd: number, length: number): FileMapping | null;
  /**
   * Address of a routine that reads a part of a file, 0 where there is none. Its block: the file's descriptor, the address to read to, the number of bytes, the
   * position in the file, the address of an int64 that tells how many bytes there were.
   */
  readonly readRoutine: number;
  /** Gives memory that the C allocator keeps back to the system. */
  trimMemory(): void;
  /** The system's number of the calling thread, 0 where it has none. */
  threadNumber(): number;
}

/** A file in memory. */
export interface FileMapping {
  readonly address: number;
  /** A JavaScript view of less than 4 GiB. Not to be used after `unmap`. */
  view(offset: number, nbytes: number): ArrayBuffer;
  unmap(): void;
}

/** A thread started by {@link Platform.createWorker}. */
export interface WorkerHandle {
  postMessage(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  onError(listener: (error: Error) => void): void;
  onExit(listener: () => void): void;
  /** A script that has nothing else to do ends although the worker lives. */
  unref(): void;
  terminate(): void;
}

/** A file open for reading. */
export interface OpenFile {
  readonly size: number;
  readonly descriptor: number;
  /** Fills `into` from this position of the file; returns how many bytes there were. */
  read(into: Uint8Array, position: number): number;
  /** Maps the whole file, privately: what is written to the memory stays there. It lasts as long as a range of it is used. Null where files cannot be mapped. */
  map(): ((offset: number, nbytes: number) => MappedRange | null) | null;
  close(): void;
}

/** A part of a mapped file. */
export interface MappedRange {
  readonly buffer: ArrayBuffer;
  /** Machine address of its first byte. */
  readonly address: number;
}

/** A file open for reading while other work goes on. */
export interface OpenFileAsync {
  readonly size: number;
  read(into: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** A file being written that takes the place of another when it is complete. */
export interface Replacement {
  write(bytes: Uint8Array): void;
  /** Brings the bytes to the disk and puts the file in its place: whoever opens the path finds the old file or the whole new one. */
  commit(): void;
  /** Removes what was written; the old file stays. */
  abort(): void;
}

/** The names that `node.ts` and `browser.ts` both export. */
export interface Platform {
  readonly platformName: "node" | "browser";
  /** The value of an environment variable; in browsers a field of the global object `TYPETORCH_ENVIRONMENT`. */
  environment(name: string): string | undefined;
  /** Threads that can run at the same time: the processors this process may use, cut to its share of processor time (cgroup `cpu.max`). */
  hardwareThreads(): number;
  /** Bytes of memory this process may use (cgroup limit or the machine's). */
  memoryLimit(): number;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** True in the thread that started the program. */
  readonly isMainThread: boolean;
  /** What the starter of this worker passed as `data`; undefined in the main thread. */
  readonly workerData: unknown;
  /** In a worker: calls `listener` with what the starter passed as `data`. */
  onStart(listener: (data: unknown) => void): void;
  /** Starts a worker on a module. */
  createWorker(url: URL, options?: { data?: unknown; name?: string }): WorkerHandle;
  /** Whether the thread with this number (see {@link Native.threadNumber}) still runs; true where that cannot be known. */
  threadAlive(threadNumber: number): boolean;
  /** Whether threads can share memory: in Node, and in pages that are cross-origin isolated. */
  canShareMemory(): boolean;
  /** The native layer of this thread, or null: not x86-64, an unknown system, or koffi does not load. */
  openNative(): Native | null;
  /** Runs a full garbage collection, also of what WeakRefs used in the current job keep alive. False where it cannot be done. */
  collectGarbage(): boolean;
  /** Lets go of what WeakRefs used in the current job keep alive. False where only the end of the job does. */
  releaseWeakTargets(): boolean;
  /** WebGPU: `navigator.gpu`, or in Node the package `webgpu`. Rejects, saying what to install or to switch on, where there is none. */
  openGpu(): Promise<Gpu>;
  /** Whether this thread may sleep in `Atomics.wait`: every one but a page's main thread. */
  readonly mayWait: boolean;
  /** Calls `listener` when this process or thread ends, where that is told. */
  atExit(listener: () => void): void;
  /** Lets the event loop take one turn. */
  nextTurn(): Promise<void>;
  /** Fresh memory with undefined contents. */
  allocateUninitialized(nbytes: number): ArrayBuffer;
  writeStdout(text: string): void;
  /** A warning for the developer, once for each distinct text. */
  warn(message: string): void;
  readFile(path: string): Uint8Array;
  readFileAsync(path: string | URL): Promise<Uint8Array>;
  writeFile(path: string, parts: readonly Uint8Array[]): void;
  fileExists(path: string): boolean;
  /** Opens a file for reading. Throws `SerializationError` where it cannot. */
  openFile(path: string): OpenFile;
  openFileAsync(path: string): Promise<OpenFileAsync>;
  /** Begins to write the file that shall take the place of `path`. */
  replaceFile(path: string): Replacement;
  /** CRC-32 (of zip and gzip) of bytes that follow others whose CRC is `crc`. */
  crc32(bytes: Uint8Array, crc: number): number;
  /** Deflates bytes, without a header around them. */
  deflateRaw(bytes: Uint8Array): Uint8Array;
}
