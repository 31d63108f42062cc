/**
 * The options that every factory takes.
 */
import type { DType } from "../../core/dtype.ts";
import { DeviceError, ShapeError } from "../../core/errors.ts";
import { Device } from "../../core/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { shapeOf } from "../views/shape.ts";

export interface FactoryOptions {
  dtype?: DType | null;
  device?: Device | string | null;
  requiresGrad?: boolean;
  /** Write the result here instead of into a new tensor. */
  out?: Tensor;
}

/** A device from its name; only those whose backend is there. */
export function deviceOf(device: Device | string): Device {
  const type = typeof device === "string" ? device.split(":")[0]! : device.type;
  if (type !== "cpu") {
    throw new DeviceError(
      `Expected one of cpu device type at start of device string: ${String(device)}`,
      "this build has the device 'cpu' only",
    );
  }
  return typeof device === "string" ? new Device("cpu") : device;
}

/** Applies `device`, `out` and `requiresGrad` to a new tensor. */
export function finish(x: Tensor, options: FactoryOptions | undefined): Tensor {
  if (options === undefined) return x;
  if (options.device !== undefined && options.device !== null) deviceOf(options.device);
  if (options.out) {
    const { out } = options;
    if (out.shape.join() !== x.shape.join()) out.resize_(x.shape);
    return out.copy_(x);
  }
  return options.requiresGrad ? x.requiresGrad_() : x;
}

/** Sizes as `(2, 3)` or `([2, 3])`, with options at the end. */
export function sizesAndOptions(args: readonly unknown[]): { shape: readonly number[]; options: FactoryOptions | undefined } {
  const last = args[args.length - 1];
  const hasOptions = typeof last === "object" && last !== null && !Array.isArray(last);
  const sizes = hasOptions ? args.slice(0, -1) : args.length > 0 && last === undefined ? args.slice(0, -1) : args;
  const given = hasOptions && sizes.length === 0 ? (last as { size?: readonly number[] }).size : undefined;
  return { shape: checkSizes(given ?? shapeOf(sizes)), options: hasOptions ? (last as FactoryOptions) : undefined };
}

export function checkSizes(shape: readonly number[]): readonly number[] {
  for (const n of shape) {
    if (n < 0) throw new ShapeError(`Trying to create tensor with negative dimension ${n}: [${shape.join(", ")}]`);
  }
  return shape.length === 0 ? [] : [...shape];
}
