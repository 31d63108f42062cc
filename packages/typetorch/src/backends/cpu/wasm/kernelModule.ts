/**
 * What all modules of kernels have in common: they import the linear memory, and export a function `kernel` of one argument, the address of its block.
 */
import { type MemoryLimits, ModuleWriter } from "./module.ts";

/** A module with the memory imported. */
export function kernelModule(limits: MemoryLimits): ModuleWriter {
  const m = new ModuleWriter();
  m.importMemory("env", "memory", limits);
  return m;
}
