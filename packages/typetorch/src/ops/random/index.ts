export { Generator, defaultGenerator } from "../../core/random/generator.ts";
export { type BernoulliOptions, bernoulli } from "./bernoulli.ts";
export { type RandomOptions, rand, randLike, randint, randintLike, randn, randnLike, randperm } from "./factories.ts";
export { type GeneratorOption, getRngState, initialSeed, manualSeed, seed, setRngState } from "./generator.ts";
export { type MultinomialOptions, multinomial } from "./multinomial.ts";
export { normal } from "./normal.ts";
