/**
 * Writing what `torch.load` of PyTorch reads: a zip archive with a pickle and one record for each storage, straight from the tensors' memory.
 */
import type { DType } from "../core/dtype.ts";
import { SerializationError } from "../core/errors.ts";
import type { Storage } from "../core/storage.ts";
import { Parameter } from "../nn/parameter.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Pickler } from "./pickler.ts";
import { storageWindows } from "./storageBytes.ts";
import { storageNames } from "./torchGlobals.ts";
import { ZipWriter } from "./zipWriter.ts";

/** The folder inside of the archive. PyTorch names it after the file; readers take any. */
const root = "archive";
/** Pieces that are checksummed and written while they are in the caches. */
const pieceBytes = 1 << 20;

/** A checkpoint that is ready to be written. */
export interface CheckpointPieces {
  /** At most so many bytes. */
  readonly capacity: number;
  /** Whose bytes the file will hold. */
  readonly storages: readonly Storage[];
  /** The file's bytes, in order. `onHost` gives the CPU's copy of a storage of another device. */
  pieces(onHost: (storage: Storage) => Storage): Iterable<Uint8Array>;
}

/** A checkpoint of `value`. Throws for what cannot be saved. */
export function checkpointPieces(value: unknown): CheckpointPieces {
  const storages = new Map<Storage, { key: string; dtype: DType }>();
  const pickler = new Pickler((object, into, path) => {
    if (!(object instanceof Tensor)) return false;
    if (object instanceof Parameter) {
      into.global("torch._utils", "_rebuild_parameter");
      into.mark();
      writeTensor(object, false, storages, into, path);
      into.boolean(object.requiresGrad);
      into.call("collections", "OrderedDict");
      into.tupleOfMark();
      into.reduce();
    } else writeTensor(object, object.requiresGrad, storages, into, path);
    return true;
  });
  const pickle = pickler.pickle(value);
  let capacity = pickle.length + ZipWriter.overhead(storages.size + 3, root.length + 20);
  for (const storage of storages.keys()) capacity += storage.nbytes;
  const list = [...storages.keys()];
  return { capacity, storages: list, pieces: (onHost) => archivePieces(pickle, list, onHost) };
}

function writeTensor(
  tensor: Tensor,
  requiresGrad: boolean,
  storages: Map<Storage, { key: string; dtype: DType }>,
  into: Pickler,
  path: string,
): void {
  const { storage, dtype } = tensor;
  const storageName = storageNames.get(dtype);
  if (storageName === undefined)
    throw new SerializationError(`cannot save a tensor of ${dtype} (at ${path})`, "PyTorch has no storage for it");
  let known = storages.get(storage);
  if (known === undefined) {
    known = { key: String(storages.size), dtype };
    storages.set(storage, known);
  } else if (known.dtype !== dtype) {
    throw new SerializationError(
      `Cannot save multiple tensors or storages that view the same data as different types (at ${path})`,
      `they are ${known.dtype} and ${dtype}; save a clone() of one`,
    );
  }
  into.global("torch._utils", "_rebuild_tensor_v2");
  into.mark();
  into.mark();
  into.text("storage");
  into.global("torch", storageName);
  into.text(known.key);
  into.text("cpu");
  into.integer(Math.floor(storage.nbytes / dtype.itemsize));
  into.tupleOfMark();
  into.persistent();
  into.integer(tensor.storageOffset);
  into.sizes(tensor.shape);
  into.sizes(tensor.strides);
  into.boolean(requiresGrad);
  into.call("collections", "OrderedDict"); // backward hooks, of which none are saved
  into.tupleOfMark();
  into.reduce();
}

function* archivePieces(
  pickle: Uint8Array,
  storages: readonly Storage[],
  onHost: (storage: Storage) => Storage,
): Generator<Uint8Array> {
  const zip = new ZipWriter();
  const text = (name: string, content: string) => zip.add(`${root}/${name}`, [new TextEncoder().encode(content)], content.length);
  yield* zip.add(`${root}/data.pkl`, [pickle], pickle.length);
  yield* text("byteorder", "little");
  for (const [i, storage] of storages.entries()) {
    yield* zip.add(`${root}/data/${i}`, storageWindows(onHost(storage), pieceBytes), storage.nbytes);
  }
  yield* text("version", "3\n");
  yield* zip.finish();
}
