/**
 * Modules in safetensors files, which cannot say that tied weights share memory: of each set one name is saved.
 */
import { describeKind } from "../ops/arguments.ts";
import { ArgumentTypeError, StateDictError } from "../core/errors.ts";
import { type AnyModule, Module } from "../nn/module.ts";
import type { IncompatibleKeys } from "../nn/stateDict.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { loadSafetensors } from "./safetensors.ts";
import { type SaveSafetensorsOptions, type SaveShardedOptions, findSharedTensors, saveSafetensors } from "./safetensorsWrite.ts";
import type { SyncInput } from "./source.ts";

/**
 * For each name that can be left out, the one whose tensor has its elements: that of the first name, in alphabetical order (or of those `preferred`), that
 * covers all memory of its set. Throws where none does: then nothing may be left out.
 */
function namesToLeaveOut(state: ReadonlyMap<string, Tensor>, preferred: ReadonlySet<string>): Map<string, string> {
  const leftOut = new Map<string, string>();
  for (const names of findSharedTensors(state)) {
    const complete = names.filter((name) => {
      const x = state.get(name)!;
      return x.storageOffset === 0 && x.numel() * x.dtype.itemsize === x.storage.nbytes;
    });
    const kept = complete.find((name) => preferred.has(name)) ?? complete[0];
    if (kept === undefined) {
      throw new StateDictError(
        `Error while trying to find names to remove to save state dict, but found no suitable name to keep for saving amongst: {${names.map((name) => `'${name}'`).join(", ")}}. None is covering the entire storage.`,
        "give each of them memory of its own with clone()",
      );
    }
    for (const name of names) if (name !== kept) leftOut.set(name, kept);
  }
  return leftOut;
}

/**
 * Saves a module's state_dict to a safetensors file, or without a path returns the file's bytes. Of tied weights one name is kept, and the metadata says for the
 * others which. As `safetensors.torch.save_model`.
 */
export function saveSafetensorsModel(model: AnyModule, path: string, options?: SaveShardedOptions): void;
export function saveSafetensorsModel(model: AnyModule, options?: SaveSafetensorsOptions): Uint8Array<ArrayBuffer>;
export function saveSafetensorsModel(
  model: AnyModule,
  path?: string | SaveSafetensorsOptions,
  options?: SaveShardedOptions,
): Uint8Array<ArrayBuffer> | void {
  if (!(model instanceof Module)) {
    throw new ArgumentTypeError(`save_model(): argument 'model' (position 1) must be Module, not ${describeKind(model)}`);
  }
  const { metadata = null, ...rest } = (typeof path === "string" ? options : path) ?? {};
  const state = new Map(model.stateDict());
  const notes = new Map<string, string>(metadata instanceof Map ? metadata : Object.entries(metadata ?? {}));
  for (const [name, kept] of namesToLeaveOut(state, new Set())) {
    if (!notes.has(name)) notes.set(name, kept);
    state.delete(name);
  }
  const all = { ...rest, metadata: metadata === null && notes.size === 0 ? null : notes };
  if (typeof path !== "string") return saveSafetensors(state, all);
  saveSafetensors(state, path, all);
}

export interface LoadSafetensorsModelOptions {
  /** Missing and unexpected keys are errors (the default). */
  strict?: boolean;
}

/**
 * Loads what {@link saveSafetensorsModel}, or `safetensors.torch.save_model`, saved into a module; of tied weights one name is enough. As
 * `safetensors.torch.load_model`. Throws {@link StateDictError} for missing and unexpected keys unless `strict` is false.
 * @example
 * const bytes = torch.saveSafetensorsModel(new nn.Linear(2, 2));
 * torch.loadSafetensorsModel(new nn.Linear(2, 2), bytes) // <All keys matched successfully>
 */
export function loadSafetensorsModel(
  model: AnyModule,
  input: SyncInput,
  options: LoadSafetensorsModelOptions = {},
): IncompatibleKeys {
  const state = loadSafetensors(input);
  const own = model.stateDict();
  for (const name of namesToLeaveOut(own, new Set(state.keys())).keys()) {
    if (!state.has(name)) state.set(name, own.get(name)!); // its memory is filled under the other name
  }
  return model.loadStateDict(state, { strict: options.strict ?? true });
}
