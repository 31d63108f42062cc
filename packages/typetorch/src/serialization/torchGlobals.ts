/**
 * The closed list of what a checkpoint's pickle may name, and what each name makes. Nothing that is not here is ever called; what is here only makes values.
 */
import { Counter, DefaultDict, FrozenSet, OrderedDict, Size } from "../core/collections.ts";
import { Complex } from "../core/complex.ts";
import {
  type DType,
  bfloat16,
  bool,
  complex128,
  complex64,
  dtypes,
  float16,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  uint8,
} from "../core/dtype.ts";
import { SerializationError, UnpicklingError } from "../core/errors.ts";
import { Device } from "../core/storage.ts";
import { type Rebuild, rebuildParameter, rebuildTensor } from "./rebuild.ts";
import { heapBytes } from "./pickleAccount.ts";
import { Callable, describe, isTuple } from "./pickleValues.ts";
import { quoted } from "./zipReader.ts";

/** A class of storages, as a persistent id names it. Untyped ones (dtype null) count bytes. */
export class StorageType {
  readonly name: string;
  readonly dtype: DType | null;
  constructor(name: string, dtype: DType | null) {
    this.name = name;
    this.dtype = dtype;
  }
}

/** Python's names of the storage classes in the module `torch`. */
export const storageNames: ReadonlyMap<DType, string> = new Map([
  [float64, "DoubleStorage"],
  [float32, "FloatStorage"],
  [float16, "HalfStorage"],
  [bfloat16, "BFloat16Storage"],
  [int64, "LongStorage"],
  [int32, "IntStorage"],
  [int16, "ShortStorage"],
  [int8, "CharStorage"],
  [uint8, "ByteStorage"],
  [bool, "BoolStorage"],
  [complex64, "ComplexFloatStorage"],
  [complex128, "ComplexDoubleStorage"],
]);

/** What a `defaultdict` may call for missing values, beside other dictionaries of `collections`. */
const factories = new Set(["list", "dict", "set", "frozenset", "int", "float", "complex", "str", "bytes", "bool", "tuple"]);
const dictionaries = /^collections\.(OrderedDict|Counter|defaultdict)$/;

/** Names of Python 2, which protocols up to 2 use. */
const renamed: Readonly<Record<string, string>> = {
  "__builtin__.long": "builtins.int",
  "__builtin__.unicode": "builtins.str",
  "__builtin__.xrange": "builtins.range",
};

const globals = new Map<string, unknown>();

/** Defines what makes a dictionary or less, with an entry for each part of its arguments. */
function define(name: string, call: (args: readonly unknown[]) => unknown): void {
  globals.set(name, new Callable(name, call, heapBytes.dict, heapBytes.entry));
}

/** Defines what makes a tensor over memory that is there: `what` stands behind `torch._utils._rebuild_`. */
function defineTensor(what: string, call: (args: readonly unknown[]) => unknown): void {
  const name = `torch._utils._rebuild_${what}`;
  globals.set(name, new Callable(name, call, heapBytes.tensor, heapBytes.slot));
}

function badArguments(name: string, args: readonly unknown[]): UnpicklingError {
  return new UnpicklingError(`${name} is called with (${args.map(describe).join(", ")})`);
}

/** A dictionary's entries from what its class was called with: nothing, a dict, or a list of pairs. */
function entriesOf(name: string, args: readonly unknown[]): [unknown, unknown][] {
  const [source = []] = args;
  if (args.length > 1) throw badArguments(name, args);
  if (source instanceof Map) return [...source];
  if (!Array.isArray(source)) throw badArguments(name, args);
  for (const pair of source) if (!Array.isArray(pair) || pair.length !== 2) throw badArguments(name, args);
  return source as [unknown, unknown][];
}

/** What an iterable holds that a class was called with. */
function itemsOf(name: string, args: readonly unknown[]): unknown[] {
  const [source = []] = args;
  if (args.length > 1 || !(Array.isArray(source) || source instanceof Set)) throw badArguments(name, args);
  return [...source];
}

for (const [dtype, name] of storageNames) {
  globals.set(`torch.${name}`, new StorageType(name, dtype));
  globals.set(`torch.cuda.${name}`, new StorageType(name, dtype));
}
for (const name of ["torch.UntypedStorage", "torch.storage.UntypedStorage", "torch.storage._UntypedStorage"]) {
  globals.set(name, new StorageType("UntypedStorage", null));
}
for (const dtype of dtypes) globals.set(dtype.toString(), dtype);

define("collections.OrderedDict", (args) => new OrderedDict(entriesOf("collections.OrderedDict", args)));
define("collections.Counter", (args) => new Counter(entriesOf("collections.Counter", args) as [unknown, number][]));
define("collections.defaultdict", (args) => {
  const [factory = null, ...rest] = args;
  const name = factory instanceof Callable ? factory.name.replace("builtins.", "") : null;
  if (factory !== null && (name === null || !(factories.has(name) || dictionaries.test(name))))
    throw badArguments("collections.defaultdict", args);
  const dict = new DefaultDict(entriesOf("collections.defaultdict", rest));
  dict.factory = name;
  return dict;
});
define("builtins.dict", (args) => new Map(entriesOf("dict", args)));
define("builtins.list", (args) => itemsOf("list", args));
define("builtins.tuple", (args) => Object.freeze(itemsOf("tuple", args)));
define("builtins.set", (args) => new Set(itemsOf("set", args)));
define("builtins.frozenset", (args) => new FrozenSet(itemsOf("frozenset", args)));
for (const name of ["int", "float", "str", "bool"]) {
  define(`builtins.${name}`, (args) => {
    throw badArguments(name, args); // named as the factory of a defaultdict only
  });
}
define("builtins.complex", (args) => {
  const [real = 0, imag = 0] = args;
  if (typeof real !== "number" || typeof imag !== "number") throw badArguments("complex", args);
  return new Complex(real, imag);
});
define("builtins.bytearray", (args) => {
  const [source = new Uint8Array(0), encoding] = args;
  if (source instanceof Uint8Array) return source;
  if (typeof source === "string" && encoding === "latin-1") return bytesOfLatin1(source);
  throw badArguments("bytearray", args);
});
define("builtins.bytes", (args) => {
  if (args.length > 0) throw badArguments("bytes", args); // how protocol 2 writes b""
  return new Uint8Array(0);
});
define("_codecs.encode", (args) => {
  const [text, encoding = "latin1"] = args;
  if (typeof text !== "string" || encoding !== "latin1") throw badArguments("_codecs.encode", args);
  return bytesOfLatin1(text);
});

function bytesOfLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => {
    const code = c.charCodeAt(0);
    if (code > 255) throw new UnpicklingError("bytes are written with characters beyond Latin-1");
    return code;
  });
}

define("torch.Size", (args) => {
  const sizes = itemsOf("torch.Size", args);
  if (!sizes.every((size) => typeof size === "number" && Number.isSafeInteger(size))) throw badArguments("torch.Size", args);
  return new Size(sizes as number[]);
});
define("torch.device", (args) => {
  const [type, index = null] = args;
  if (typeof type !== "string" || (index !== null && typeof index !== "number")) throw badArguments("torch.device", args);
  const parts = /^([a-z_0-9]+?)(?::(\d+))?$/.exec(type);
  if (parts === null) throw badArguments("torch.device", args);
  return new Device(parts[1]!, index ?? (parts[2] === undefined ? null : Number(parts[2])));
});
for (const layout of ["strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"]) {
  globals.set(`torch.${layout}`, `torch.${layout}`);
}
define("torch.serialization._get_layout", (args) => {
  const [name] = args;
  if (typeof name !== "string") throw badArguments("torch.serialization._get_layout", args);
  return name;
});

// (storage, offset, size, stride, requires_grad, hooks[, dtype], metadata)
defineTensor("tensor", ([storage, offset, size, stride]) => rebuildTensor({ storage, offset, size, stride }));
defineTensor("tensor_v2", ([storage, offset, size, stride, requiresGrad = false, , metadata = null]) =>
  rebuildTensor({ storage, offset, size, stride, requiresGrad, metadata }),
);
defineTensor("tensor_v3", ([storage, offset, size, stride, requiresGrad = false, , dtype, metadata = null]) =>
  rebuildTensor({ storage, offset, size, stride, requiresGrad, dtype, metadata } satisfies Rebuild),
);
defineTensor("parameter", ([data, requiresGrad = true]) => rebuildParameter(data, requiresGrad));
defineTensor("parameter_with_state", ([data, requiresGrad = true]) => rebuildParameter(data, requiresGrad));
define("torch.Tensor", (args) => {
  throw badArguments("torch.Tensor", args); // named as a type only
});
define("torch.nn.parameter.Parameter", ([data, requiresGrad = true]) => rebuildParameter(data, requiresGrad));
define("torch.nn.parameter.Buffer", ([data]) => data);
define("torch._tensor._rebuild_from_type_v2", ([rebuild, type, args]) => {
  const rebuilds = rebuild instanceof Callable && rebuild.name.startsWith("torch._utils._rebuild_");
  if (!rebuilds || !(type instanceof Callable) || !isTuple(args)) {
    throw badArguments("torch._tensor._rebuild_from_type_v2", [rebuild, type, args]);
  }
  return rebuild.call(args);
});

/** Kinds of tensors that there are none of here, and what to do about it in Python. */
const unsupported: readonly [names: readonly string[], what: string, help: string][] = [
  [
    ["torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_sparse_csr_tensor"],
    "sparse tensors are not supported",
    "save tensor.to_dense() in Python",
  ],
  [["torch._utils._rebuild_qtensor"], "quantized tensors are not supported", "save tensor.dequantize() in Python"],
  [
    ["torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_device_tensor_from_cpu_tensor"],
    "tensors of other devices than the CPU and CUDA are not supported",
    "save tensor.cpu() in Python",
  ],
  [
    ["torch._utils._rebuild_wrapper_subclass"],
    "tensors of a class that wraps others are not supported",
    "save the tensors inside of it in Python",
  ],
  [
    ["torch._utils._rebuild_nested_tensor", "torch.nested._internal.nested_tensor._rebuild_njt"],
    "nested tensors are not supported",
    "save the list of tensors, tensor.unbind(), in Python",
  ],
  [
    ["torch._utils._rebuild_meta_tensor_no_storage"],
    "the file holds a tensor on the meta device, which has no values",
    "save a model that was initialised",
  ],
];
for (const [names, what, help] of unsupported) {
  for (const name of names) {
    define(name, () => {
      throw new SerializationError(what, help);
    });
  }
}
const quantizedStorage = /^torch\.(QInt8|QUInt8|QInt32|QUInt4x2|QUInt2x4)Storage$/;

/** What a global of this name stands for. Throws for names that are not on the list. */
export function findTorchGlobal(module: string, name: string): unknown {
  const written = `${module}.${name}`;
  const full = renamed[written] ?? written.replace(/^__builtin__\./, "builtins.");
  const found = globals.get(full);
  if (found !== undefined) return found;
  if (quantizedStorage.test(full))
    throw new SerializationError("quantized tensors are not supported", "save tensor.dequantize() in Python");
  const shown = /^[\w.]{1,200}$/.test(full) ? full : quoted(full);
  if (module === "torch" && /^(uint16|uint32|uint64|float8_|float4_|int1|uint[1-7]$|bits)/.test(name)) {
    throw new SerializationError(
      `the file holds tensors of the dtype ${shown}, which is not supported`,
      "save them as another dtype in Python",
    );
  }
  throw new UnpicklingError(
    `Weights only load failed: the file names ${shown}, which is not among the functions and classes that a checkpoint may use. Nothing was run.`,
    adviceFor(module, name),
  );
}

function adviceFor(module: string, name: string): string {
  const isClass = /^_?[A-Z]/.test(name);
  if (/^(datetime|pathlib|uuid|decimal|fractions)$/.test(module)) return "save str(value) or numbers in Python instead";
  if (/^argparse$/.test(module)) return "save vars(namespace), a dict, in Python instead";
  if (/^(numpy|jax|pandas)\b/.test(module)) {
    return "save plain numbers and tensors: in Python, number.item() and torch.from_numpy(array)";
  }
  if (/^(builtins|__builtin__)$/.test(module) && name === "getattr") {
    return "Python writes methods and enum members so; of the state of a OneCycleLR of PyTorch before 2.0, save all but 'anneal_func'";
  }
  if (/\b(DTensor|ShardedTensor)$/.test(name)) return "save whole tensors in Python: tensor.full_tensor()";
  if (module === "collections") return "save a list or a dict instead";
  if (module.startsWith("torch.nn.") || module.startsWith("torchvision.models") || module === "__main__" || isClass) {
    return `the file holds whole objects (of the class ${/^\w{1,80}$/.test(name) ? name : "above"}), not just their values; for a model, in Python: torch.save(model.state_dict(), path)`;
  }
  return "only load files from sources you trust; a file that names functions can be made to run them in Python";
}
