/**
 * Reading what `torch.save` wrote: a zip archive with a pickle and one record for each storage, or (before PyTorch 1.6) a row of pickles with the storages
 * behind them. The pickle is read first; then each storage goes from the file straight to its tensors' memory.
 */
import { type DType, partsOf, uint8 } from "../core/dtype.ts";
import { DeviceError, SerializationError, UnpicklingError } from "../core/errors.ts";
import { cpu, type Device, type Storage } from "../core/storage.ts";
import { replaceData } from "../nn/parameter.ts";
import { runtime } from "../ops/runtime.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Reader } from "./bytes.ts";
import { SavedStorage, tensorOfStorage } from "./rebuild.ts";
import { storageWindows } from "./storageBytes.ts";
import { findTorchGlobal, StorageType } from "./torchGlobals.ts";
import { PickleAccount, heapBytes } from "./pickleAccount.ts";
import { checkTree, visitTree } from "./pickleTree.ts";
import { describe, isTuple } from "./pickleValues.ts";
import { TruncatedPickleError } from "./pickleCursor.ts";
import { unpickle } from "./unpickler.ts";
import {
  checkInflation,
  locateEntry,
  quoted,
  readEntry,
  readEntryInto,
  readZipDirectory,
  type ZipArchive,
  type ZipEntry,
} from "./zipReader.ts";

/** Memory over a range of the file, or null where the range cannot be mapped. */
export type MapRange = (offset: number, nbytes: number) => Storage | null;

export interface ReadOptions {
  /** Where storages go that PyTorch had at a location (`cpu`, `cuda:0`); asked before they are made. */
  readonly placeOf: (location: string) => Device;
  readonly map: MapRange | null;
  /** The most bytes that small things in the file may become, see `LoadOptions`; null for what is usual. */
  readonly maxBytes: number | null;
}

/** New memory, contents undefined. */
function allocate(nbytes: number): Storage {
  return runtime.empty([nbytes], uint8).storage;
}

interface File {
  readonly name: string;
  readonly size: number;
}

/** The persistent id of a storage: what a pickle says of it. */
interface StorageId {
  readonly type: StorageType;
  readonly key: string;
  readonly location: string;
  readonly nbytes: number;
  /** Of legacy files: a part of the storage. */
  readonly view: { readonly byteOffset: number; readonly nbytes: number } | null;
}

/** Reads a checkpoint of either format. */
export function* readCheckpoint(file: File, options: ReadOptions): Reader<unknown> {
  try {
    return yield* readAny(file, options);
  } catch (error) {
    if (!(error instanceof SerializationError) || error.message.startsWith(file.name)) throw error;
    const { message, help } = error;
    const text = help === undefined ? message : message.slice(0, -`\n  help: ${help}`.length);
    throw new (error.constructor as typeof SerializationError)(`${file.name}: ${text}`, help);
  }
}

function* readAny(file: File, options: ReadOptions): Reader<unknown> {
  if (file.size === 0) throw new SerializationError(`${file.name} is empty (Ran out of input)`, "writing it did not finish");
  const head = (yield { offset: 0, length: Math.min(file.size, 512) }).slice();
  if (startsWith(head, "PK")) return yield* readZip(file, options);
  const other = formatOf(head, file.size);
  if (other !== null) throw new SerializationError(`${file.name} is not a checkpoint of torch.save: ${other[0]}`, other[1]);
  return yield* readLegacy(file, options);
}

function startsWith(bytes: Uint8Array, text: string, at = 0): boolean {
  return [...text].every((c, i) => bytes[at + i] === c.charCodeAt(0));
}

/** What else a file may be, and what to do with it. */
function formatOf(head: Uint8Array, size: number): [what: string, help?: string] | null {
  if (startsWith(head, "ustar", 257)) {
    return [
      "it is a tar archive, the format of PyTorch 0.1",
      "load it with PyTorch and save it again: torch.save(torch.load(path), path)",
    ];
  }
  if (startsWith(head, "\x93NUMPY")) return ["it is a NumPy array", "read it with torch.loadNpy"];
  if (startsWith(head, "\x89HDF")) return ["it is an HDF5 file"];
  if (startsWith(head, "GGUF")) return ["it is a GGUF file"];
  if (startsWith(head, "\x1f\x8b")) return ["it is compressed by gzip", "decompress it first"];
  if (startsWith(head, "version https://git-lfs")) return ["it is a Git LFS pointer, not the file itself", "run git lfs pull"];
  if (startsWith(head, "<")) return ["it begins like a web page", "the download gave a page instead of the file"];
  const headerLength = head.length < 12 ? size : new DataView(head.buffer).getUint32(0, true);
  if (startsWith(head, "\0\0\0\0{", 4) && headerLength < size)
    return ["it is a safetensors file", "read it with torch.loadSafetensors"];
  return null;
}

/** Checks a storage's persistent id. */
function storageIdOf(id: unknown): StorageId {
  if (typeof id === "string") {
    throw new UnpicklingError(
      "a persistent id is text, as protocol 0 writes it: PyTorch itself cannot load such a file",
      "save it with another pickle_protocol in Python",
    );
  }
  if (!isTuple(id) || id[0] === "module") {
    throw new UnpicklingError(
      isTuple(id) ? "the file holds a whole pickled module" : `a persistent id is ${describe(id)}`,
      "save its state_dict in Python: torch.save(model.state_dict(), path)",
    );
  }
  const [kind, type, key, location, length, view = null] = id;
  if (
    kind !== "storage" ||
    !(type instanceof StorageType) ||
    !(typeof key === "string" || typeof key === "number") ||
    typeof location !== "string" ||
    typeof length !== "number" ||
    !Number.isSafeInteger(length) ||
    length < 0
  ) {
    throw new UnpicklingError(`the persistent id of a storage is (${id.map(describe).join(", ")})`);
  }
  const itemsize = type.dtype?.itemsize ?? 1;
  const nbytes = length * itemsize;
  return { type, key: String(key), location, nbytes, view: view === null ? null : viewOf(view, itemsize, nbytes) };
}

function viewOf(view: unknown, itemsize: number, nbytes: number): StorageId["view"] {
  const [, offset, length] = isTuple(view) ? view : [];
  const valid = [offset, length].every((n) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0);
  if (!valid || ((offset as number) + (length as number)) * itemsize > nbytes) {
    throw new UnpicklingError("a view of a storage reaches past its end");
  }
  return { byteOffset: (offset as number) * itemsize, nbytes: (length as number) * itemsize };
}

/** The storages that a pickle names, each made once. */
class Storages {
  readonly byKey = new Map<string, { readonly storage: Storage; readonly id: StorageId; readonly tensor: Tensor }>();
  /** Storages that are not to stay on the CPU. */
  readonly places = new Map<Storage, Device>();
  private readonly options: ReadOptions;
  private readonly account: PickleAccount;
  private readonly make: (id: StorageId) => Storage;

  constructor(options: ReadOptions, account: PickleAccount, make: (id: StorageId) => Storage) {
    this.options = options;
    this.account = account;
    this.make = make;
  }

  load(persistentId: unknown): Tensor {
    const id = storageIdOf(persistentId);
    const known = this.byKey.get(id.key);
    if (known === undefined) {
      this.account.spend(heapBytes.storage);
      const place = this.options.placeOf(id.location);
      const storage = this.make(id);
      if (place !== cpu) this.places.set(storage, place);
      const tensor = tensorOf(storage, id);
      this.byKey.set(id.key, { storage, id, tensor });
      return tensor;
    }
    if (known.id.nbytes !== id.nbytes) {
      throw new UnpicklingError(`the storage ${quoted(id.key)} has two sizes, ${known.id.nbytes} and ${id.nbytes} bytes`);
    }
    if (id.type === known.id.type && id.view === null && known.id.view === null) return known.tensor;
    this.account.spend(heapBytes.storage);
    return tensorOf(known.storage, id);
  }
}

/** Moves tensors whose storages have another place than the CPU; those that share a storage share the new one. */
function moveToPlaces(value: unknown, { places }: Storages): unknown {
  if (places.size === 0) return value;
  const moved = new Map<Storage, Tensor>();
  visitTree(value, (x) => {
    if (!(x instanceof Tensor)) return;
    const { storage, dtype, shape, strides, storageOffset } = x;
    const place = places.get(storage);
    if (place === undefined) return;
    const whole = new Tensor(storage, [Math.floor(storage.nbytes / dtype.itemsize)], [1], 0, dtype);
    const there = moved.get(storage) ?? runtime.withoutGrad(() => runtime.moveTo(whole, place));
    if (there.dtype !== dtype) {
      throw new DeviceError(
        `torch.load: tensors of ${there.dtype} and of ${dtype} share memory, which they cannot on the device ${place}`,
        "load without mapLocation and move what needs it: model.to(device), tensor.to(device)",
      );
    }
    moved.set(storage, there);
    replaceData(x, new Tensor(there.storage, shape, strides, storageOffset, dtype));
  });
  return value;
}

function tensorOf(storage: Storage, { type, view }: StorageId): Tensor {
  return tensorOfStorage(new SavedStorage(storage, type.dtype, view?.byteOffset, view?.nbytes));
}

/** The value that a pickle stands for, its storages without contents still. */
function unpickleTensors(
  bytes: Uint8Array,
  storages: Storages,
  account: PickleAccount,
  start = 0,
): { value: unknown; end: number } {
  const pickle = unpickle(bytes, { findGlobal: findTorchGlobal, persistentLoad: (id) => storages.load(id), account }, start);
  checkTree(pickle.value, account);
  return pickle;
}

// The zip format

function* readZip(file: File, options: ReadOptions): Reader<unknown> {
  const archive = yield* readZipDirectory(file);
  const root = rootOf(archive);
  checkInflation(archive, options.maxBytes);
  const bigEndian = yield* isBigEndian(archive, root);
  const pickle = yield* readEntry(archive, archive.entries.get(`${root}data.pkl`)!);

  const entryOf = (id: StorageId): ZipEntry => {
    const entry = archive.entries.get(`${root}data/${id.key}`);
    if (entry === undefined) throw new UnpicklingError(`the archive has no record for the storage ${quoted(id.key)}`);
    if (entry.size !== id.nbytes) {
      throw new UnpicklingError(`the storage ${quoted(id.key)} is to have ${id.nbytes} bytes, but its record has ${entry.size}`);
    }
    return entry;
  };
  if (options.map !== null && !bigEndian) return yield* mapStorages(archive, pickle, entryOf, options.map, options);

  const account = new PickleAccount(pickle.length, archive.entries.size, options.maxBytes);
  const storages = new Storages(options, account, (id) => allocate(entryOf(id).size));
  const { value } = unpickleTensors(pickle, storages, account);
  for (const { storage, id } of storages.byKey.values())
    yield* readEntryInto(archive, entryOf(id), () => storageWindows(storage));
  for (const [storage, dtypes] of bigEndian ? dtypesOf(value) : []) {
    if (dtypes.size > 1)
      throw new SerializationError(`${file.name}: tensors of several dtypes share memory in a big-endian file`);
    for (const dtype of dtypes) swapBytes(storage, dtype);
  }
  return moveToPlaces(value, storages);
}

/** The folder of the archive that holds the checkpoint, with its slash. */
function rootOf(archive: ZipArchive): string {
  const names = [...archive.entries.keys()];
  const refuse = (what: string, help?: string) =>
    new SerializationError(`${archive.fileName} is not a checkpoint of torch.save: ${what}`, help);
  if (names.some((name) => /(^|\/)constants\.pkl$/.test(name))) {
    throw refuse(
      "it is a TorchScript archive (torch.jit.save), a program with its weights",
      "save the weights alone in Python: torch.save(torch.jit.load(path).state_dict(), path)",
    );
  }
  if (names.length > 0 && names.every((name) => name.endsWith(".npy")))
    throw refuse("it holds NumPy arrays", "read it with torch.loadNpz");
  const roots = names.filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (roots.length !== 1)
    throw refuse(roots.length === 0 ? "the archive has no data.pkl" : "the archive has more than one data.pkl");
  return roots[0]!.slice(0, -"data.pkl".length);
}

function* isBigEndian(archive: ZipArchive, root: string): Reader<boolean> {
  const entry = archive.entries.get(`${root}byteorder`);
  if (entry === undefined) return false;
  const order = entry.size > 100 ? "" : new TextDecoder().decode(yield* readEntry(archive, entry)).trim();
  if (order !== "little" && order !== "big")
    throw new SerializationError(`${archive.fileName}: unknown byte order ${quoted(order)}`);
  return order === "big";
}

/** As which dtypes the value's tensors see each storage. */
function dtypesOf(value: unknown): Map<Storage, Set<DType>> {
  const out = new Map<Storage, Set<DType>>();
  visitTree(value, (x) => {
    if (!(x instanceof Tensor)) return;
    const dtypes = out.get(x.storage) ?? new Set();
    out.set(x.storage, dtypes.add(x.dtype));
  });
  return out;
}

/** Turns every element's bytes around. */
function swapBytes(storage: Storage, dtype: DType): void {
  const width = dtype.isComplex ? partsOf(dtype).itemsize : dtype.itemsize;
  if (width === 1) return;
  for (const bytes of storageWindows(storage)) {
    for (let at = 0; at + width <= bytes.length; at += width) bytes.subarray(at, at + width).reverse();
  }
}

/** Like `readZip`, with the file itself as the storages' memory. */
function* mapStorages(
  archive: ZipArchive,
  pickle: Uint8Array,
  entryOf: (id: StorageId) => ZipEntry,
  map: MapRange,
  options: ReadOptions,
): Reader<unknown> {
  // Where a record begins is not known before its local header is read, which the pickle's reader cannot wait for.
  const offsets = new Map<ZipEntry, number>();
  for (const entry of archive.entries.values()) {
    if (entry.stored && entry.name.includes("data/")) offsets.set(entry, yield* locateEntry(archive, entry));
  }
  const unmapped = new Map<Storage, ZipEntry>();
  const account = new PickleAccount(pickle.length, archive.entries.size, options.maxBytes);
  const storages = new Storages(options, account, (id) => {
    const entry = entryOf(id);
    const offset = offsets.get(entry);
    const mapped = offset === undefined || entry.size === 0 ? null : map(offset, entry.size);
    if (mapped !== null) return mapped;
    const storage = allocate(entry.size);
    unmapped.set(storage, entry);
    return storage;
  });
  const { value } = unpickleTensors(pickle, storages, account);
  for (const [storage, entry] of unmapped) yield* readEntryInto(archive, entry, () => storageWindows(storage));
  return moveToPlaces(value, storages);
}

// The legacy format

const legacyMagic = 0x1950a86a20f9469cfc6cn;
const legacyProtocol = 1001;
/** The pickles stand at the beginning: so much is read first, then twice as much, and so on. */
const firstPrefix = 64 << 10;

interface LegacyHead {
  readonly value: unknown;
  readonly storages: Storages;
  readonly keys: readonly unknown[];
  readonly end: number;
}

function* readLegacy(file: File, options: ReadOptions): Reader<unknown> {
  const { value, storages, keys, end } = yield* readLegacyHead(file, options);
  const missing = new Set(storages.byKey.keys());
  let at = end;
  for (const key of keys) {
    const known = storages.byKey.get(String(key));
    if (known === undefined || !missing.delete(String(key)))
      throw new UnpicklingError(`the storage ${quoted(String(key))} is listed wrongly`);
    const { storage, id } = known;
    if (at + 8 + storage.nbytes > file.size)
      throw new SerializationError(`${file.name} is cut off: the storage ${quoted(id.key)} is missing`);
    const header = yield { offset: at, length: 8 };
    const length = new DataView(header.buffer, header.byteOffset).getBigInt64(0, true);
    const itemsize = id.type.dtype?.itemsize ?? 1;
    if (Number(length) * itemsize !== storage.nbytes) {
      throw new UnpicklingError(
        `the storage ${quoted(id.key)} is to have ${storage.nbytes / itemsize} elements, but the file has ${length}`,
      );
    }
    at += 8;
    for (const into of storageWindows(storage)) {
      yield { offset: at, length: into.length, into };
      at += into.length;
    }
  }
  if (missing.size > 0) throw new UnpicklingError(`the file has no data for the storage ${quoted([...missing][0]!)}`);
  return moveToPlaces(value, storages);
}

/** Runs the pickles at the beginning, on as much of the file as they need. */
function* readLegacyHead(file: File, options: ReadOptions): Reader<LegacyHead> {
  const made = new Map<string, Storage>(); // by the attempts before
  for (let length = Math.min(firstPrefix, file.size); ; length = Math.min(2 * length, file.size)) {
    const bytes = yield { offset: 0, length };
    try {
      return parseLegacyHead(bytes, file, options, made);
    } catch (error) {
      if (!(error instanceof TruncatedPickleError) || length === file.size) throw error;
    }
  }
}

function parseLegacyHead(bytes: Uint8Array, file: File, options: ReadOptions, made: Map<string, Storage>): LegacyHead {
  const account = new PickleAccount(bytes.length, 0, options.maxBytes);
  const plain = {
    findGlobal: findTorchGlobal,
    persistentLoad: () => {
      throw new UnpicklingError("a storage where there should be none");
    },
    account,
  };
  const magic = unpickle(bytes, plain);
  if (magic.value !== legacyMagic) {
    throw new UnpicklingError(`Invalid magic number; corrupt file? ${file.name} was not written by torch.save`);
  }
  const protocol = unpickle(bytes, plain, magic.end);
  if (protocol.value !== legacyProtocol) throw new UnpicklingError(`Invalid protocol version: ${describe(protocol.value)}`);
  const system = unpickle(bytes, plain, protocol.end); // sizes of C's types; the data is little-endian in any case
  let total = 0;
  const storages = new Storages(options, account, (id) => {
    total += id.nbytes;
    if (total > file.size) throw new SerializationError(`${file.name} is cut off: its storages are larger than the file`);
    const storage = made.get(`${id.key} ${id.nbytes}`) ?? allocate(id.nbytes);
    made.set(`${id.key} ${id.nbytes}`, storage);
    return storage;
  });
  const { value, end } = unpickleTensors(bytes, storages, account, system.end);
  const keys = unpickle(bytes, plain, end);
  if (!Array.isArray(keys.value)) throw new UnpicklingError(`the list of storages is ${describe(keys.value)}`);
  return { value, storages, keys: keys.value, end: keys.end };
}
