/**
 * The generator behind the random functions.
 */
import { checkArguments } from "../arguments.ts";
import { uint8 } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import { type Generator, defaultGenerator } from "../../core/random/generator.ts";
import { cpu } from "../../core/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";

export interface GeneratorOption {
  /** The source of the numbers. Default: the one that `torch.manualSeed` seeds. */
  generator?: Generator | null;
}

/** The generator of a call. */
export function generatorOf(options: GeneratorOption | undefined): Generator {
  return options?.generator ?? defaultGenerator;
}

/**
 * Seeds the default generator and returns it, as `torch.manual_seed`: the numbers that follow are those of PyTorch on the CPU.
 * @example
 * torch.manualSeed(0);
 * torch.rand(3) // tensor([0.4963, 0.7682, 0.0885])
 */
export function manualSeed(seed: number | bigint): Generator {
  return defaultGenerator.manualSeed(seed);
}
/** Seeds the default generator from the system and returns the seed, as `torch.seed`. */
export function seed(): number {
  return defaultGenerator.seed();
}
/**
 * The seed of the default generator, as `torch.initial_seed`.
 * @example
 * torch.manualSeed(7);
 * torch.initialSeed() // 7
 */
export function initialSeed(): number | bigint {
  return defaultGenerator.initialSeed();
}
/**
 * The state of the default generator as a uint8 tensor, as `torch.get_rng_state`.
 * @example
 * torch.manualSeed(7);
 * const state = torch.getRngState();
 * const before = torch.rand(2);
 * torch.setRngState(state);
 * torch.equal(torch.rand(2), before) // true
 */
export function getRngState(): Tensor {
  const bytes = defaultGenerator.getState();
  const state = runtime.on(cpu, () => runtime.empty([bytes.length], uint8));
  state.data.set(bytes as never);
  return state;
}
/**
 * Sets the state of the default generator, as `torch.set_rng_state`. Throws for bytes that are no state.
 * @example
 * const state = torch.getRngState();
 * const before = torch.rand(2);
 * torch.setRngState(state);
 * torch.equal(torch.rand(2), before) // true
 */
export function setRngState(state: Tensor): void {
  checkArguments("set_rng_state(Tensor state)", state);
  if (state.dtype !== uint8) throw new DTypeError(`RNG state must be a torch.ByteTensor, but got ${state.dtype}`);
  defaultGenerator.setState(Uint8Array.from(state.data as Uint8Array));
}
