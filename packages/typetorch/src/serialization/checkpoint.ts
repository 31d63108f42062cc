/**
 * `torch.save` and `torch.load`.
 */
import { uint8 } from "../core/dtype.ts";
import { ValueError } from "../core/errors.ts";
import { Device, Storage, cpu } from "../core/storage.ts";
import { deviceOf } from "../ops/factory/options.ts";
import { runtime } from "../ops/runtime.ts";
import { openFile } from "../platform/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ByteSource, readAsync, readSync } from "./bytes.ts";
import { type MapRange, readCheckpoint } from "./checkpointReader.ts";
import { checkpointPieces } from "./checkpointWriter.ts";
import { fileSink, memorySink, writeTo, writeToAsync } from "./sink.ts";
import { type AsyncInput, openSource, openSourceAsync, type Progress, type SyncInput, withProgress } from "./source.ts";

/**
 * Where tensors go: one place for all (`"webgpu"`), by the name of where they were (`{ "cuda:0": "webgpu" }`), or a function of that name. What is not named, or
 * answered with null, goes to the CPU.
 */
export type MapLocation =
  | string
  | Device
  | ReadonlyMap<string, string | Device>
  | Readonly<Record<string, string | Device>>
  | ((location: string) => string | Device | null | undefined);

export interface LoadOptions {
  /** Where the tensors go: the CPU unless told otherwise, wherever they were when they were saved. Throws {@link DeviceError} for other places than "cpu" and "webgpu". */
  mapLocation?: MapLocation | null;
  /** Accepted because PyTorch has it: loading never runs code, whatever this says. */
  weightsOnly?: boolean;
  /** For trusted files that are refused because little in them becomes much: the most bytes that Python's objects, or that compressed records, may take. */
  maxBytes?: number;
  /** Told how many of the file's bytes have been read. */
  progress?: Progress;
}

export interface LoadFileOptions extends LoadOptions {
  /**
   * The tensors' memory is the file itself, mapped, where that can be (elsewhere it is read): bytes are read when they are used, changes stay in memory. Only for files in the zip format, whose
   * checksums are then not verified. The file must not become shorter while the tensors live: that ends the process, as in PyTorch.
   */
  mmap?: boolean;
}

/**
 * Loads what `torch.save` wrote, here or in PyTorch: a path or bytes, the zip format or the legacy one. Python's dict becomes a `Map` that keeps order and key
 * types, a list an array, a tuple a frozen array, an int beyond 2^53 a bigint, bytes a `Uint8Array`. Tensors that shared memory share it again.
 *
 * Nothing in a file is ever run: a file that names functions outside a closed list is refused. The type parameter says what the file is taken for; that is not
 * checked. Throws {@link SerializationError} for files that are damaged, cut off or of another format, {@link UnpicklingError} for what a pickle must not hold.
 * @see torch.load
 * @example
 * const bytes = torch.save({ weight: torch.ones(2) });
 * torch.load(bytes).get("weight")! // tensor([1., 1.])
 */
export function load<T = Map<string, Tensor>>(input: SyncInput, options: LoadFileOptions = {}): T {
  const placeOf = placesOf(options.mapLocation ?? null);
  const source: ByteSource = withProgress(openSource(input, "torch.load"), options.progress);
  try {
    const map = options.mmap === true ? mapperOf(input) : null;
    const maxBytes = options.maxBytes ?? null;
    return readSync(source, readCheckpoint(source, { placeOf, map, maxBytes })) as T;
  } finally {
    source.close();
  }
}

/**
 * {@link load} that answers later: also from a `Blob` or `File`, and from a URL, of which only what is needed is fetched where the server knows range requests.
 * @see torch.load
 * @example
 * const state = await torch.loadAsync(new Blob([torch.save({ bias: torch.zeros(2) })]));
 * state.get("bias")! // tensor([0., 0.])
 */
export async function loadAsync<T = Map<string, Tensor>>(input: AsyncInput, options: LoadOptions = {}): Promise<T> {
  const placeOf = placesOf(options.mapLocation ?? null);
  const source = await openSourceAsync(input, "torch.load", options.progress);
  try {
    return (await readAsync(source, readCheckpoint(source, { placeOf, map: null, maxBytes: options.maxBytes ?? null }))) as T;
  } finally {
    await source.close();
  }
}

/**
 * Saves tensors, numbers, strings, arrays, Maps, Sets and plain objects so that `torch.load` reads them here and in PyTorch, also with `weights_only=True`. With
 * a path the file is written beside the target, brought to the disk and put in its place: a crash at any moment leaves the old file or the new one. Without a
 * path the file's bytes are returned.
 *
 * A plain object and a `Map` become a dict, an array a list, a frozen array a tuple, a whole number an int and any other a float (`torch.scalar(1,
 * torch.float32)` for 1.0), a bigint an int, `undefined` None. Tensors that share memory share it in the file, which holds the whole memory of each.
 * Throws {@link SerializationError} for what cannot be saved, naming where it is; nothing is written then.
 * @see torch.save
 * @example
 * const layer = new nn.Linear(2, 1);
 * const bytes = torch.save({ model: layer.stateDict(), epoch: 3 });
 * torch.load<Map<string, unknown>>(bytes).get("epoch")! // 3
 */
export function save(value: unknown): Uint8Array<ArrayBuffer>;
export function save(value: unknown, path: string): void;
export function save(value: unknown, path?: string): Uint8Array<ArrayBuffer> | void {
  const { capacity, pieces } = checkpointPieces(value);
  const bytes = pieces((storage) => storage.remote?.bringToHost(false) ?? storage);
  if (path === undefined) return writeTo(memorySink(capacity), bytes).bytes;
  writeTo(fileSink(path), bytes);
}

/** {@link save} that lets other work go on in between. The tensors must not change until it is done. */
export function saveAsync(value: unknown): Promise<Uint8Array<ArrayBuffer>>;
export function saveAsync(value: unknown, path: string): Promise<void>;
export async function saveAsync(value: unknown, path?: string): Promise<Uint8Array<ArrayBuffer> | void> {
  const { capacity, storages, pieces } = checkpointPieces(value);
  const copies = new Map<Storage, Storage>();
  for (const storage of storages) if (storage.remote !== null) copies.set(storage, await storage.remote.bringToHostAsync());
  const bytes = pieces((storage) => copies.get(storage) ?? storage);
  if (path === undefined) return (await writeToAsync(memorySink(capacity), bytes)).bytes;
  await writeToAsync(fileSink(path), bytes);
}

/** Where `mapLocation` sends what was at a location. Throws for devices that are not there. */
function placesOf(mapLocation: MapLocation | null): (location: string) => Device {
  if (mapLocation === null) return () => cpu;
  if (typeof mapLocation === "string" || mapLocation instanceof Device) {
    const place = deviceOf(mapLocation);
    return () => place;
  }
  return (location) => {
    const target =
      typeof mapLocation === "function"
        ? mapLocation(location)
        : mapLocation instanceof Map
          ? mapLocation.get(location)
          : Object.hasOwn(mapLocation, location)
            ? (mapLocation as Readonly<Record<string, string | Device>>)[location]
            : null;
    return target === undefined || target === null ? cpu : deviceOf(target);
  };
}

/** Maps ranges of a file as storages; null where a file cannot be the memory of tensors, and is read instead. */
function mapperOf(input: SyncInput): MapRange | null {
  if (typeof input !== "string") {
    throw new ValueError(
      "f must be a file path in order to use the mmap argument",
      "bytes are in memory already: load them without mmap",
    );
  }
  if (runtime.empty([0], uint8).storage.kind === "wasm") return null; // its kernels see the linear memory only
  const file = openFile(input);
  try {
    const mapping = file.map();
    if (mapping === null) return null; // the system maps no files
    return (offset, nbytes) => {
      const mapped = mapping(offset, nbytes);
      return mapped === null ? null : new Storage(cpu, "external", mapped.buffer, 0, nbytes, mapped.address);
    };
  } finally {
    file.close();
  }
}
