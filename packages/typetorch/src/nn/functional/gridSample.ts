/**
 * Sampling an image at given places, and the places of an affine map.
 */
import { checkArguments } from "../../ops/arguments.ts";
import { int64 } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { pickWeighted } from "../../ops/nn/sample.ts";
import { linspace, ones, stack } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface GridSampleOptions {
  /** Default: `bilinear` (trilinear for volumes). */
  mode?: "bilinear" | "nearest" | "bicubic";
  /** What lies outside the image. Default: `zeros`. */
  paddingMode?: "zeros" | "border" | "reflection";
  /** -1 and 1 are the centres of the corner elements rather than their outer edges. Default: false. */
  alignCorners?: boolean | null;
}
type Rest = Trailing<
  [mode: "bilinear" | "nearest" | "bicubic", paddingMode: "zeros" | "border" | "reflection", alignCorners: boolean | null],
  GridSampleOptions
>;

/**
 * Elements of an image (N, C, H, W) at the places of a grid (N, H', W', 2) of (x, y) in [-1, 1] -> (N, C, H', W'); volumes likewise with (x, y, z).
 * @source Jaderberg et al. 2015, arXiv:1506.02025   @see torch.nn.functional.grid_sample
 * @example
 * F.gridSample(torch.ones(1, 2, 4, 4), torch.zeros(1, 3, 3, 2)).shape // [1, 2, 3, 3]
 */
export function gridSample(input: Tensor, grid: Tensor, ...rest: Rest): Tensor {
  checkArguments(
    "grid_sample(Tensor input, Tensor grid, ~mode, ~paddingMode, ~alignCorners, {str mode, str paddingMode, bool|None alignCorners})",
    input,
    grid,
    ...rest,
  );
  const options = trailing<GridSampleOptions>(rest, ["mode", "paddingMode", "alignCorners"]);
  const { mode = "bilinear", paddingMode = "zeros" } = options;
  const alignCorners = options.alignCorners ?? false;
  if (mode !== "bilinear" && mode !== "nearest" && mode !== "bicubic") {
    throw new ValueError(
      `nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '${String(mode)}'`,
    );
  }
  if (paddingMode !== "zeros" && paddingMode !== "border" && paddingMode !== "reflection") {
    throw new ValueError(
      `nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '${String(paddingMode)}'`,
    );
  }
  const rank = input.shape.length - 2;
  if ((rank !== 2 && rank !== 3) || grid.shape.length !== input.shape.length) {
    throw new ShapeError(
      `grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes ${formatShape(input.shape)} and grid with sizes ${formatShape(grid.shape)}`,
    );
  }
  if (grid.shape[rank + 1] !== rank) {
    throw new ShapeError(
      `grid_sampler(): expected grid to have size ${rank} in last dimension, but got grid with sizes ${formatShape(grid.shape)}`,
    );
  }
  if (input.shape[0] !== grid.shape[0]) {
    throw new ShapeError(
      `grid_sampler(): expected grid and input to have same batch size, but got input with sizes ${formatShape(input.shape)} and grid with sizes ${formatShape(grid.shape)}`,
    );
  }
  if (mode === "bicubic" && rank !== 2) throw new ValueError("grid_sampler(): bicubic interpolation only supports 4D input");
  const [batch, channels, ...sizes] = input.shape as [number, number, ...number[]];
  const outShape = grid.shape.slice(1, -1);
  // Coordinates by spatial dimension, in elements; the grid's last dimension runs the other way: x is the last.
  const coordinates = sizes.map((size, d) => {
    const raw = grid.select(-1, rank - 1 - d).reshape([batch, -1]); // (N, P)
    const position = alignCorners ? raw.add(1).mul((size - 1) / 2) : raw.add(1).mul(size).sub(1).mul(0.5);
    return mode === "bicubic" ? position : confined(position, size, paddingMode, alignCorners);
  });
  const flat = input.reshape([batch, channels, -1]);
  const indices: Tensor[] = [];
  const weights: Tensor[] = [];
  /** Counts in the elements at whole coordinates (N, P), times a weight. */
  const pick = (at: readonly Tensor[], weight: Tensor): void => {
    let inside: Tensor | null = null;
    let index: Tensor | null = null;
    at.forEach((c, d) => {
      const size = sizes[d]!;
      const place = mode === "bicubic" ? confined(c, size, paddingMode, alignCorners) : c;
      const within = place.ge(0).logicalAnd(place.le(size - 1));
      inside = inside === null ? within : (inside as Tensor).logicalAnd(within);
      const bounded = place
        .detach()
        .nanToNum(0)
        .clamp(0, size - 1)
        .round()
        .to(int64);
      index = index === null ? bounded : (index as Tensor).mul(size).add(bounded);
    });
    indices.push(index as unknown as Tensor);
    weights.push(weight.mul((inside as unknown as Tensor).to(input.dtype)));
  };
  if (mode === "nearest") {
    // A weight of 1 whose gradient is 0: the grid has a gradient of zeros.
    const [c] = coordinates as [Tensor, ...Tensor[]];
    const never = c.ne(c).logicalAnd(c.eq(c));
    pick(
      coordinates.map((x) => x.detach().round()),
      c.where(never, 1),
    );
  } else if (mode === "bilinear") {
    const low = coordinates.map((c) => c.detach().floor());
    const share = coordinates.map((c, d) => c.sub(low[d]!));
    for (let corner = 0; corner < 1 << rank; corner++) {
      let weight: Tensor | null = null;
      const at = low.map((l, d) => {
        const upper = (corner >> d) & 1;
        const factor = upper ? share[d]! : share[d]!.neg().add(1);
        weight = weight === null ? factor : (weight as Tensor).mul(factor);
        return upper ? l.add(1) : l;
      });
      pick(at, weight as unknown as Tensor);
    }
  } else {
    const low = coordinates.map((c) => c.detach().floor());
    const shares = coordinates.map((c, d) => cubicWeights(c.sub(low[d]!)));
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        pick([low[0]!.add(i - 1), low[1]!.add(j - 1)], shares[0]![i]!.mul(shares[1]![j]!));
      }
    }
  }
  return pickWeighted(flat, stack(weights, 1), stack(indices, 1)).view([batch, channels, ...outShape]);
}

/** Coordinates brought into the image as the padding says; `zeros` leaves them. */
function confined(position: Tensor, size: number, paddingMode: "zeros" | "border" | "reflection", alignCorners: boolean): Tensor {
  if (paddingMode === "zeros") return position;
  if (paddingMode === "border") return position.clamp(0, size - 1);
  const [low, span] = alignCorners ? [0, size - 1] : [-0.5, size];
  if (span === 0) return position.mul(0);
  const distance = position.sub(low).abs();
  const flips = distance.detach().div(span).floor();
  const extra = distance.sub(flips.mul(span));
  const even = flips.sub(flips.div(2).floor().mul(2)).eq(0);
  return extra
    .add(low)
    .where(even, extra.neg().add(span + low))
    .clamp(0, size - 1);
}

/** Weights of the four neighbours in cubic convolution with A = -0.75. */
function cubicWeights(t: Tensor): readonly Tensor[] {
  const a = -0.75;
  const near = (x: Tensor) =>
    x
      .mul(a + 2)
      .sub(a + 3)
      .mul(x)
      .mul(x)
      .add(1);
  const far = (x: Tensor) =>
    x
      .mul(a)
      .sub(5 * a)
      .mul(x)
      .add(8 * a)
      .mul(x)
      .sub(4 * a);
  const rest = t.neg().add(1);
  return [far(t.add(1)), near(t), near(rest), far(rest.add(1))];
}

/**
 * The grid of an affine map: theta (N, 2, 3) for images of size (N, C, H, W) -> (N, H, W, 2); (N, 3, 4) for volumes -> (N, D, H, W, 3).
 * @see torch.nn.functional.affine_grid
 * @example
 * F.affineGrid(torch.eye(2, 3).unsqueeze(0), [1, 1, 4, 4]).shape // [1, 4, 4, 2]
 */
export function affineGrid(
  theta: Tensor,
  size: readonly number[],
  ...rest: Trailing<[alignCorners: boolean | null], { alignCorners?: boolean | null }>
): Tensor {
  checkArguments("affine_grid(Tensor theta, float[] size, ~alignCorners, {bool|None alignCorners})", theta, size, ...rest);
  const { alignCorners = false } = trailing<{ alignCorners?: boolean | null }>(rest, ["alignCorners"]);
  const rank = size.length - 2;
  if (rank !== 2 && rank !== 3) {
    throw new ShapeError(
      `affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size ${formatShape(size)}.`,
    );
  }
  if (theta.shape.length !== 3 || theta.shape[1] !== rank || theta.shape[2] !== rank + 1) {
    throw new ShapeError(
      `Expected a batch of ${rank}D affine matrices of shape Nx${rank}x${rank + 1} for size ${formatShape(size)}. Got torch.Size(${formatShape(theta.shape)}).`,
    );
  }
  const spatial = size.slice(2);
  const axes = spatial.map((count, d) => {
    const line = linspace(-1, 1, count, { dtype: theta.dtype });
    const spread =
      alignCorners || count === 1 ? (count === 1 && !alignCorners ? line.mul(0) : line) : line.mul((count - 1) / count);
    return spread.reshape(spatial.map((_, k) => (k === d ? count : 1))).expand(spatial);
  });
  const one = ones(spatial, { dtype: theta.dtype });
  const base = stack([...axes.reverse(), one], -1).reshape([1, -1, rank + 1]); // (1, P, rank + 1), x first
  return base.matmul(theta.transpose(1, 2)).view([size[0]!, ...spatial, rank]);
}
