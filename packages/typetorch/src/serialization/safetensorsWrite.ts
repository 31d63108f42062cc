/**
 * Writing safetensors files, byte for byte as the reference implementation does (whose order of several notes is random), whole or in shards.
 */
import { ArgumentTypeError, SerializationError, ValueError } from "../core/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type NamedTensors, checkText, namedTensors, tensorsOnHost } from "./namedTensors.ts";
import { compareForWriting, compareUtf8, formatNameOf, maxHeaderBytes } from "./safetensorsHeader.ts";
import { fileSink, memorySink, writeTo, writeToAsync } from "./sink.ts";
import { elementBytes } from "./tensorBytes.ts";

export interface SaveSafetensorsOptions {
  /** Notes kept in the file, strings only; `{ format: "pt" }` says to some readers that PyTorch wrote it. */
  metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>> | null;
}

export interface SaveShardedOptions extends SaveSafetensorsOptions {
  /** Bytes of data in one file at most, as a number or as `"5GB"` (a billion each) or `"500MiB"`; what is more goes to shards with an index. */
  maxShardSize?: number | string;
}

/**
 * Writes tensors to a safetensors file, or without a path returns its bytes. The file appears when it is complete. Elements are written in row-major order
 * whatever their strides. With `maxShardSize` a larger set is written as `model-00001-of-00003.safetensors`, … beside `model.safetensors.index.json`, for a
 * path that ends in `model.safetensors`. As `safetensors.torch.save_file`.
 *
 * Throws {@link SerializationError} if tensors share memory, which the format cannot say, and {@link DTypeError} for dtypes that it does not have.
 * @example
 * const bytes = torch.saveSafetensors({ weight: torch.ones(3) }, { metadata: { format: "pt" } });
 * torch.loadSafetensors(bytes).get("weight") // tensor([1., 1., 1.])
 */
export function saveSafetensors(tensors: NamedTensors, path: string, options?: SaveShardedOptions): void;
export function saveSafetensors(tensors: NamedTensors, options?: SaveSafetensorsOptions): Uint8Array<ArrayBuffer>;
export function saveSafetensors(
  tensors: NamedTensors,
  path?: string | SaveSafetensorsOptions,
  options?: SaveShardedOptions,
): Uint8Array<ArrayBuffer> | void {
  if (typeof path !== "string") {
    const file = describeFile(tensorsToWrite(tensors), notesOf(path?.metadata));
    return writeTo(memorySink(file.bytes), pieces(file)).bytes;
  }
  for (const [name, file] of filesToWrite(tensors, path, options)) writeTo(fileSink(name), file);
}

/** {@link saveSafetensors} that lets other work go on in between. The tensors must not change until it is done. */
export function saveSafetensorsAsync(tensors: NamedTensors, path: string, options?: SaveShardedOptions): Promise<void>;
export function saveSafetensorsAsync(tensors: NamedTensors, options?: SaveSafetensorsOptions): Promise<Uint8Array<ArrayBuffer>>;
export async function saveSafetensorsAsync(
  tensors: NamedTensors,
  path?: string | SaveSafetensorsOptions,
  options?: SaveShardedOptions,
): Promise<Uint8Array<ArrayBuffer> | void> {
  const host = await tensorsOnHost(tensors, "saveSafetensors");
  if (typeof path !== "string") {
    const file = describeFile(tensorsToWrite(host), notesOf(path?.metadata));
    return (await writeToAsync(memorySink(file.bytes), pieces(file))).bytes;
  }
  for (const [name, file] of filesToWrite(host, path, options)) await writeToAsync(fileSink(name), file);
}

/** Paths and contents of all files, in the order in which they are written. */
function* filesToWrite(
  tensors: NamedTensors,
  path: string,
  options: SaveShardedOptions = {},
): Generator<[path: string, content: Iterable<Uint8Array>]> {
  const notes = notesOf(options.metadata);
  const shards = splitIntoShards(tensorsToWrite(tensors), bytesOf(options.maxShardSize));
  if (shards.length === 1) yield [path, pieces(describeFile(shards[0]!, notes))];
  else yield* shardFiles(path, shards, notes);
}

/** A file to write: its header, and its tensors in the order of their data. */
interface FileDescription {
  readonly header: Uint8Array;
  readonly tensors: readonly Tensor[];
  /** Bytes of the whole file. */
  readonly bytes: number;
}

function* pieces(file: FileDescription): Generator<Uint8Array, void, void> {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(file.header.length), true);
  yield length;
  yield file.header;
  for (const tensor of file.tensors) yield* elementBytes(tensor);
}

function describeFile(entries: ReadonlyMap<string, Tensor>, notes: ReadonlyMap<string, string> | null): FileDescription {
  const sorted = [...entries]
    .map(([name, tensor]) => ({ name, dtype: formatNameOf(tensor.dtype, name), shape: tensor.shape, start: 0, end: 0, tensor }))
    .sort(compareForWriting);
  const parts: string[] = [];
  if (notes !== null) {
    const members = [...notes].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    parts.push(`"__metadata__":{${members.join(",")}}`);
  }
  let end = 0;
  for (const { name, dtype, shape, tensor } of sorted) {
    const start = end;
    end += nbytes(tensor);
    parts.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${start},${end}]}`);
  }
  const text = new TextEncoder().encode(`{${parts.join(",")}}`);
  const header = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20); // the data begins at a multiple of 8
  header.set(text);
  if (header.length > maxHeaderBytes) {
    throw new SerializationError(
      `saveSafetensors: the header would have ${header.length} bytes; no reader takes more than ${maxHeaderBytes}`,
      "save fewer tensors to a file, or less metadata",
    );
  }
  return { header, tensors: sorted.map(({ tensor }) => tensor), bytes: 8 + header.length + end };
}

function nbytes(x: Tensor): number {
  return x.numel() * x.dtype.itemsize;
}

function tensorsToWrite(tensors: NamedTensors): Map<string, Tensor> {
  const entries = namedTensors(tensors, "saveSafetensors");
  if (entries.has("__metadata__")) {
    throw new ValueError("saveSafetensors: `__metadata__` cannot be the name of a tensor", "the format keeps its notes under it");
  }
  refuseSharedMemory(entries);
  return entries;
}

function notesOf(metadata: SaveSafetensorsOptions["metadata"]): ReadonlyMap<string, string> | null {
  if (metadata === undefined || metadata === null) return null;
  const notes = new Map<string, string>(metadata instanceof Map ? metadata : Object.entries(metadata));
  for (const [key, value] of notes) {
    if (typeof key !== "string" || typeof value !== "string") {
      throw new ArgumentTypeError(
        `saveSafetensors: metadata maps strings to strings, but '${String(key)}' is ${value === null ? "null" : typeof value}`,
        "JSON.stringify makes a string of anything",
      );
    }
    checkText(key, "saveSafetensors: a key of metadata");
    checkText(value, "saveSafetensors: a value of metadata");
  }
  return notes;
}

/** Throws if two tensors have bytes in common. */
function refuseSharedMemory(entries: ReadonlyMap<string, Tensor>): void {
  const shared = findSharedTensors(entries);
  if (shared.length === 0) return;
  const sets = shared.map((names) => `{${names.map((name) => `'${name}'`).join(", ")}}`);
  throw new SerializationError(
    `Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading them again: [${sets.join(", ")}].`,
    "save one name of each set (saveSafetensorsModel does so for a module), or give the others memory of their own with clone(); torch.save keeps sharing",
  );
}

/** Groups of two and more names whose tensors overlap in memory. */
export function findSharedTensors(entries: ReadonlyMap<string, Tensor>): string[][] {
  const byStorage = new Map<object, { name: string; start: number; stop: number }[]>();
  for (const [name, x] of entries) {
    if (x.numel() === 0) continue;
    const { itemsize } = x.dtype;
    const start = x.storageOffset * itemsize;
    const last = x.shape.reduce((position, n, dim) => position + (n - 1) * x.strides[dim]!, x.storageOffset);
    const area = { name, start, stop: (last + 1) * itemsize };
    const areas = byStorage.get(x.storage);
    if (areas === undefined) byStorage.set(x.storage, [area]);
    else areas.push(area);
  }
  const groups: string[][] = [];
  for (const areas of byStorage.values()) {
    areas.sort((a, b) => a.start - b.start);
    let group: string[] = [];
    let stop = 0;
    for (const area of areas) {
      if (area.start >= stop) groups.push((group = []));
      group.push(area.name);
      stop = Math.max(stop, area.stop);
    }
  }
  return groups.filter((group) => group.length > 1).map((group) => group.sort(compareUtf8));
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function bytesOf(size: number | string | undefined): number {
  if (size === undefined) return Number.POSITIVE_INFINITY;
  const match = typeof size === "string" ? /^\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?)B?\s*$/i.exec(size) : null;
  const unit = match === null ? "" : match[2]!.charAt(0).toUpperCase() + match[2]!.slice(1).toLowerCase();
  const bytes = typeof size === "number" ? size : match === null ? Number.NaN : Number(match[1]) * (units[unit] ?? Number.NaN);
  if (!(bytes > 0))
    throw new ValueError(`saveSafetensors: maxShardSize is ${size}`, 'it is a number of bytes, or as "5GB" or "500MiB"');
  return bytes;
}

/** Fills shards in the given order; a tensor that is larger than a shard gets one of its own. */
function splitIntoShards(entries: ReadonlyMap<string, Tensor>, most: number): Map<string, Tensor>[] {
  const shards: Map<string, Tensor>[] = [new Map()];
  let used = 0;
  for (const [name, tensor] of entries) {
    const bytes = nbytes(tensor);
    if (used > 0 && used + bytes > most) {
      shards.push(new Map());
      used = 0;
    }
    shards[shards.length - 1]!.set(name, tensor);
    used += bytes;
  }
  return shards;
}

function* shardFiles(
  path: string,
  shards: readonly Map<string, Tensor>[],
  notes: ReadonlyMap<string, string> | null,
): Generator<[path: string, content: Iterable<Uint8Array>]> {
  const stem = /^(.*?)([^/\\]*)\.safetensors$/.exec(path);
  if (stem === null) {
    throw new ValueError(
      `saveSafetensors: the name of a set of shards must end in .safetensors, but it is ${path}`,
      'saveSafetensors(tensors, "folder/model.safetensors", { maxShardSize }) writes the shards and model.safetensors.index.json',
    );
  }
  const [, folder, name] = stem;
  const number = (k: number) => String(k).padStart(5, "0");
  const fileOf: [tensor: string, file: string][] = [];
  let total = 0;
  for (const [k, shard] of shards.entries()) {
    const file = `${name}-${number(k + 1)}-of-${number(shards.length)}.safetensors`;
    yield [`${folder}${file}`, pieces(describeFile(shard, notes))];
    for (const [tensor, x] of shard) {
      fileOf.push([tensor, file]);
      total += nbytes(x);
    }
  }
  fileOf.sort(([a], [b]) => compareUtf8(a, b));
  const map = fileOf.map(([tensor, file]) => `    ${JSON.stringify(tensor)}: ${JSON.stringify(file)}`);
  const text = `{\n  "metadata": {\n    "total_size": ${total}\n  },\n  "weight_map": {\n${map.join(",\n")}\n  }\n}\n`;
  // last, so that an index is there only when all of its shards are
  yield [`${folder}${name}.safetensors.index.json`, [new TextEncoder().encode(text)]];
}
