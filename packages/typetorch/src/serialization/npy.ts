/**
 * NumPy's `.npy` files: one array.
 */
import { checkArguments } from "../ops/arguments.ts";
import { SerializationError } from "../core/errors.ts";
import { contiguousStrides, isContiguous, numelOf } from "../core/shape.ts";
import { runtime } from "../ops/runtime.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Reader, readAsync, readSync } from "./bytes.ts";
import { type NpyHeader, formatNpyHeader, locateNpyHeader, npyPrefixBytes, parseNpyHeader } from "./npyHeader.ts";
import type { LoadProgressOptions } from "./safetensors.ts";
import { tensorsOnHost } from "./namedTensors.ts";
import { fileSink, memorySink, writeTo, writeToAsync } from "./sink.ts";
import { type AsyncInput, type SyncInput, openSource, openSourceAsync } from "./source.ts";
import { storageWindows } from "./storageBytes.ts";
import { checkElements, elementBytes } from "./tensorBytes.ts";

/** Makes a tensor of the bytes of a `.npy` file: gives the memory to read them to, piece by piece. */
export class NpyBuilder {
  /** What was read; null before. */
  tensor: Tensor | null = null;
  private readonly file: string;
  /** `file` is what errors call it. */
  constructor(file: string) {
    this.file = file;
  }

  /** Memory for the file's `size` bytes in order. Each piece must be filled before the next is asked for. */
  *windows(size: number): Generator<Uint8Array, void, void> {
    const header = yield* this.header(size);
    const { shape, dtype, fortranOrder, bigEndian, end } = header;
    const wanted = numelOf(shape) * dtype.itemsize;
    if (wanted > size - end) {
      throw this.bad(`EOF: reading array data, expected ${wanted} bytes got ${size - end}`, "the file is cut off");
    }
    if (wanted < size - end) {
      throw this.bad(
        `${size - end - wanted} bytes follow the array`,
        "a file of several arrays that were saved one after the other cannot be loaded; np.savez puts them in one archive",
      );
    }
    const inMemory = fortranOrder ? [...shape].reverse() : shape;
    const x = runtime.empty(inMemory, dtype);
    for (const window of storageWindows(x.storage)) {
      yield window;
      if (bigEndian) swapBytes(window, dtype.Array.BYTES_PER_ELEMENT); // of complex numbers each part
    }
    checkElements(x);
    this.tensor = fortranOrder ? new Tensor(x.storage, shape, contiguousStrides(inMemory).reverse(), 0, dtype) : x;
  }

  /** The same for the header alone. */
  *header(size: number): Generator<Uint8Array, NpyHeader & { readonly end: number }, void> {
    if (size < npyPrefixBytes) throw this.bad(`EOF: reading magic string, ${size} bytes are no array`);
    const prefix = new Uint8Array(npyPrefixBytes);
    yield prefix;
    const { start, end } = locateNpyHeader(this.file, prefix);
    if (end > size || end < npyPrefixBytes) throw this.bad("EOF: reading array header", "the file is cut off");
    const text = new Uint8Array(end - start);
    const known = npyPrefixBytes - start;
    text.set(prefix.subarray(start));
    yield text.subarray(known);
    return { ...parseNpyHeader(this.file, text, prefix[6]!), end };
  }

  private bad(why: string, help?: string): SerializationError {
    return new SerializationError(`${this.file}: ${why}`, help);
  }
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) {
    for (let low = at, high = at + width - 1; low < high; low++, high--) {
      const byte = bytes[low]!;
      bytes[low] = bytes[high]!;
      bytes[high] = byte;
    }
  }
}

function* readNpy(file: { readonly name: string; readonly size: number }): Reader<Tensor> {
  const builder = new NpyBuilder(file.name);
  let offset = 0;
  for (const into of builder.windows(file.size)) {
    yield { offset, length: into.length, into };
    offset += into.length;
  }
  return builder.tensor!;
}

/** Reads the header of an array that lies in the file from `offset` on, in `size` bytes. */
export function* readNpyHeader(name: string, offset: number, size: number): Reader<NpyHeader> {
  const windows = new NpyBuilder(name).header(size);
  let at = offset;
  for (let step = windows.next(); ; step = windows.next()) {
    if (step.done) return step.value;
    const into = step.value;
    yield { offset: at, length: into.length, into };
    at += into.length;
  }
}

/**
 * Loads an array from a `.npy` file, as `np.load` and `torch.from_numpy`. A Fortran-ordered array keeps its strides. Throws {@link SerializationError} for
 * damaged files and arrays of objects, {@link DTypeError} for dtypes that PyTorch does not have.
 * @example
 * const bytes = torch.saveNpy(torch.tensor([[1, 2], [3, 4]]));
 * torch.loadNpy(bytes) // tensor([[1., 2.], [3., 4.]])
 */
export function loadNpy(input: SyncInput): Tensor {
  const source = openSource(input, "loadNpy");
  try {
    return readSync(source, readNpy(source));
  } finally {
    source.close();
  }
}

/** As {@link loadNpy}, from a path, a URL, a `Blob`, an `ArrayBuffer` or bytes, while other work goes on. */
export async function loadNpyAsync(input: AsyncInput, options: LoadProgressOptions = {}): Promise<Tensor> {
  const source = await openSourceAsync(input, "loadNpy", options.progress);
  try {
    return await readAsync(source, readNpy(source));
  } finally {
    await source.close();
  }
}

/** The pieces of a tensor's `.npy` file, and how many bytes they are. */
export function npyFile(x: Tensor): { readonly size: number; pieces(): Generator<Uint8Array, void, void> } {
  const transposed = x.detach().permute(x.shape.map((_, dim) => x.shape.length - 1 - dim));
  const fortranOrder = !isContiguous(x.shape, x.strides) && isContiguous(transposed.shape, transposed.strides);
  const header = formatNpyHeader(x.dtype, fortranOrder, x.shape);
  return {
    size: header.length + x.numel() * x.dtype.itemsize,
    *pieces() {
      yield header;
      yield* elementBytes(fortranOrder ? transposed : x);
    },
  };
}

/**
 * Writes a tensor as a `.npy` file that `np.load` reads, or without a path returns its bytes. What is contiguous after a transposition is written as it lies in
 * memory, in Fortran order, as `np.save` does. Throws {@link DTypeError} for bfloat16, which NumPy does not have.
 */
export function saveNpy(x: Tensor, path: string): void;
export function saveNpy(x: Tensor): Uint8Array<ArrayBuffer>;
export function saveNpy(x: Tensor, path?: string): Uint8Array<ArrayBuffer> | void {
  checkArguments("save_npy(Tensor x, str? path)", x, path);
  const file = npyFile(x);
  if (path === undefined) return writeTo(memorySink(file.size), file.pieces()).bytes;
  writeTo(fileSink(path), file.pieces());
}

/** {@link saveNpy} that lets other work go on in between. */
export function saveNpyAsync(x: Tensor, path: string): Promise<void>;
export function saveNpyAsync(x: Tensor): Promise<Uint8Array<ArrayBuffer>>;
export async function saveNpyAsync(x: Tensor, path?: string): Promise<Uint8Array<ArrayBuffer> | void> {
  const [host] = (await tensorsOnHost({ x }, "saveNpy")).values();
  const file = npyFile(host!);
  if (path === undefined) return (await writeToAsync(memorySink(file.size), file.pieces())).bytes;
  await writeToAsync(fileSink(path), file.pieces());
}
