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
 */
export const conv1d = withKernels(conv(1));
/**
 * Convolution over two dimensions: x (N, C, H, W) or (C, H, W), weight (O, C/groups, KH, KW), bias (O). As `torch.nn.functional.conv2d`.
 * @example
 * torch.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)) // tensor([[[[4., 4.], [4., 4.]]]])
 */
export const conv2d = withKernels(conv(2));
/** Convolution over three dimensions. As `torch.nn.functional.conv3d`. */
export const conv3d = withKernels(conv(3));
/** The transpose of conv1d: x (N, C, L), weight (C, O/groups, K). As `torch.nn.functional.conv_transpose1d`. */
export const convTranspose1d = withKernels(convTranspose(1));
/** The transpose of conv2d. As `torch.nn.functional.conv_transpose2d`. */
export const convTranspose2d = withKernels(convTranspose(2));
/** The transpose of conv3d. As `torch.nn.functional.conv_transpose3d`. */
export const convTranspose3d = withKernels(convTranspose(3));
