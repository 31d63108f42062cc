/**
 * NumPy's `.npz` files: arrays by name, each a `.npy` file in a zip archive.
 */
import { SerializationError, ValueError } from "../core/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ByteSource, type Reader, readAsync, readSync } from "./bytes.ts";
import { inflateInto } from "./inflate.ts";
import { NpyBuilder, npyFile, readNpyHeader } from "./npy.ts";
import type { NpyHeader } from "./npyHeader.ts";
import type { LoadProgressOptions } from "./safetensors.ts";
import { type NamedTensors, namedTensors, tensorsOnHost } from "./namedTensors.ts";
import { fileSink, memorySink, writeTo, writeToAsync } from "./sink.ts";
import { type AsyncInput, type SyncInput, openSource, openSourceAsync, withProgress } from "./source.ts";
import {
  type ZipArchive,
  type ZipEntry,
  checkInflation,
  locateEntry,
  quoted,
  readEntryInto,
  readZipDirectory,
} from "./zipReader.ts";
import { ZipWriter } from "./zipWriter.ts";

/** Reads the headers of an archive's arrays, and of their data only what cannot be passed over. */
export function* readNpzHeaders(file: { readonly name: string; readonly size: number }): Reader<Map<string, NpyHeader>> {
  const archive = yield* readZipDirectory(file);
  const headers = new Map<string, NpyHeader>();
  for (const [name, entry] of npzEntries(archive)) {
    const label = labelOf(file, entry);
    if (entry.stored) headers.set(name, yield* readNpyHeader(label, yield* locateEntry(archive, entry), entry.size));
    else {
      const range = { offset: yield* locateEntry(archive, entry), length: entry.compressedSize, size: entry.size };
      headers.set(name, yield* inflateInto(range, new NpyBuilder(label).header(entry.size), () => {}));
    }
  }
  return headers;
}

/** What errors call an array of an archive. */
function labelOf(file: { readonly name: string }, entry: ZipEntry): string {
  return `${file.name}: the entry ${quoted(entry.name)}`;
}

/** The entries of an archive by the names of their arrays: without `.npy`. */
function npzEntries(archive: ZipArchive): Map<string, ZipEntry> {
  const out = new Map<string, ZipEntry>();
  for (const [entryName, entry] of archive.entries) {
    const name = entryName.replace(/\.npy$/, "");
    if (out.has(name)) throw new SerializationError(`${archive.fileName} has two arrays named ${quoted(name)}`);
    out.set(name, entry);
  }
  return out;
}

function* readNpz(
  file: { readonly name: string; readonly size: number },
  maxBytes = null as number | null,
): Reader<Map<string, Tensor>> {
  const archive = yield* readZipDirectory(file);
  checkInflation(archive, maxBytes);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of npzEntries(archive)) {
    const builder = new NpyBuilder(labelOf(file, entry));
    yield* readEntryInto(archive, entry, (size) => builder.windows(size));
    tensors.set(name, builder.tensor!);
  }
  return tensors;
}

export interface LoadNpzOptions extends LoadProgressOptions {
  /**
   * For trusted files: the most bytes that compressed arrays may become, all together. Otherwise 256 MiB or four times the file, whichever is more: a few bytes can
   * declare a thousand times as many.
   */
  maxBytes?: number;
}

/**
 * Loads the arrays of a `.npz` file by name, as `np.load` and `torch.from_numpy`: of `np.savez` and `np.savez_compressed`. Throws {@link SerializationError} for
 * damaged files and arrays of objects, {@link DTypeError} for dtypes that PyTorch does not have.
 * @example
 * const bytes = torch.saveNpz({ x: torch.arange(3), y: torch.ones(2) });
 * torch.loadNpz(bytes).get("x") // tensor([0, 1, 2])
 */
export function loadNpz(input: SyncInput, options: LoadNpzOptions = {}): Map<string, Tensor> {
  const source: ByteSource = withProgress(openSource(input, "loadNpz"), options.progress);
  try {
    return readSync(source, readNpz(source, options.maxBytes));
  } finally {
    source.close();
  }
}

/** As {@link loadNpz}, from a path, a URL, a `Blob`, an `ArrayBuffer` or bytes, while other work goes on. */
export async function loadNpzAsync(input: AsyncInput, options: LoadNpzOptions = {}): Promise<Map<string, Tensor>> {
  const source = await openSourceAsync(input, "loadNpz", options.progress);
  try {
    return await readAsync(source, readNpz(source, options.maxBytes));
  } finally {
    await source.close();
  }
}

export interface SaveNpzOptions {
  /** Deflate the arrays, as `np.savez_compressed`. */
  compressed?: boolean;
}

/**
 * Writes tensors as a `.npz` file that `np.load` reads, as `np.savez`, or without a path returns its bytes. Throws {@link DTypeError} for bfloat16, which NumPy
 * does not have.
 */
export function saveNpz(tensors: NamedTensors, path: string, options?: SaveNpzOptions): void;
export function saveNpz(tensors: NamedTensors, options?: SaveNpzOptions): Uint8Array<ArrayBuffer>;
export function saveNpz(
  tensors: NamedTensors,
  path?: string | SaveNpzOptions,
  options?: SaveNpzOptions,
): Uint8Array<ArrayBuffer> | void {
  if (typeof path === "string") writeTo(fileSink(path), npzPieces(tensors, options));
  else return writeTo(memorySink(), npzPieces(tensors, path)).bytes;
}

/** {@link saveNpz} that lets other work go on in between. The tensors must not change until it is done. */
export function saveNpzAsync(tensors: NamedTensors, path: string, options?: SaveNpzOptions): Promise<void>;
export function saveNpzAsync(tensors: NamedTensors, options?: SaveNpzOptions): Promise<Uint8Array<ArrayBuffer>>;
export async function saveNpzAsync(
  tensors: NamedTensors,
  path?: string | SaveNpzOptions,
  options?: SaveNpzOptions,
): Promise<Uint8Array<ArrayBuffer> | void> {
  const host = await tensorsOnHost(tensors, "saveNpz");
  if (typeof path !== "string") return (await writeToAsync(memorySink(), npzPieces(host, path))).bytes;
  await writeToAsync(fileSink(path), npzPieces(host, options));
}

function* npzPieces(tensors: NamedTensors, options: SaveNpzOptions = {}): Generator<Uint8Array, void, void> {
  const files = [...namedTensors(tensors, "saveNpz")].map(([name, tensor]) => ({ name: `${name}.npy`, ...npyFile(tensor) }));
  const zip = new ZipWriter();
  for (const { name, size, pieces } of files) {
    if (new TextEncoder().encode(name).length > 0xffff)
      throw new ValueError("saveNpz: a name is longer than a zip archive can hold");
    yield* options.compressed ? zip.addDeflated(name, pieces(), size) : zip.add(name, pieces(), size);
  }
  yield* zip.finish();
}
