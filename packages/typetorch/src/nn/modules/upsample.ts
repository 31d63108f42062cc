import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonFloat, pythonSize } from "../pythonFormat.ts";
import type { Size } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface UpsampleOptions {
  size?: Size | null;
  scaleFactor?: Size | null;
  /** Default: `nearest`. */
  mode?: F.InterpolationMode;
  /** Corner elements of input and output fall together (linear modes only). */
  alignCorners?: boolean | null;
  recomputeScaleFactor?: boolean | null;
}

/**
 * Enlarges (or shrinks) the last dimensions to a size or by a factor: (N, C, *) -> (N, C, *').
 * @see torch.nn.Upsample
 * @example
 * new nn.Upsample({ scaleFactor: 2 }).call(torch.tensor([[[1, 2]]])) // tensor([[[1., 1., 2., 2.]]])
 */
export class Upsample extends Module {
  readonly size: Size | null;
  readonly scaleFactor: Size | null;
  readonly mode: F.InterpolationMode;
  readonly alignCorners: boolean | null;
  readonly recomputeScaleFactor: boolean | null;
  constructor(
    ...rest: Trailing<
      [size: Size | null, scaleFactor: Size | null, mode: F.InterpolationMode, alignCorners: boolean | null],
      UpsampleOptions
    >
  ) {
    checkArguments(
      "Upsample(~size, ~scaleFactor, ~mode, ~alignCorners, {float|float[]|None size, float|float[]|None scaleFactor, str mode, bool|None alignCorners, bool|None recomputeScaleFactor})",
      ...rest,
    );
    super();
    const options = trailing<UpsampleOptions>(rest, ["size", "scaleFactor", "mode", "alignCorners"]);
    this.size = options.size ?? null;
    this.scaleFactor = options.scaleFactor ?? null;
    this.mode = options.mode ?? "nearest";
    this.alignCorners = options.alignCorners ?? null;
    this.recomputeScaleFactor = options.recomputeScaleFactor ?? null;
  }
  override forward(input: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = this;
    return F.interpolate(input, { size, scaleFactor, mode, alignCorners, recomputeScaleFactor });
  }
  override extraRepr(): string {
    const { scaleFactor } = this;
    if (scaleFactor === null) return `size=${pythonSize(this.size)}, mode=${this.mode}`;
    const text = typeof scaleFactor === "number" ? pythonFloat(scaleFactor) : `(${scaleFactor.map(pythonFloat).join(", ")})`;
    return `scale_factor=${text}, mode=${this.mode}`;
  }
}

type TwoDimensional = Trailing<[size: Size | null, scaleFactor: Size | null], Pick<UpsampleOptions, "size" | "scaleFactor">>;

/**
 * {@link Upsample} that repeats the nearest element: (N, C, H, W) -> (N, C, H', W').
 * @see torch.nn.UpsamplingNearest2d
 * @example
 * new nn.UpsamplingNearest2d({ scaleFactor: 2 }).call(torch.ones(1, 1, 2, 2)).shape // [1, 1, 4, 4]
 */
export class UpsamplingNearest2d extends Upsample {
  constructor(...rest: TwoDimensional) {
    checkArguments(
      "UpsamplingNearest2d(~size, ~scaleFactor, {float|float[]|None size, float|float[]|None scaleFactor})",
      ...rest,
    );
    super({ ...trailing<UpsampleOptions>(rest, ["size", "scaleFactor"]), mode: "nearest" });
  }
}
/**
 * {@link Upsample} that interpolates bilinearly, corners aligned: (N, C, H, W) -> (N, C, H', W').
 * @see torch.nn.UpsamplingBilinear2d
 * @example
 * new nn.UpsamplingBilinear2d({ scaleFactor: 2 }).call(torch.ones(1, 1, 2, 2)).shape // [1, 1, 4, 4]
 */
export class UpsamplingBilinear2d extends Upsample {
  constructor(...rest: TwoDimensional) {
    checkArguments(
      "UpsamplingBilinear2d(~size, ~scaleFactor, {float|float[]|None size, float|float[]|None scaleFactor})",
      ...rest,
    );
    super({ ...trailing<UpsampleOptions>(rest, ["size", "scaleFactor"]), mode: "bilinear", alignCorners: true });
  }
}

keepClassNames({ Upsample, UpsamplingNearest2d, UpsamplingBilinear2d });
