import { ShapeError } from "../core/errors.ts";
import type { Device } from "../core/storage.ts";
import type { DType } from "../core/dtype.ts";

/** One number for all spatial dimensions, or one for each. */
export type Size = number | readonly number[];

/** A size as one number per dimension, as given when it is a list already. */
export function expandSize(size: Size, rank: number): readonly number[] {
  if (typeof size === "number") return new Array<number>(rank).fill(size);
  if (size.length !== rank) throw new ShapeError(`a size of ${rank} numbers was expected, but got [${size.join(", ")}]`);
  return size;
}

/** Where a layer's parameters are made, and of what type. */
export interface FactoryOptions {
  device?: Device | string;
  dtype?: DType;
}

/** The factory options among a layer's options. */
export function factoryOptions(options: FactoryOptions): FactoryOptions {
  const out: FactoryOptions = {};
  if (options.device !== undefined) out.device = options.device;
  if (options.dtype !== undefined) out.dtype = options.dtype;
  return out;
}
