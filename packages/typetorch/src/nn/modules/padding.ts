import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonNumber, pythonTuple } from "../pythonFormat.ts";
import { expandSize, type Size } from "../sizes.ts";

/** What the padding layers hold: how much to add on each side, last dimension first. */
abstract class PadNd extends Module {
  readonly padding: readonly number[];
  constructor(padding: Size, rank: number) {
    super();
    this.padding = expandSize(padding, 2 * rank);
  }
  override extraRepr(): string {
    return pythonTuple(this.padding);
  }
}

abstract class ConstantPadNd extends PadNd {
  readonly value: number;
  constructor(padding: Size, rank: number, value: number) {
    super(padding, rank);
    this.value = value;
  }
  override forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, { mode: "constant", value: this.value });
  }
  override extraRepr(): string {
    return `padding=${pythonTuple(this.padding)}, value=${pythonNumber(this.value)}`;
  }
}
/**
 * Adds elements of a value on both ends. `padding`: one number or (left, right).
 * @see torch.nn.ConstantPad1d
 * @example
 * new nn.ConstantPad1d(1, 0.5).call(torch.randn(1, 4, 4)).shape // [1, 4, 6]
 */
export class ConstantPad1d extends ConstantPadNd {
  constructor(padding: Size, value: number) {
    checkArguments("ConstantPad1d(int|int[] padding, float value)", padding, value);
    super(padding, 1, value);
  }
}
/**
 * Adds a border of a value. `padding`: one number or (left, right, top, bottom).
 * @see torch.nn.ConstantPad2d
 * @example
 * new nn.ConstantPad2d(1, 0.5).call(torch.randn(1, 4, 4, 4)).shape // [1, 4, 6, 6]
 */
export class ConstantPad2d extends ConstantPadNd {
  constructor(padding: Size, value: number) {
    checkArguments("ConstantPad2d(int|int[] padding, float value)", padding, value);
    super(padding, 2, value);
  }
}
/**
 * Adds a border of a value. `padding`: one number or (left, right, top, bottom, front, back).
 * @see torch.nn.ConstantPad3d
 * @example
 * new nn.ConstantPad3d(1, 0.5).call(torch.randn(1, 4, 4, 4, 4)).shape // [1, 4, 6, 6, 6]
 */
export class ConstantPad3d extends ConstantPadNd {
  constructor(padding: Size, value: number) {
    checkArguments("ConstantPad3d(int|int[] padding, float value)", padding, value);
    super(padding, 3, value);
  }
}
/** Borders of zeros print their sizes only. */
abstract class ZeroPadNd extends ConstantPadNd {
  constructor(padding: Size, rank: number) {
    super(padding, rank, 0);
  }
  override extraRepr(): string {
    return pythonTuple(this.padding);
  }
}
/**
 * Adds zeros on both ends. `padding`: one number or (left, right).
 * @see torch.nn.ZeroPad1d
 * @example
 * new nn.ZeroPad1d(1).call(torch.randn(1, 4, 4)).shape // [1, 4, 6]
 */
export class ZeroPad1d extends ZeroPadNd {
  constructor(padding: Size) {
    checkArguments("ZeroPad1d(int|int[] padding)", padding);
    super(padding, 1);
  }
}
/**
 * Adds a border of zeros. `padding`: one number or (left, right, top, bottom).
 * @see torch.nn.ZeroPad2d
 * @example
 * new nn.ZeroPad2d(1).call(torch.randn(1, 4, 4, 4)).shape // [1, 4, 6, 6]
 */
export class ZeroPad2d extends ZeroPadNd {
  constructor(padding: Size) {
    checkArguments("ZeroPad2d(int|int[] padding)", padding);
    super(padding, 2);
  }
}
/**
 * Adds a border of zeros. `padding`: one number or (left, right, top, bottom, front, back).
 * @see torch.nn.ZeroPad3d
 * @example
 * new nn.ZeroPad3d(1).call(torch.randn(1, 4, 4, 4, 4)).shape // [1, 4, 6, 6, 6]
 */
export class ZeroPad3d extends ZeroPadNd {
  constructor(padding: Size) {
    checkArguments("ZeroPad3d(int|int[] padding)", padding);
    super(padding, 3);
  }
}

abstract class ReflectionPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, { mode: "reflect" });
  }
}
/**
 * Adds the elements before the ends, mirrored. `padding`: one number or (left, right).
 * @see torch.nn.ReflectionPad1d
 * @example
 * new nn.ReflectionPad1d(1).call(torch.randn(1, 4, 4)).shape // [1, 4, 6]
 */
export class ReflectionPad1d extends ReflectionPadNd {
  constructor(padding: Size) {
    checkArguments("ReflectionPad1d(int|int[] padding)", padding);
    super(padding, 1);
  }
}
/**
 * Adds a mirrored border. `padding`: one number or (left, right, top, bottom).
 * @see torch.nn.ReflectionPad2d
 * @example
 * new nn.ReflectionPad2d(1).call(torch.randn(1, 4, 4, 4)).shape // [1, 4, 6, 6]
 */
export class ReflectionPad2d extends ReflectionPadNd {
  constructor(padding: Size) {
    checkArguments("ReflectionPad2d(int|int[] padding)", padding);
    super(padding, 2);
  }
}
/**
 * Adds a mirrored border. `padding`: one number or (left, right, top, bottom, front, back).
 * @see torch.nn.ReflectionPad3d
 * @example
 * new nn.ReflectionPad3d(1).call(torch.randn(1, 4, 4, 4, 4)).shape // [1, 4, 6, 6, 6]
 */
export class ReflectionPad3d extends ReflectionPadNd {
  constructor(padding: Size) {
    checkArguments("ReflectionPad3d(int|int[] padding)", padding);
    super(padding, 3);
  }
}

abstract class ReplicationPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, { mode: "replicate" });
  }
}
/**
 * Repeats the end elements. `padding`: one number or (left, right).
 * @see torch.nn.ReplicationPad1d
 * @example
 * new nn.ReplicationPad1d(1).call(torch.randn(1, 4, 4)).shape // [1, 4, 6]
 */
export class ReplicationPad1d extends ReplicationPadNd {
  constructor(padding: Size) {
    checkArguments("ReplicationPad1d(int|int[] padding)", padding);
    super(padding, 1);
  }
}
/**
 * Repeats the elements of the edge. `padding`: one number or (left, right, top, bottom).
 * @see torch.nn.ReplicationPad2d
 * @example
 * new nn.ReplicationPad2d(1).call(torch.randn(1, 4, 4, 4)).shape // [1, 4, 6, 6]
 */
export class ReplicationPad2d extends ReplicationPadNd {
  constructor(padding: Size) {
    checkArguments("ReplicationPad2d(int|int[] padding)", padding);
    super(padding, 2);
  }
}
/**
 * Repeats the elements of the edge. `padding`: one number or (left, right, top, bottom, front, back).
 * @see torch.nn.ReplicationPad3d
 * @example
 * new nn.ReplicationPad3d(1).call(torch.randn(1, 4, 4, 4, 4)).shape // [1, 4, 6, 6, 6]
 */
export class ReplicationPad3d extends ReplicationPadNd {
  constructor(padding: Size) {
    checkArguments("ReplicationPad3d(int|int[] padding)", padding);
    super(padding, 3);
  }
}

abstract class CircularPadNd extends PadNd {
  override forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, { mode: "circular" });
  }
}
/**
 * Goes on at the other end. `padding`: one number or (left, right).
 * @see torch.nn.CircularPad1d
 * @example
 * new nn.CircularPad1d(1).call(torch.randn(1, 4, 4)).shape // [1, 4, 6]
 */
export class CircularPad1d extends CircularPadNd {
  constructor(padding: Size) {
    checkArguments("CircularPad1d(int|int[] padding)", padding);
    super(padding, 1);
  }
}
/**
 * Goes on at the opposite edge. `padding`: one number or (left, right, top, bottom).
 * @see torch.nn.CircularPad2d
 * @example
 * new nn.CircularPad2d(1).call(torch.randn(1, 4, 4, 4)).shape // [1, 4, 6, 6]
 */
export class CircularPad2d extends CircularPadNd {
  constructor(padding: Size) {
    checkArguments("CircularPad2d(int|int[] padding)", padding);
    super(padding, 2);
  }
}
/**
 * Goes on at the opposite face. `padding`: one number or (left, right, top, bottom, front, back).
 * @see torch.nn.CircularPad3d
 * @example
 * new nn.CircularPad3d(1).call(torch.randn(1, 4, 4, 4, 4)).shape // [1, 4, 6, 6, 6]
 */
export class CircularPad3d extends CircularPadNd {
  constructor(padding: Size) {
    checkArguments("CircularPad3d(int|int[] padding)", padding);
    super(padding, 3);
  }
}

keepClassNames({
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
});
