// Unit tests that do not hold when everything is on the device webgpu, with the reason of each.
const float64 = "uses float64, which WebGPU does not have";

export const exceptions = {
  "a custom function has the derivative that it declares, also the second": float64,
  "gradcheck finds a wrong derivative": float64,
  "jacobian, hessian, vjp, jvp and hvp agree with each other": float64,
  "sorting is stable, NaN is the largest and both zeros are equal": float64,
  "long rows of every dtype agree with JavaScript's sort": float64,
  "float64 parameters have float64 state and a float32 step count": float64,
  "a Cholesky factor solves and inverts, from either triangle, with derivatives": float64,
  "max along a dimension is a pair with names": "looks at printed tensors, which name their device",
};
