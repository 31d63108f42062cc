/**
 * The torch namespace: re-exports only.
 */
export * from "./core.ts";
export * as fft from "./fft.ts";
export * as linalg from "./linalg.ts";
export * as masked from "./masked.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export * from "./tensor/index.ts";
export * as webgpu from "./webgpu.ts";
export * as utils from "./utils.ts";
