// Unit tests that do not hold when everything is on the device webgpu, in Node or in a page, with the reason of each. Recorded cases that do not apply to it stand in
// conformance/src/device.ts.
const float64 = "uses float64, which WebGPU does not have";
const printed = "looks at printed tensors, which name their device";

export const exceptions = {
  "a custom function has the derivative that it declares, also the second": float64,
  "gradcheck finds a wrong derivative": float64,
  "jacobian, hessian, vjp, jvp and hvp agree with each other": float64,
  "sorting is stable, NaN is the largest and both zeros are equal": float64,
  "long rows of every dtype agree with JavaScript's sort": float64,
  "float64 parameters have float64 state and a float32 step count": float64,
  "a Cholesky factor solves and inverts, from either triangle, with derivatives": float64,
  "converting keeps the parameter objects and leaves integers alone": float64,
  "recurrent layers are differentiable twice": float64,
  "a recurrent layer's gradients are those of its cells one after the other": float64,
  "NaN is not 0, both zeros are, in every floating dtype": float64,
  "second derivatives of weighted elements": float64,
  "resampling along any dimension, of strided and of empty tensors, and its gradient": float64,
  "group_norm, with and without weight and bias, of strided input, and its derivatives": float64,
  "gradients of pooling windows that lie side by side, overlap, or leave a rest": float64,
  "pdist is the upper triangle of cdist, and its derivatives": float64,
  "eigenvalues and eigenvectors of larger symmetric matrices": float64,
  "topk gives what sorting gives, in rows, columns, and either order": float64,
  "kthvalue and median give an element of that rank": float64,
  "searchsorted and isin find what a search one by one finds": float64,
  "max along a dimension is a pair with names": printed,
  "parameters and modules print themselves when they are logged": printed,
  "nn.init.truncNormal_(x, 0.5, 1.5, -1, 1) draws what PyTorch draws":
    "adds 0.5 to numbers near -0.5, which leaves fewer digits of erfinv's single precision than the test asks for",
};
