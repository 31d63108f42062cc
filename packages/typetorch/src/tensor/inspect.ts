/**
 * Questions about tensors and the machine that are functions of the torch namespace.
 */
import { checkArguments } from "../ops/arguments.ts";
import { availableTargets, target, type TargetName } from "../backends/cpu/target.ts";
import { type DType, bool } from "../core/dtype.ts";
import { ValueError } from "../core/errors.ts";
import { broadcastShapes as broadcastTwo } from "../core/shape.ts";
import { Device } from "../core/storage.ts";
import { deviceOf } from "../ops/factory/options.ts";
import { Tensor } from "./tensor.ts";

export { getNumThreads, setNumThreads } from "../backends/cpu/team.ts";
export { emptyCache } from "../backends/cpu/memory.ts";

/**
 * Whether a value is a tensor, as `torch.is_tensor`.
 * @example
 * torch.isTensor([1, 2]) // false
 */
export function isTensor(x: unknown): x is Tensor {
  return x instanceof Tensor;
}
/**
 * Number of elements, as `torch.numel`.
 * @example
 * torch.numel(torch.zeros(2, 3)) // 6
 */
export function numel(input: Tensor): number {
  checkArguments("numel(Tensor input)", input);
  return input.numel();
}
/**
 * Whether the dtype is floating, as `torch.is_floating_point`.
 * @example
 * torch.isFloatingPoint(torch.tensor([1n])) // false
 */
export function isFloatingPoint(input: Tensor): boolean {
  checkArguments("is_floating_point(Tensor input)", input);
  return input.dtype.isFloatingPoint;
}
/**
 * Whether the dtype is complex, as `torch.is_complex`.
 * @example
 * torch.isComplex(torch.tensor([1])) // false
 */
export function isComplex(input: Tensor): boolean {
  checkArguments("is_complex(Tensor input)", input);
  return input.dtype.isComplex;
}
/**
 * Whether the single element is not zero, as `torch.is_nonzero`. Throws unless there is exactly one.
 * @example
 * torch.isNonzero(torch.tensor([2])) // true
 */
export function isNonzero(input: Tensor): boolean {
  checkArguments("is_nonzero(Tensor input)", input);
  if (input.numel() !== 1)
    throw new ValueError(
      `Boolean value of Tensor with ${input.numel() === 0 ? "no values" : "more than one value"} is ambiguous`,
    );
  return Number(input.item()) !== 0;
}

export { getDefaultDevice, setDefaultDevice } from "./devices.ts";

/**
 * A device by its name, as `torch.device`. Throws for devices that are not there.
 * @example
 * String(torch.device("cpu")) // "cpu"
 */
export function device(name: string | Device): Device {
  return name instanceof Device ? name : deviceOf(name);
}

/**
 * The shape that shapes broadcast to, as `torch.broadcast_shapes`.
 * @example
 * torch.broadcastShapes([3, 1], [2]) // [3, 2]
 */
export function broadcastShapes(...shapes: (readonly number[] | number)[]): readonly number[] {
  for (const shape of shapes) checkArguments("broadcast_shapes(int|int[] shapes)", shape);
  return shapes.map((s) => (typeof s === "number" ? [s] : s)).reduce<readonly number[]>((a, b) => broadcastTwo(a, b), []);
}

/** Limits of a floating dtype, as `torch.finfo`. */
export interface FloatInfo {
  readonly bits: number;
  readonly eps: number;
  readonly max: number;
  readonly min: number;
  readonly tiny: number;
  readonly smallestNormal: number;
  readonly resolution: number;
  readonly dtype: string;
}

const floatLimits: Record<string, { mantissa: number; exponent: number; resolution: number }> = {
  f16: { mantissa: 10, exponent: 15, resolution: 1e-3 },
  bf16: { mantissa: 7, exponent: 127, resolution: 1e-2 },
  f32: { mantissa: 23, exponent: 127, resolution: 1e-6 },
  f64: { mantissa: 52, exponent: 1023, resolution: 1e-15 },
};

/**
 * Limits of a floating dtype: eps, the largest and the smallest normal number. As `torch.finfo`.
 * @example
 * torch.finfo(torch.float16).max // 65504
 */
export function finfo(dtype: DType): FloatInfo {
  const limits = floatLimits[dtype.key];
  if (!limits) throw new ValueError(`torch.finfo() requires a floating point input type. Use torch.iinfo to handle '${dtype}'`);
  const max = (2 - 2 ** -limits.mantissa) * 2 ** limits.exponent;
  const tiny = 2 ** (1 - limits.exponent);
  return {
    bits: dtype.itemsize * 8,
    eps: 2 ** -limits.mantissa,
    max,
    min: -max,
    tiny,
    smallestNormal: tiny,
    resolution: limits.resolution,
    dtype: dtype.name,
  };
}

/**
 * Limits of an integer dtype, as `torch.iinfo`; bigints for int64.
 * @example
 * torch.iinfo(torch.int8).max // 127
 */
export function iinfo(dtype: DType): {
  readonly bits: number;
  readonly min: number | bigint;
  readonly max: number | bigint;
  readonly dtype: string;
} {
  checkArguments("iinfo(dtype type)", dtype);
  if (dtype.isFloatingPoint || dtype === bool)
    throw new ValueError(`torch.iinfo() requires an integer input type. Use torch.finfo to handle '${dtype}'`);
  const bits = dtype.itemsize * 8;
  const max = dtype.isSigned ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n;
  const min = dtype.isSigned ? -(2n ** BigInt(bits - 1)) : 0n;
  return { bits, min: bits === 64 ? min : Number(min), max: bits === 64 ? max : Number(max), dtype: dtype.name };
}

/** What runs the kernels: `torch.backends`. */
export const backends = {
  cpu: {
    /** The target in use: `x64-avx512`, `x64-avx2`, `wasm` or `js`; forced by TYPETORCH_TARGET. */
    target,
    /** The targets that this machine can run. */
    availableTargets: (): TargetName[] => availableTargets(),
    /** As `torch.backends.cpu.get_cpu_capability`. */
    getCpuCapability: (): string => ({ "x64-avx512": "AVX512", "x64-avx2": "AVX2", wasm: "DEFAULT", js: "DEFAULT" })[target],
  },
} as const;
