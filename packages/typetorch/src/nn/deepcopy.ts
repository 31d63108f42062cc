import { Tensor } from "../tensor/tensor.ts";
import { ModuleHooks } from "./hooks.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** An independent copy of a module: its own tensors, the same sharing between them. Functions are shared with the original. */
export function deepcopyModule<M extends object>(module: M): M {
  return copy(module, new Map()) as M;
}

function copy(value: unknown, copies: Map<unknown, unknown>): unknown {
  if (value === null || typeof value !== "object") return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  if (value instanceof Tensor) {
    const data = value.detach().clone();
    const out = value instanceof Parameter ? new Parameter(data, value.requiresGrad) : data;
    copies.set(value, out);
    if (value.isLeaf && value.requiresGrad && !(value instanceof Parameter)) out.requiresGrad_();
    if (value.ownGrad !== null) out.grad = value.ownGrad.detach().clone();
    return out;
  }
  if (Array.isArray(value)) {
    const out: unknown[] = [];
    copies.set(value, out);
    for (const item of value) out.push(copy(item, copies));
    return out;
  }
  if (value instanceof ModuleHooks) return value.copy();
  if (value instanceof Map) {
    const out = new Map<unknown, unknown>();
    copies.set(value, out);
    for (const [key, item] of value) out.set(key, copy(item, copies));
    return out;
  }
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (!(value instanceof Module) && prototype !== Object.prototype && prototype !== null) return value;
  const out = Object.create(prototype) as Record<PropertyKey, unknown>;
  copies.set(value, out);
  for (const key of Reflect.ownKeys(value)) out[key] = copy((value as Record<PropertyKey, unknown>)[key], copies);
  return out;
}
