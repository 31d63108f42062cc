/**
 * Tensors by name, as users pass them to be saved.
 */
import { ArgumentTypeError, ValueError } from "../core/errors.ts";
import type { Storage } from "../core/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Tensors by name: what `stateDict()` and `loadSafetensors` return, or a plain object. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/** The tensors in order. Throws for what is no tensor, and for names that UTF-8 cannot say. */
export function namedTensors(tensors: NamedTensors, operation: string): Map<string, Tensor> {
  if (typeof tensors !== "object" || tensors === null || tensors instanceof Tensor || Array.isArray(tensors)) {
    throw new ArgumentTypeError(`${operation}: tensors are given by name, in an object or a Map, not as ${kindOf(tensors)}`);
  }
  const entries = new Map<unknown, unknown>(tensors instanceof Map ? tensors : Object.entries(tensors));
  for (const [name, tensor] of entries) {
    if (typeof name !== "string") {
      throw new ArgumentTypeError(`${operation}: names must be strings, but one is ${String(name)}`);
    }
    if (!(tensor instanceof Tensor)) {
      throw new ArgumentTypeError(
        `${operation}: Key \`${name}\` is invalid, expected torch.Tensor but received ${kindOf(tensor)}`,
        "the format holds tensors by name; torch.save writes anything else",
      );
    }
    checkText(name, `${operation}: a name`);
  }
  return entries as Map<string, Tensor>;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;
}

/** Throws for a string that is not well-formed. */
export function checkText(text: string, what: string): void {
  if (/\p{Surrogate}/u.test(text)) {
    throw new ValueError(`${what} has half of a surrogate pair, which UTF-8 cannot say: ${JSON.stringify(text)}`);
  }
}

/** The tensors in the host's memory, where those of a device are brought without blocking. */
export async function tensorsOnHost(tensors: NamedTensors, operation: string): Promise<Map<string, Tensor>> {
  const out = namedTensors(tensors, operation);
  const storages = new Map<Storage, Storage>(); // what is shared stays shared
  for (const [name, x] of out) {
    const { remote } = x.storage;
    if (remote === null) continue;
    const storage = storages.get(x.storage) ?? (await remote.bringToHostAsync());
    storages.set(x.storage, storage);
    out.set(name, new Tensor(storage, x.shape, x.strides, x.storageOffset, x.dtype));
  }
  return out;
}
