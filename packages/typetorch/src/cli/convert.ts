/**
 * `typetorch convert`: reads tensors in one format and writes them in another.
 */
import { type DType, bfloat16, dtypes } from "../core/dtype.ts";
import { DTypeError, SerializationError, ValueError } from "../core/errors.ts";
import { type Terminal, UsageError, fileBytes } from "../platform/commandLine.ts";
import { load, loadNpy, loadNpz, loadSafetensors, save, saveNpy, saveNpz, saveSafetensors } from "../serialization/index.ts";
import { findSharedTensors } from "../serialization/safetensorsWrite.ts";
import { Tensor } from "../tensor/tensor.ts";
import { describe } from "./contents.ts";
import { detectFormat, formatOfName } from "./formats.ts";
import { formatBytes, plural, printable } from "./text.ts";

export interface ConvertOptions {
  /** Which part of a checkpoint: `model` or `checkpoint.model`. */
  readonly key?: string;
  /** The dtype that floating tensors get. */
  readonly dtype?: string;
  readonly maxShardSize?: string;
  readonly compressed: boolean;
  /** Replace a file that is there. */
  readonly force: boolean;
}

interface Loaded {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: ReadonlyMap<string, string> | null;
}

export function convert(input: string, output: string, terminal: Terminal, options: ConvertOptions): void {
  const format = formatOfName(output);
  if (format === null) {
    throw new UsageError(`the name ${output} does not say a format: it must end in .pt, .pth, .bin, .safetensors, .npz or .npy`);
  }
  if (options.maxShardSize !== undefined && format !== "safetensors")
    throw new UsageError("--max-shard-size is for .safetensors");
  if (options.compressed && format !== "npz") throw new UsageError("--compressed is for .npz");
  const dtype = options.dtype === undefined ? null : floatingDtype(options.dtype);
  if (!options.force && fileBytes(output) !== null) {
    throw new SerializationError(`${output} is there already`, "say --force to replace it, or choose another name");
  }
  const { metadata, tensors: loaded } = loadTensors(input, options.key);
  const tensors = dtype === null ? loaded : convertDtypes(loaded, dtype);
  switch (format) {
    case "pt":
      save(tensors, output);
      break;
    case "safetensors":
      saveSafetensors(withOwnMemory(tensors, terminal), output, {
        metadata: metadata ?? { format: "pt" },
        ...(options.maxShardSize !== undefined && { maxShardSize: options.maxShardSize }),
      });
      break;
    case "npz":
      checkForNumpy(tensors);
      saveNpz(tensors, output, { compressed: options.compressed });
      break;
    case "npy":
      checkForNumpy(tensors);
      saveNpy(onlyTensor(tensors), output);
      break;
  }
  const size = fileBytes(output);
  const written = size === null ? `${output}.index.json and its shards` : `${output}: ${formatBytes(size)}`;
  terminal.printLine(`${printable(written)}, ${plural(tensors.size, "tensor")}`);
}

function floatingDtype(name: string): DType {
  const dtype = dtypes.find((d) => d.name === name && d.isFloatingPoint);
  if (dtype !== undefined) return dtype;
  const names = dtypes.filter((d) => d.isFloatingPoint).map((d) => d.name);
  throw new UsageError(`--dtype ${name}: expected one of ${names.join(", ")}`);
}

function checkForNumpy(tensors: ReadonlyMap<string, Tensor>): void {
  for (const [name, x] of tensors) {
    if (x.dtype === bfloat16) throw new DTypeError(`NumPy has no bfloat16, which '${name}' is`, "say --dtype float32");
  }
}

/** The conversion keeps the sharing of what shares all its elements in the same order. */
function convertDtypes(tensors: ReadonlyMap<string, Tensor>, dtype: DType): Map<string, Tensor> {
  const done = new Map<string, Tensor>();
  const numbers = new Map<object, number>();
  const out = new Map<string, Tensor>();
  for (const [name, x] of tensors) {
    if (!x.dtype.isFloatingPoint || x.dtype === dtype) {
      out.set(name, x);
      continue;
    }
    if (!numbers.has(x.storage)) numbers.set(x.storage, numbers.size);
    const place = [numbers.get(x.storage), x.storageOffset, x.shape, x.strides].join(";");
    const converted = done.get(place) ?? x.detach().to(dtype);
    done.set(place, converted);
    out.set(name, converted);
  }
  return out;
}

/** Tensors of which none shares memory with another, as safetensors wants them. */
function withOwnMemory(tensors: ReadonlyMap<string, Tensor>, terminal: Terminal): Map<string, Tensor> {
  const out = new Map(tensors);
  for (const names of findSharedTensors(out)) {
    for (const name of names.slice(1)) out.set(name, out.get(name)!.detach().clone());
    terminal.printError(
      `note: ${names.map(printable).join(", ")} share memory, which safetensors cannot say: each is written by itself`,
    );
  }
  return out;
}

function onlyTensor(tensors: ReadonlyMap<string, Tensor>): Tensor {
  if (tensors.size === 1) return tensors.values().next().value!;
  throw new ValueError(`a .npy file holds one array, but there are ${tensors.size} tensors`, "write a .npz file");
}

function loadTensors(path: string, key: string | undefined): Loaded {
  const format = detectFormat(path);
  if (key !== undefined && format !== "pt") throw new UsageError("--key is for PyTorch checkpoints, whose parts have names");
  switch (format) {
    case "safetensors":
    case "shards": {
      const tensors = loadSafetensors(path);
      return { tensors, metadata: tensors.metadata };
    }
    case "npz":
      return { tensors: loadNpz(path), metadata: null };
    case "npy":
      return { tensors: new Map([["array", loadNpy(path)]]), metadata: null };
    case "pt":
      return { tensors: tensorsAt(path, load<unknown>(path), key), metadata: null };
  }
}

/** The tensors by name in the chosen part of a checkpoint. */
function tensorsAt(path: string, root: unknown, key: string | undefined): ReadonlyMap<string, Tensor> {
  const part = key === undefined ? root : partAt(path, root, key);
  if (part instanceof Tensor) return new Map([["tensor", part]]);
  if (part instanceof Map) {
    const entries = [...part] as [unknown, unknown][];
    if (entries.every(([name, value]) => typeof name === "string" && value instanceof Tensor)) return part as Map<string, Tensor>;
    const candidates = entries.filter(
      ([name, value]) => typeof name === "string" && value instanceof Map && [...value.values()].some((x) => x instanceof Tensor),
    );
    const others = entries.filter(([, value]) => !(value instanceof Tensor)).map(([name]) => describe(name));
    throw new SerializationError(
      `${path}: ${key === undefined ? "the checkpoint" : `'${key}'`} holds more than tensors by name: ${others.slice(0, 8).join(", ")}`,
      candidates.length > 0
        ? `choose a part: ${candidates.map(([name]) => `--key ${String(name)}`).join(" or ")}`
        : "typetorch inspect shows what is in it",
    );
  }
  throw new SerializationError(
    `${path}: ${key === undefined ? "the file" : `'${key}'`} holds ${describe(part)}, not tensors by name`,
    "typetorch inspect shows what is in it",
  );
}

function partAt(path: string, root: unknown, key: string): unknown {
  if (root instanceof Map && root.has(key)) return root.get(key);
  let part = root;
  for (const name of key.split(".")) {
    const parts: unknown = part;
    if (!(parts instanceof Map) || !parts.has(name)) {
      const names = parts instanceof Map ? [...parts.keys()].map((k) => describe(k)) : [];
      throw new SerializationError(
        `${path} has no part '${key}'`,
        names.length > 0 ? `there are ${names.slice(0, 10).join(", ")}` : "typetorch inspect shows what is in it",
      );
    }
    part = parts.get(name);
  }
  return part;
}
