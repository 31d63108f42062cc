/**
 * The native layer on x86-64 Linux and macOS: koffi calls libc, libc gives executable memory, and all machine code is entered through one stub.
 */
import { createRequire } from "node:module";
import { arch, platform } from "node:process";
import { crc32 as crc32OfTable } from "./crc32.ts";
import { createCrc32 } from "./crc32Kernel.ts";
import type { CpuFeatures, FileMapping, GuardedBuffer, Native } from "./types.ts";

type Koffi = typeof import("koffi");
type Library = ReturnType<Koffi["load"]>;

const protRead = 1;
const protWrite = 2;
const protExec = 4;
const mapShared = 1;
const mapPrivate = 2;
const mapAnonymous = platform === "darwin" ? 0x1000 : 0x20;
const mapJit = platform === "darwin" ? 0x800 : 0; // the hardened runtime of macOS wants it on pages that are written and run
const memfdCloseOnExec = 1;
const chunkBytes = 1 << 20;
const pageBytes = 4096;

interface Libc {
  mmap(address: number, length: number, protection: number, flags: number, fd: number, offset: number): number;
  munmap(address: number, length: number): number;
  mprotect(address: number, length: number, protection: number): number;
  memcpy(target: number, source: Uint8Array, length: number): void;
  close(fd: number): number;
  ftruncate(fd: number, length: number): number;
}

/**
 * Opens the native layer of this thread, or gives null where there is none. `failed` hears why on processors and systems that should have one; `memfd: false`
 * leaves out the way of mapping code that needs it.
 */
export function openNative(options: { failed?: (reason: string) => void; memfd?: boolean } = {}): Native | null {
  if (arch !== "x64" || (platform !== "linux" && platform !== "darwin")) return null;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    const lib = koffi.load(null); // also what initialises koffi in this thread: a decoded pointer called before any load is a crash
    return createNative(koffi, lib, options.memfd ?? true);
  } catch (error) {
    options.failed?.(error instanceof Error ? error.message : String(error));
    return null;
  }
}

function createNative(koffi: Koffi, lib: Library, useMemfd: boolean): Native {
  const libc: Libc = {
    mmap: lib.func("int64_t mmap(int64_t, int64_t, int, int, int, int64_t)"),
    munmap: lib.func("int munmap(int64_t, int64_t)"),
    mprotect: lib.func("int mprotect(int64_t, int64_t, int)"),
    memcpy: lib.func("void memcpy(int64_t, const uint8_t *, int64_t)"),
    close: lib.func("int close(int)"),
    ftruncate: lib.func("int ftruncate(int, int64_t)"),
  };
  tuneMalloc(lib);
  const memfdCreate = useMemfd
    ? optionalFunction<(name: string, flags: number) => number>(lib, "int memfd_create(const char *, unsigned int)")
    : null;
  const installCode = codeWriter(libc, memfdCreate);
  const addressOf = (buffer: ArrayBufferLike): number =>
    checkedAddress(Number(koffi.address(buffer instanceof ArrayBuffer ? buffer : new Uint8Array(buffer)))); // koffi knows shared buffers by their views only

  // One stub for all kernels. Win64 would differ here: the block arrives in rcx (`cvttsd2si rax, [rcx]`), rdi and rsi are kept, and so are xmm6 to xmm15.
  const stub = installCode(
    Uint8Array.of(
      ...[0xf2, 0x48, 0x0f, 0x2c, 0x07], // cvttsd2si rax, [rdi]
      ...[0xff, 0xe0], // jmp rax
    ),
  );
  const call = koffi.decode(BigInt(stub), koffi.proto("void (int64_t)")) as (block: number) => void;
  const trim = optionalFunction<(pad: number) => number>(lib, "int malloc_trim(size_t)");
  let crc32: Native["crc32"] | null = null;
  const gettid = platform === "linux" ? optionalFunction<() => number>(lib, "int gettid(void)") : null;
  let features: CpuFeatures | null = null;
  let readRoutine: number | null = null;
  return {
    kind: "native",
    get features() {
      features ??= readFeatures(installCode, addressOf, call); // not in every worker: a virtual machine traps each CPUID
      return features;
    },
    addressOf,
    installCode,
    call,
    guardedBuffer: (nbytes, options) => guardedBuffer(koffi, libc, nbytes, options?.at ?? "end"),
    get crc32() {
      return (crc32 ??= (this as Native).features.pclmulqdq ? createCrc32(installCode, addressOf, call) : crc32OfTable);
    },
    mapFile: (fd, length) => mapFile(koffi, libc, fd, length),
    get readRoutine() {
      if (platform !== "linux") return 0;
      return (readRoutine ??= installCode(readCode));
    },
    trimMemory: () => void trim?.(0),
    threadNumber: () => gettid?.() ?? 0,
  };
}

/** An address as a float64 must be an exact integer: koffi would quietly pass 0 for NaN. */
function checkedAddress(address: number): number {
  if (!Number.isSafeInteger(address) || address < 0) throw new Error(`not an address: ${address}`);
  return address;
}

function optionalFunction<F>(lib: Library, declaration: string): F | null {
  try {
    return lib.func(declaration) as F;
  } catch {
    return null;
  }
}

/**
 * glibc's malloc maps blocks above its threshold afresh each time, and a fresh page costs more than a pass over it. With the highest threshold it accepts,
 * memory that V8 frees is used again; what lies free at the top of the heap above the trim threshold goes back to the system.
 */
function tuneMalloc(lib: Library): void {
  const mallopt = optionalFunction<(parameter: number, value: number) => number>(lib, "int mallopt(int, int)");
  if (mallopt === null || platform !== "linux") return;
  const trimThreshold = -1;
  const mmapThreshold = -3;
  if (mallopt(mmapThreshold, 1 << 30) !== 1) mallopt(mmapThreshold, 32 << 20); // the cap of older glibc
  mallopt(trimThreshold, 512 << 20);
}

/**
 * Executable memory is mapped twice from one memfd, read-write for the writer and read-execute for the threads, so that adding a kernel changes no page
 * protection under a running thread. The descriptor is closed once both mappings exist. Where there is no memfd (macOS, or a system that forbids executable
 * ones) a chunk is one private mapping that is writable and executable from the start: MAP_JIT on macOS, where arm64 would also need
 * `pthread_jit_write_protect_np` and an instruction cache flush around the copy.
 */
function codeWriter(libc: Libc, memfdCreate: ((name: string, flags: number) => number) | null): (bytes: Uint8Array) => number {
  let writable = 0;
  let executable = 0;
  let used = 0;
  let size = 0;

  function map(length: number, protection: number, flags: number, fd: number): number {
    const address = libc.mmap(0, length, protection, flags, fd, 0);
    return Math.max(address, 0); // MAP_FAILED is -1
  }
  function mapTwice(length: number): boolean {
    const fd = memfdCreate?.("typetorch-code", memfdCloseOnExec) ?? -1;
    if (fd < 0) return false;
    const sized = libc.ftruncate(fd, length) === 0;
    writable = sized ? map(length, protRead | protWrite, mapShared, fd) : 0;
    executable = sized ? map(length, protRead | protExec, mapShared, fd) : 0;
    libc.close(fd);
    if (writable !== 0 && executable !== 0) return true;
    if (writable !== 0) libc.munmap(writable, length);
    if (executable !== 0) libc.munmap(executable, length);
    return false;
  }
  function grow(needed: number): void {
    const length = Math.ceil(needed / chunkBytes) * chunkBytes;
    if (!mapTwice(length)) {
      writable = executable = map(length, protRead | protWrite | protExec, mapPrivate | mapAnonymous | mapJit, -1);
      if (writable === 0) throw new Error("the system gives no executable memory");
    }
    size = length;
    used = 0;
  }
  return (bytes) => {
    const needed = Math.ceil(bytes.length / 64) * 64;
    if (used + needed > size) grow(needed);
    libc.memcpy(writable + used, bytes, bytes.length);
    const address = executable + used;
    used += needed;
    return address;
  };
}

function guardedBuffer(koffi: Koffi, libc: Libc, nbytes: number, at: "end" | "start"): GuardedBuffer {
  if (!(nbytes >= 0 && nbytes < 2 ** 32)) throw new RangeError(`a guarded buffer of ${nbytes} bytes`); // koffi.view aborts beyond 4 GiB
  const inner = Math.max(1, Math.ceil(nbytes / pageBytes)) * pageBytes;
  const total = inner + 2 * pageBytes;
  const base = libc.mmap(0, total, protRead | protWrite, mapPrivate | mapAnonymous, -1, 0);
  if (base <= 0) throw new Error(`no memory for a guarded buffer of ${nbytes} bytes`);
  const first = base + pageBytes;
  if (libc.mprotect(base, pageBytes, 0) !== 0 || libc.mprotect(first + inner, pageBytes, 0) !== 0) {
    libc.munmap(base, total);
    throw new Error("mprotect failed");
  }
  const byteOffset = at === "end" ? inner - nbytes : 0;
  const buffer = koffi.view(BigInt(first), inner);
  return { address: first + byteOffset, nbytes, buffer, byteOffset, free: () => void libc.munmap(base, total) };
}

function mapFile(koffi: Koffi, libc: Libc, fd: number, length: number): FileMapping | null {
  const address = length === 0 ? 0 : libc.mmap(0, length, protRead | protWrite, mapPrivate, fd, 0);
  if (address <= 0) return null;
  return {
    address,
    view(offset, nbytes) {
      if (!(offset >= 0 && nbytes > 0 && offset + nbytes <= length && nbytes < 2 ** 32))
        throw new RangeError("outside of the mapping");
      return koffi.view(BigInt(address + offset), nbytes);
    },
    unmap: () => void libc.munmap(address, length),
  };
}

/** Linux's pread until all is read, the file ends or an error comes. Slots: see `Native.readRoutine`. */
const readCode = Uint8Array.of(
  ...[0x49, 0x89, 0xf8], // mov r8, rdi
  ...[0xf2, 0x49, 0x0f, 0x2c, 0x78, 0x08], // cvttsd2si rdi, [r8 + 8]     file descriptor
  ...[0xf2, 0x49, 0x0f, 0x2c, 0x70, 0x10], // cvttsd2si rsi, [r8 + 16]    where to
  ...[0xf2, 0x49, 0x0f, 0x2c, 0x50, 0x18], // cvttsd2si rdx, [r8 + 24]    how much
  ...[0xf2, 0x4d, 0x0f, 0x2c, 0x50, 0x20], // cvttsd2si r10, [r8 + 32]    where from
  ...[0xf2, 0x4d, 0x0f, 0x2c, 0x48, 0x28], // cvttsd2si r9, [r8 + 40]     where to say how much it was
  ...[0x53], // push rbx
  ...[0x31, 0xdb], // xor ebx, ebx
  ...[0xb8, 0x11, 0x00, 0x00, 0x00], // again: mov eax, 17 (pread64)
  ...[0x0f, 0x05], // syscall
  ...[0x48, 0x85, 0xc0], // test rax, rax
  ...[0x7e, 0x0e], // jle done
  ...[0x48, 0x01, 0xc3], // add rbx, rax
  ...[0x48, 0x01, 0xc6], // add rsi, rax
  ...[0x49, 0x01, 0xc2], // add r10, rax
  ...[0x48, 0x29, 0xc2], // sub rdx, rax
  ...[0x75, 0xe6], // jnz again
  ...[0x49, 0x89, 0x19], // done: mov [r9], rbx
  ...[0x5b, 0xc3], // pop rbx; ret
);

const cpuidCode = Uint8Array.of(
  ...[0x53], // push rbx
  ...[0x49, 0x89, 0xf8], // mov r8, rdi
  ...[0xf2, 0x48, 0x0f, 0x2c, 0x47, 0x08], // cvttsd2si rax, [rdi + 8]    leaf
  ...[0xf2, 0x48, 0x0f, 0x2c, 0x4f, 0x10], // cvttsd2si rcx, [rdi + 16]   subleaf
  ...[0x0f, 0xa2], // cpuid
  ...[0x41, 0x89, 0x40, 0x18], // mov [r8 + 24], eax
  ...[0x41, 0x89, 0x58, 0x1c], // mov [r8 + 28], ebx
  ...[0x41, 0x89, 0x48, 0x20], // mov [r8 + 32], ecx
  ...[0x41, 0x89, 0x50, 0x24], // mov [r8 + 36], edx
  ...[0x5b, 0xc3], // pop rbx; ret
);

const xgetbvCode = Uint8Array.of(
  ...[0x31, 0xc9], // xor ecx, ecx
  ...[0x0f, 0x01, 0xd0], // xgetbv
  ...[0x89, 0x47, 0x18], // mov [rdi + 24], eax
  ...[0xc3], // ret
);

function readFeatures(
  installCode: (bytes: Uint8Array) => number,
  addressOf: (buffer: ArrayBuffer) => number,
  call: (block: number) => void,
): CpuFeatures {
  const block = new Float64Array(8);
  const words = new Uint32Array(block.buffer);
  const address = addressOf(block.buffer);
  const cpuidAddress = installCode(cpuidCode);
  const cpuid = (leaf: number, subleaf = 0): [eax: number, ebx: number, ecx: number, edx: number] => {
    block[0] = cpuidAddress;
    block[1] = leaf;
    block[2] = subleaf;
    call(address);
    return [words[6]!, words[7]!, words[8]!, words[9]!];
  };
  const bit = (word: number, index: number): boolean => ((word >>> index) & 1) === 1;

  const [maxLeaf, b0, c0, d0] = cpuid(0);
  const vendor = new TextDecoder().decode(Uint32Array.of(b0, d0, c0));
  const [signature, , c1] = cpuid(1);
  const [maxSubleaf, b7, c7, d7] = maxLeaf >= 7 ? cpuid(7, 0) : [0, 0, 0, 0];
  const [a71] = maxSubleaf >= 1 ? cpuid(7, 1) : [0];
  let saved = 0; // register state that the operating system saves: bits 1 and 2 xmm and ymm, bits 5 to 7 masks and zmm
  if (bit(c1, 27)) {
    block[0] = installCode(xgetbvCode);
    call(address);
    saved = words[6]!;
  }
  const ymm = (saved & 0x06) === 0x06 && bit(c1, 28);
  const zmm = (saved & 0xe6) === 0xe6 && bit(b7, 16);
  const avx512 = zmm && bit(b7, 17) && bit(b7, 30) && bit(b7, 31);
  const baseFamily = (signature >>> 8) & 15;

  const maxExtended = cpuid(0x80000000)[0];
  const cacheLeaf = vendor === "AuthenticAMD" || vendor === "HygonGenuine" ? 0x8000001d : 4;
  const caches = { l1d: 32 << 10, l2: 512 << 10, l3: 0, l3Threads: 1 }; // what is assumed of a processor that does not say
  let described = false;
  if (cacheLeaf === 4 ? maxLeaf >= 4 : maxExtended >= cacheLeaf) {
    for (let k = 0; k < 16; k++) {
      const [a, b, c] = cpuid(cacheLeaf, k);
      const kind = a & 31; // 1 data, 2 instructions, 3 both
      if (kind === 0) break;
      if (kind === 2) continue;
      const bytes = ((b >>> 22) + 1) * (((b >>> 12) & 1023) + 1) * ((b & 4095) + 1) * (c + 1); // ways, partitions, line, sets
      const level = (a >>> 5) & 7;
      if (level === 1) caches.l1d = bytes;
      else if (level === 2) caches.l2 = bytes;
      else if (level === 3) {
        caches.l3 = bytes;
        caches.l3Threads = ((a >>> 14) & 4095) + 1;
      }
      described = true;
    }
  }
  if (!described && cacheLeaf !== 4 && maxExtended >= 0x80000006) {
    // a hypervisor may hide the leaf above; the older ones give kilobytes of each core's own caches
    caches.l1d = (cpuid(0x80000005)[2] >>> 24) << 10 || caches.l1d;
    caches.l2 = (cpuid(0x80000006)[2] >>> 16) << 10 || caches.l2;
  }
  return {
    vendor,
    family: baseFamily === 15 ? baseFamily + ((signature >>> 20) & 255) : baseFamily,
    model: ((signature >>> 4) & 15) | (((signature >>> 16) & 15) << 4),
    pclmulqdq: bit(c1, 1),
    avx2: ymm && bit(b7, 5),
    fma: ymm && bit(c1, 12),
    f16c: ymm && bit(c1, 29),
    bmi2: bit(b7, 8),
    avx512,
    avx512Vnni: avx512 && bit(c7, 11),
    avx512Bf16: avx512 && bit(a71, 5),
    avx512Fp16: avx512 && bit(d7, 23),
    ...caches,
  };
}
