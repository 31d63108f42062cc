/**
 * Running the cases on a device: which ones do not apply there, and why. Every exception stands in this one table.
 */
import { type Case, type Entry, type Json, isObject } from "./format.ts";

interface Exception {
  readonly reason: string;
  /** Suites in which nothing depends on the device. */
  readonly suites?: readonly string[];
  readonly applies?: (suite: string, c: Case) => boolean;
}

const has = (value: unknown, test: (v: Json) => boolean): boolean => {
  if (value === undefined) return false;
  const v = value as Json;
  if (test(v)) return true;
  if (Array.isArray(v)) return v.some((item) => has(item, test));
  return isObject(v) && Object.values(v).some((item) => has(item, test));
};
const isDouble = (v: Json): boolean => isObject(v) && v.$dtype === "f64";

const EXCEPTIONS: Readonly<Record<string, readonly Exception[]>> = {
  webgpu: [
    {
      reason: "float64: WebGPU has none, and moving such a tensor there is refused, as PyTorch's MPS does",
      applies: (_suite, c) =>
        c.T.some((entry: Entry) => entry.d === "f64") || c.dtype === "f64" || has(c.kwargs, isDouble) || has(c.args, isDouble),
    },
    {
      reason: "generators, printing, learning rates and files do not depend on the device",
      suites: ["rng", "repr", "lr-schedulers", "checkpoints"],
    },
    { reason: "type promotion is decided before a device is", suites: ["type-promotion"] },
  ],
};

/** Whether a case has tensors among its arguments. */
export function takesTensors(c: Case): boolean {
  if (c.args === undefined) return true;
  const isTensor = (v: Json): boolean => isObject(v) && "$t" in v;
  return has(c.args, isTensor) || has(c.kwargs, isTensor);
}

export const deviceNames: readonly string[] = Object.keys(EXCEPTIONS);

/** Why a case is left out on the device; null when it is not. */
export function exceptionFor(device: string, suite: string, c: Case | null): string | null {
  for (const { reason, suites, applies } of EXCEPTIONS[device] ?? []) {
    if (suites?.includes(suite)) return reason;
    if (c !== null && applies?.(suite, c)) return reason;
  }
  return null;
}
