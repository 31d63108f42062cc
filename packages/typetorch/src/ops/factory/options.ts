/**
 * The options that every factory takes.
 */
import { kernelName } from "../../core/dtype.ts";
import type { DType } from "../../core/dtype.ts";
import { DTypeError, DeviceError, ShapeError } from "../../core/errors.ts";
import { formatShape, numelOf } from "../../core/shape.ts";
import { cpu, type Device, webgpu } from "../../core/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { runtime } from "../runtime.ts";
import { shapeOf } from "../views/shape.ts";

export interface FactoryOptions {
  dtype?: DType | null;
  device?: Device | string | null;
  requiresGrad?: boolean;
  /** Write the result here instead of into a new tensor. */
  out?: Tensor;
}

/** A device from its name: `cpu` or `webgpu`. Throws {@link DeviceError} for others. */
export function deviceOf(device: Device | string): Device {
  const name = String(device);
  if (name === "cpu" || name === "cpu:0") return cpu;
  if (name === "webgpu" || name === "webgpu:0") return webgpu;
  if (/^(cpu|webgpu):\d+$/.test(name))
    throw new DeviceError(`invalid device ordinal: ${name}`, "there is one device of each type: 'cpu' and 'webgpu'");
  throw new DeviceError(
    `Expected one of cpu, webgpu device type at start of device string: ${name}`,
    "the devices of this build are 'cpu' and 'webgpu'",
  );
}

/** A tensor that `body` makes, on the device of the options from the start; then as {@link finish}. */
export function make(options: FactoryOptions | undefined, dtype: DType, body: () => Tensor): Tensor {
  if (!options?.device) return finish(body(), options);
  const device = deviceOf(options.device);
  runtime.checkDeviceDtype(device, dtype);
  return finish(runtime.on(device, body), options);
}

/** Applies `device`, `out` and `requiresGrad` to a new tensor. */
export function finish(made: Tensor, options: FactoryOptions | undefined): Tensor {
  if (options === undefined) return made;
  const x = options.device ? runtime.withoutGrad(() => runtime.moveTo(made, deviceOf(options.device!))) : made;
  if (options.out) {
    const { out } = options;
    checkArguments("factory(Tensor out)", out);
    if (options.dtype && options.dtype !== out.dtype) {
      throw new DTypeError(`dtype ${kernelName(options.dtype)} does not match dtype of out parameter (${kernelName(out.dtype)})`);
    }
    if (out.shape.join() !== x.shape.join()) out.resize_(x.shape);
    return out.copy_(x);
  }
  return options.requiresGrad ? x.requiresGrad_() : x;
}

const factoryOptions =
  "factory(options options, {int[] size, dtype|None dtype, device|None device, bool requiresGrad, Tensor out, any generator})";

/** Sizes as `(2, 3)` or `([2, 3])`, with options at the end. */
export function sizesAndOptions(args: readonly unknown[]): { shape: readonly number[]; options: FactoryOptions | undefined } {
  const last = args[args.length - 1];
  const hasOptions = typeof last === "object" && last !== null && !Array.isArray(last);
  if (hasOptions) checkArguments(factoryOptions, last);
  const sizes = hasOptions ? args.slice(0, -1) : args.length > 0 && last === undefined ? args.slice(0, -1) : args;
  const given = hasOptions && sizes.length === 0 ? (last as { size?: readonly number[] }).size : undefined;
  return { shape: checkSizes(given ?? shapeOf(sizes)), options: hasOptions ? (last as FactoryOptions) : undefined };
}

export function checkSizes(shape: readonly number[]): readonly number[] {
  checkArguments("size(int[] size)", shape);
  for (const n of shape) {
    if (n < 0) throw new ShapeError(`Trying to create tensor with negative dimension ${n}: [${shape.join(", ")}]`);
  }
  if (!Number.isSafeInteger(numelOf(shape) * 8)) {
    throw new ShapeError(`Storage size calculation overflowed with sizes=${formatShape(shape)}`);
  }
  return shape.length === 0 ? [] : [...shape];
}
