export type { NamedTensors } from "./namedTensors.ts";
export { loadNpy, loadNpyAsync, saveNpy, saveNpyAsync } from "./npy.ts";
export { type SaveNpzOptions, loadNpz, loadNpzAsync, saveNpz, saveNpzAsync } from "./npz.ts";
export {
  AsyncSafetensorsFile,
  type LoadAsyncOptions,
  SafetensorsDict,
  SafetensorsFile,
  type SafetensorsSlice,
  loadSafetensors,
  loadSafetensorsAsync,
  openSafetensors,
  openSafetensorsAsync,
} from "./safetensors.ts";
export {
  type SaveSafetensorsOptions,
  type SaveShardedOptions,
  saveSafetensors,
  saveSafetensorsAsync,
} from "./safetensorsWrite.ts";
