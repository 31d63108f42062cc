/**
 * The functions that convolve. They are declared here, above the backend, because they bring its convolutions along: a program that calls none of them is bundled
 * without.
 */
import { bringConvolutions } from "../backends/cpu/index.ts";
import { convBackwardInput, convBackwardWeight, convForward } from "../backends/cpu/convolution.ts";
import { conv, convTranspose } from "../ops/nn/conv.ts";

export type { ConvOptions, ConvTransposeOptions } from "../ops/nn/conv.ts";

/**
 * The function, which may now be called.
 * @__NO_SIDE_EFFECTS__
 */
function withKernels<F>(convolution: F): F {
  bringConvolutions({ convForward, convBackwardInput, convBackwardWeight });
  return convolution;
}

/**
 * Convolution over one dimension: x (N, C, L), weight (O, C/groups, K), bias (O); result (N, O, Lout). As `torch.nn.functional.conv1d`.
 * @example
 * torch.conv1d(torch.tensor([[[1, 2, 3]]]), torch.tensor([[[1, 1]]])) // tensor([[[3., 5.]]])
 */
export const conv1d = withKernels(conv(1));
/**
 * Convolution over two dimensions: x (N, C, H, W) or (C, H, W), weight (O, C/groups, KH, KW), bias (O). As `torch.nn.functional.conv2d`.
 * @example
 * torch.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)) // tensor([[[[4., 4.], [4., 4.]]]])
 */
export const conv2d = withKernels(conv(2));
/**
 * Convolution over three dimensions. As `torch.nn.functional.conv3d`.
 * @example
 * torch.conv3d(torch.ones(1, 2, 5, 5, 5), torch.ones(3, 2, 3, 3, 3)).shape // [1, 3, 3, 3, 3]
 */
export const conv3d = withKernels(conv(3));
/**
 * The transpose of conv1d: x (N, C, L), weight (C, O/groups, K). As `torch.nn.functional.conv_transpose1d`.
 * @example
 * torch.convTranspose1d(torch.ones(1, 2, 4), torch.ones(2, 3, 3)).shape // [1, 3, 6]
 */
export const convTranspose1d = withKernels(convTranspose(1));
/**
 * The transpose of conv2d. As `torch.nn.functional.conv_transpose2d`.
 * @example
 * torch.convTranspose2d(torch.ones(1, 2, 4, 4), torch.ones(2, 3, 3, 3)).shape // [1, 3, 6, 6]
 */
export const convTranspose2d = withKernels(convTranspose(2));
/**
 * The transpose of conv3d. As `torch.nn.functional.conv_transpose3d`.
 * @example
 * torch.convTranspose3d(torch.ones(1, 2, 4, 4, 4), torch.ones(2, 3, 3, 3, 3)).shape // [1, 3, 6, 6, 6]
 */
export const convTranspose3d = withKernels(convTranspose(3));
