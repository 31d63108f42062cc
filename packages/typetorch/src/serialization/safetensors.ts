/**
 * Reading safetensors files: at once or tensor by tensor, from files, memory, `Blob`s and servers, whole or in shards.
 */
import { SerializationError } from "../core/errors.ts";
import type { DType } from "../core/dtype.ts";
import type { Device } from "../core/storage.ts";
import { type Index, Slice, noGrad } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AsyncByteSource, type ByteSource, type Reader, readAsync, readSync } from "./bytes.ts";
import { type SafetensorsHeader, type SafetensorsInfo, dtypeOfInfo, readHeader } from "./safetensorsHeader.ts";
import { checkShards, isIndex, readIndex, shardInput } from "./safetensorsIndex.ts";
import { type AsyncInput, type Progress, type SyncInput, openSource, openSourceAsync, withProgress } from "./source.ts";
import { readTensor, readView, shapeOnly } from "./tensorBytes.ts";

/** Tensors by name, with the file's notes. */
export class SafetensorsDict extends Map<string, Tensor> {
  /** What the file says in `__metadata__`; null if it does not. */
  readonly metadata: ReadonlyMap<string, string> | null;
  constructor(metadata: ReadonlyMap<string, string> | null) {
    super();
    this.metadata = metadata;
  }
}

interface Shard<Source> {
  readonly source: Source;
  readonly header: SafetensorsHeader;
}

/** What a file, or a set of shards, has by name: known from the headers. */
abstract class SafetensorsContents<Source extends ByteSource | AsyncByteSource> {
  /** The path or whatever else was opened. */
  readonly name: string;
  protected readonly shards: readonly Shard<Source>[];
  private readonly device: Device | string | null;
  private closed = false;
  private readonly entries = new Map<string, { info: SafetensorsInfo; shard: Shard<Source> }>();

  constructor(name: string, shards: readonly Shard<Source>[], device: Device | string | null = null) {
    this.name = name;
    this.shards = shards;
    this.device = device;
    for (const shard of shards) {
      for (const info of shard.header.tensors.values()) this.entries.set(info.name, { info, shard });
    }
  }

  /** The names of the tensors, in the order of their data. */
  keys(): string[] {
    return [...this.entries.keys()];
  }
  has(name: string): boolean {
    return this.entries.has(name);
  }
  /** The notes of the file, or of all shards, where the first one counts; null if there are none. */
  metadata(): ReadonlyMap<string, string> | null {
    const notes = new Map<string, string>();
    for (const { header } of this.shards) {
      for (const [key, value] of header.metadata ?? []) if (!notes.has(key)) notes.set(key, value);
    }
    return this.shards.every(({ header }) => header.metadata === null) ? null : notes;
  }
  /** The files that were opened, and their sizes in bytes. */
  files(): { readonly name: string; readonly size: number }[] {
    return this.shards.map(({ source: { name, size } }) => ({ name, size }));
  }
  /** Shape of a tensor, without reading it. */
  getShape(name: string): readonly number[] {
    return this.entry(name).info.shape;
  }
  /** The format's name of a tensor's dtype, such as `F32` or `F8_E4M3`, without reading it. */
  getDtype(name: string): string {
    return this.entry(name).info.dtype;
  }
  /** Bytes of a tensor's data. */
  getBytes(name: string): number {
    const { start, end } = this.entry(name).info;
    return end - start;
  }

  /** The sources to close, once. */
  protected endReading(): readonly Source[] {
    const sources = this.closed ? [] : this.shards.map(({ source }) => source);
    this.closed = true;
    return sources;
  }
  /** A tensor that was read, on the device that was asked for. */
  protected placed(x: Tensor): Tensor {
    return this.device === null ? x : x.to(this.device);
  }
  /** A tensor to read from. */
  protected opened(name: string): { info: SafetensorsInfo; shard: Shard<Source> } {
    if (this.closed) throw new SerializationError(`${this.name} was closed, so '${name}' cannot be read`, "open it again");
    return this.entry(name);
  }
  private entry(name: string): { info: SafetensorsInfo; shard: Shard<Source> } {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    throw new SerializationError(`${this.name}: File does not contain tensor ${name}`, this.adviceFor(name));
  }
  private adviceFor(name: string): string {
    const keys = this.keys();
    const similar = keys.filter((key) => key.endsWith(`.${name}`) || name.endsWith(`.${key}`));
    const shown = (similar.length > 0 ? similar : keys).slice(0, 5).map((key) => `'${key}'`);
    return keys.length === 0 ? "the file has no tensors" : `it has ${shown.join(", ")}${keys.length > shown.length ? ", …" : ""}`;
  }
}

/** The part of a tensor that `getSlice` gave a name to; nothing of it is read before `at` says what. */
export interface SafetensorsSlice<Result> {
  getShape(): readonly number[];
  /** The format's name of the dtype. */
  getDtype(): string;
  /** The part that the indices say, with the meaning of `Tensor.at`; of the file only that part is read, and what lies close to it. */
  at(...indices: Index[]): Result;
}

/** A safetensors file open for reading, as the Python package's `safe_open`. Close it, or say `using`. */
export class SafetensorsFile extends SafetensorsContents<ByteSource> {
  /** Reads one tensor. Throws for a name that is not there. */
  getTensor(name: string): Tensor {
    const { info, shard } = this.opened(name);
    return this.placed(readSync(shard.source, readWhole(info, shard.header)));
  }
  /** Reads all tensors. */
  getTensors(): SafetensorsDict {
    const out = new SafetensorsDict(this.metadata());
    for (const name of this.keys()) out.set(name, this.getTensor(name));
    return out;
  }
  /** A tensor of which parts can be read: `file.getSlice("embedding").at("10:20")`. */
  getSlice(name: string): SafetensorsSlice<Tensor> {
    const { info, shard } = this.opened(name);
    return {
      getShape: () => info.shape,
      getDtype: () => info.dtype,
      at: (...indices) => this.placed(readSync(this.opened(name).shard.source, readIndexed(info, shard.header, indices))),
    };
  }
  close(): void {
    for (const source of this.endReading()) source.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The same where reading takes turns: pages, servers, and programs that do other work meanwhile. */
export class AsyncSafetensorsFile extends SafetensorsContents<AsyncByteSource> {
  /** Reads one tensor. Rejects for a name that is not there. */
  async getTensor(name: string): Promise<Tensor> {
    const { info, shard } = this.opened(name);
    return this.placed(await readAsync(shard.source, readWhole(info, shard.header)));
  }
  /** Reads all tensors. */
  async getTensors(): Promise<SafetensorsDict> {
    const out = new SafetensorsDict(this.metadata());
    for (const name of this.keys()) out.set(name, await this.getTensor(name));
    return out;
  }
  /** A tensor of which parts can be read. */
  getSlice(name: string): SafetensorsSlice<Promise<Tensor>> {
    const { info, shard } = this.opened(name);
    return {
      getShape: () => info.shape,
      getDtype: () => info.dtype,
      at: async (...indices) =>
        this.placed(await readAsync(this.opened(name).shard.source, readIndexed(info, shard.header, indices))),
    };
  }
  async close(): Promise<void> {
    for (const source of this.endReading()) await source.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function readWhole(info: SafetensorsInfo, header: SafetensorsHeader): Reader<Tensor> {
  return readTensor(info.shape, dtypeOfInfo(info), header.dataStart + info.start);
}

function* readIndexed(info: SafetensorsInfo, header: SafetensorsHeader, indices: readonly Index[]): Reader<Tensor> {
  const dtype: DType = dtypeOfInfo(info);
  const offset = header.dataStart + info.start;
  if (!indices.every(makesView)) return (yield* readTensor(info.shape, dtype, offset)).at(...indices);
  const view = noGrad(() => shapeOnly(info.shape, dtype).at(...indices));
  return yield* readView(view, dtype, offset);
}

/** Whether indexing with it gives a view, whose place in memory tells the place in the file. */
function makesView(index: Index): boolean {
  return (
    index === null ||
    index === undefined ||
    typeof index === "number" ||
    typeof index === "bigint" ||
    typeof index === "string" ||
    index instanceof Slice
  );
}

export interface LoadProgressOptions {
  /** Told how many of the file's bytes were read; of each shard by itself. */
  progress?: Progress;
}

export interface LoadSafetensorsOptions extends LoadProgressOptions {
  /** Where the tensors go, one after the other: the CPU unless told otherwise. */
  device?: Device | string | null;
}

/**
 * Opens a safetensors file, or the index of a sharded one (`model.safetensors.index.json`), without reading data. As the Python package's `safe_open`.
 * Throws {@link SerializationError} for a file that breaks a rule of the format.
 */
export function openSafetensors(input: SyncInput, options: LoadSafetensorsOptions = {}): SafetensorsFile {
  const source = withProgress(openSource(input, "openSafetensors"), options.progress);
  const opened = [source];
  try {
    if (!isIndex(input)) return new SafetensorsFile(source.name, [openShard(source)], options.device);
    const index = readSync(source, readIndex(source.name, source.size));
    source.close();
    opened.pop();
    const shards = index.files.map((file) => {
      const shard = withProgress(openSource(shardInput(input, file) as string, "openSafetensors"), options.progress);
      opened.push(shard);
      return openShard(shard);
    });
    checkShards(
      index,
      shards.map(({ header }) => header),
    );
    return new SafetensorsFile(source.name, shards, options.device);
  } catch (error) {
    for (const each of opened) each.close();
    throw error;
  }
}

function openShard(source: ByteSource): Shard<ByteSource> {
  return { source, header: readSync(source, readHeader(source.name, source.size)) };
}

/** As {@link openSafetensors}, from a path, a URL, a `Blob`, an `ArrayBuffer` or bytes; of a server that answers range requests only what is asked for is fetched. */
export async function openSafetensorsAsync(
  input: AsyncInput,
  options: LoadSafetensorsOptions = {},
): Promise<AsyncSafetensorsFile> {
  const source = await openSourceAsync(input, "openSafetensors", options.progress);
  const opened = [source];
  try {
    if (!isIndex(input)) return new AsyncSafetensorsFile(source.name, [await openShardAsync(source)], options.device);
    const index = await readAsync(source, readIndex(source.name, source.size));
    await source.close();
    opened.pop();
    const shards: Shard<AsyncByteSource>[] = [];
    for (const file of index.files) {
      const shard = await openSourceAsync(shardInput(input, file), "openSafetensors", options.progress);
      opened.push(shard);
      shards.push(await openShardAsync(shard));
    }
    checkShards(
      index,
      shards.map(({ header }) => header),
    );
    return new AsyncSafetensorsFile(source.name, shards, options.device);
  } catch (error) {
    for (const each of opened) await each.close();
    throw error;
  }
}

async function openShardAsync(source: AsyncByteSource): Promise<Shard<AsyncByteSource>> {
  return { source, header: await readAsync(source, readHeader(source.name, source.size)) };
}

/**
 * Loads the tensors of a safetensors file, or of all shards of an index (`model.safetensors.index.json`), from a path or bytes; `metadata` of the result has
 * the file's notes. As `safetensors.torch.load_file`. Throws {@link SerializationError} for a file that breaks a rule of the format.
 */
export function loadSafetensors(input: SyncInput, options: LoadSafetensorsOptions = {}): SafetensorsDict {
  using file = openSafetensors(input, options);
  return file.getTensors();
}

/** As {@link loadSafetensors}, from a path, a URL, a `Blob`, an `ArrayBuffer` or bytes, while other work goes on. */
export async function loadSafetensorsAsync(input: AsyncInput, options: LoadSafetensorsOptions = {}): Promise<SafetensorsDict> {
  const file = await openSafetensorsAsync(input, options);
  try {
    return await file.getTensors();
  } finally {
    await file.close();
  }
}
