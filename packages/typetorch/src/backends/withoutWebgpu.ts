/**
 * What stands in for the folder webgpu until the program brings it along, in browsers, for which package.json's `imports` name this file: `torch.webgpu.init()`
 * puts the backend in its place, so that a program which does not call it is bundled without.
 */
import { DeviceError } from "../core/errors.ts";
import type { Backend } from "./backend.ts";

/** What the device says before it is open. */
export function notOpenYet(): never {
  throw new DeviceError(
    "webgpu: the device is not open yet",
    "call `await torch.webgpu.init()` once, before the device 'webgpu' is used",
  );
}

/** A backend that has no memory to give; as nothing lies in it, nothing else is ever asked of it. */
export function createWebgpuBackend(_cpu: Backend): Backend {
  return {
    name: "webgpu",
    allocate: notOpenYet,
    release: notOpenYet,
    map: notOpenYet,
    mapFlat: notOpenYet,
    row: notOpenYet,
    loops: notOpenYet,
    gemm: notOpenYet,
    convForward: notOpenYet,
    convBackwardInput: notOpenYet,
    convBackwardWeight: notOpenYet,
  };
}
