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
  type NamedTensors,
  type SaveSafetensorsOptions,
  type SaveShardedOptions,
  saveSafetensors,
  saveSafetensorsAsync,
} from "./safetensorsWrite.ts";
