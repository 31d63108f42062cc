/**
 * Which device new tensors lie on, and how tensors move between devices.
 *
 * Ops allocate their results by `runtime.empty` without naming a device: it is that of their inputs, which the dispatcher sets around each op, and the backward
 * engine around each node. Elsewhere it is the default device.
 */
import { checkArguments } from "../ops/arguments.ts";
import type { Backend } from "../backends/backend.ts";
import { createCpuBackend } from "../backends/cpu/index.ts";
import { typedArrayOf } from "../backends/cpu/memory.ts";
import { type DType, kernelName } from "../core/dtype.ts";
import { ShapeError, DeviceError } from "../core/errors.ts";
import { formatShape, contiguousStrides, numelOf } from "../core/shape.ts";
import { cpu, type Device, webgpu } from "../core/storage.ts";
import { deviceOf } from "../ops/factory/options.ts";
import { denseStridesLike } from "../ops/layout.ts";
import { isDense } from "../ops/memory/copy.ts";
import { defineOp } from "../ops/op.ts";
import { runtime } from "../ops/runtime.ts";
import { Tensor } from "./tensor.ts";
import { createWebgpuBackend } from "#webgpu";

/** The CPU's backend. */
const cpuBackend: Backend = createCpuBackend();
let webgpuBackend: Backend = createWebgpuBackend(cpuBackend);

/** `mixed`: tensors of more than one device exist, or may. Until then nobody has to look at devices. */
export const devices = { mixed: false };

let currentDevice: Device = cpu;
let currentBackend: Backend = cpuBackend;
let defaultDevice: Device = cpu;

/** Puts the backend of webgpu in the place of what stands in for it in browsers. */
export function bringWebgpu(create: (cpu: Backend) => Backend): void {
  webgpuBackend = create(cpuBackend);
  setCurrent(currentDevice);
}

/** The backend that has a tensor's memory. */
export function backendOf(x: { readonly storage: Tensor["storage"] }): Backend {
  return x.storage.remote === null ? cpuBackend : webgpuBackend;
}

/** Sizes were checked before; what is no dtype shows here at the latest. */
function refuseMemory(shape: readonly number[], dtype: DType): never {
  checkArguments("empty(dtype dtype)", dtype);
  throw new ShapeError(`Trying to create tensor with negative dimension: ${formatShape(shape)}`);
}

/** A new tensor on the current device, contents undefined. */
export function emptyTensor(shape: readonly number[], strides: readonly number[], dtype: DType): Tensor {
  const nbytes = numelOf(shape) * dtype.itemsize;
  if (!(nbytes >= 0)) refuseMemory(shape, dtype);
  return new Tensor(currentBackend.allocate(nbytes, dtype), shape, strides, 0, dtype);
}

function setCurrent(device: Device): void {
  currentDevice = device;
  currentBackend = device === cpu ? cpuBackend : webgpuBackend;
  if (device !== cpu) devices.mixed = true;
}

/** Runs `body` with new memory on the device. */
export function onDevice<R>(device: Device, body: () => R): R {
  if (device === currentDevice) return body();
  const before = currentDevice;
  setCurrent(device);
  try {
    return body();
  } finally {
    setCurrent(before);
  }
}

/**
 * The device of new tensors that name none, as `torch.get_default_device`.
 * @example
 * String(torch.getDefaultDevice()) // "cpu"
 */
export function getDefaultDevice(): Device {
  return defaultDevice;
}

/** Sets the device of new tensors that name none, as `torch.set_default_device`. */
export function setDefaultDevice(device: Device | string): void {
  defaultDevice = deviceOf(device);
  setCurrent(defaultDevice);
}

function differ(a: Tensor, b: Tensor): DeviceError {
  return new DeviceError(
    `Expected all tensors to be on the same device, but found at least two devices, ${a.device} and ${b.device}!`,
    "move one of them with x.to(device)",
  );
}

/**
 * Runs an op's call on the device of its inputs. A 0-d CPU tensor goes with tensors of any device, as a number does. Throws {@link DeviceError} when the inputs are on
 * different devices otherwise.
 */
export function onDeviceOf<R>(inputs: readonly Tensor[], body: (inputs: readonly Tensor[]) => R, inPlace = false): R {
  if (inputs.length === 0) return body(inputs);
  let first = inputs[0]!;
  let strays = false;
  for (let i = 1; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (x.storage.device === first.storage.device) continue;
    strays = true;
    if (isNumber(first) && !inPlace) first = x;
    else if (!isNumber(x)) throw differ(first, x);
  }
  const { device } = first;
  if (!strays) return onDevice(device, () => body(inputs));
  return onDevice(device, () => body(inputs.map((x) => (x.storage.device === device ? x : moveTo(x, device)))));
}

function isNumber(x: Tensor): boolean {
  return x.storage.device === cpu && x.shape.length === 0;
}

/** Runs a node of the backward graph on the device of its gradients. */
export function onDeviceOfGradients<R>(grads: readonly (Tensor | null)[], body: () => R): R {
  for (const g of grads) if (g) return onDevice(g.storage.device, body);
  return body();
}

/** Throws when the device has no such dtype. */
export function checkDeviceDtype(device: Device, dtype: DType): void {
  if (device === webgpu && dtype.isComplex) {
    throw new DeviceError(
      `Trying to convert ${kernelName(dtype)} to the webgpu backend but it does not have support for that dtype.`,
      "keep it on the cpu, or move torch.viewAsReal(x)",
    );
  }
  if (device === webgpu && dtype.key === "f64") {
    throw new DeviceError(
      "Cannot convert a webgpu Tensor to float64 dtype as the WebGPU framework doesn't support float64. Please use float32 instead.",
      "x.to(torch.float32) before it is moved, or keep it on the cpu",
    );
  }
}

/** The elements of a tensor on another device, in the same order in memory where it is dense. */
const moveOp = defineOp<{ device: Device }>({
  name: "to_copy",
  run([given], { device }) {
    const dense = isDense(given!);
    const x = dense ? given! : given!.contiguous();
    const strides = dense ? denseStridesLike(x.shape, x.strides) : contiguousStrides(x.shape);
    const out = onDevice(device, () => runtime.emptyStrided(x.shape, strides, x.dtype));
    const n = x.numel();
    if (n === 0) return out;
    const { storage, storageOffset } = x;
    const elements =
      storage.remote === null
        ? typedArrayOf(storage, x.dtype).subarray(storageOffset, storageOffset + n)
        : storage.remote.readElements(storageOffset, n, x.dtype);
    (typedArrayOf(out.storage, x.dtype) as Float32Array).set(elements as Float32Array);
    return out;
  },
  backward: ([g], saved) => [moveTo(g!, saved.input(0).device)],
  saves: { inputs: [0] },
});

/** The tensor on a device; itself when it is there. The gradient flows back to where it came from. */
export function moveTo(x: Tensor, device: Device): Tensor {
  if (x.storage.device === device) return x;
  checkDeviceDtype(device, x.dtype);
  return runtime.call(moveOp, [x], { device });
}
