/**
 * Tensors and all functions of the torch namespace that work on them.
 */
import "../ops/index.ts";

export * from "./core.ts";
export * from "../ops/index.ts";
