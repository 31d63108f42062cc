/**
 * Files: checkpoints of PyTorch, safetensors, NumPy's arrays.
 */
export { load, loadAsync, type LoadFileOptions, type LoadOptions, type MapLocation, save, saveAsync } from "./checkpoint.ts";
export type { NamedTensors } from "./namedTensors.ts";
export { loadNpy, loadNpyAsync, saveNpy, saveNpyAsync } from "./npy.ts";
export { type SaveNpzOptions, loadNpz, loadNpzAsync, saveNpz, saveNpzAsync } from "./npz.ts";
export {
  AsyncSafetensorsFile,
  type LoadProgressOptions,
  type LoadSafetensorsOptions,
  SafetensorsDict,
  SafetensorsFile,
  type SafetensorsSlice,
  loadSafetensors,
  loadSafetensorsAsync,
  openSafetensors,
  openSafetensorsAsync,
} from "./safetensors.ts";
export {
  type LoadSafetensorsModelOptions,
  loadSafetensorsModel,
  saveSafetensorsModel,
} from "./safetensorsModel.ts";
export {
  type SaveSafetensorsOptions,
  type SaveShardedOptions,
  saveSafetensors,
  saveSafetensorsAsync,
} from "./safetensorsWrite.ts";
export type { AsyncInput, BlobLike, Progress, SyncInput } from "./source.ts";
