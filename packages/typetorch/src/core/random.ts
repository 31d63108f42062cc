/**
 * Random numbers: PyTorch 1.13's CPU streams. Fills write a typed array in order; where a tensor is not contiguous, that order is the order of its memory.
 */
export * from "./random/distributions.ts";
export * from "./random/generator.ts";
export * from "./random/integers.ts";
export * from "./random/multinomial.ts";
export * from "./random/normal.ts";
export * from "./random/uniform.ts";
