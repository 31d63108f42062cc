/**
 * Other libraries that train networks in JavaScript, at the same work. They are read from a folder where the user has installed them; nothing here depends on them.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Timing } from "../workload.ts";

export interface Peer {
  readonly name: string;
  /** What `npm install` needs, with versions. */
  readonly packages: readonly string[];
  /** Loads it from the folder; gives its workloads by name. Each makes its inputs and gives the function that is timed. */
  open(folder: string): Promise<Readonly<Record<string, () => Promise<() => unknown>>>>;
}

/** The module of a package installed in a folder. */
export async function load<T>(folder: string, name: string): Promise<T> {
  return (await import(pathToFileURL(resolve(folder, name)).href)) as T;
}

export function resolve(folder: string, name: string): string {
  return createRequire(join(folder, "package.json")).resolve(name);
}

/** As `time` in workload.ts, for functions that may be asynchronous. */
export async function timePeer(name: string, setup: () => Promise<() => unknown>, seconds: number): Promise<Timing> {
  const run = await setup();
  for (let k = 0; k < 3; k++) await run();
  const samples: number[] = [];
  const start = performance.now();
  for (;;) {
    const elapsed = performance.now() - start;
    if (elapsed >= seconds * 1000 && (samples.length >= 5 || elapsed >= seconds * 10_000)) break;
    const t = performance.now();
    await run();
    samples.push(performance.now() - t);
  }
  samples.sort((a, b) => a - b);
  return { name, ms: samples[samples.length >> 1]!, min: samples[0]!, samples: samples.length };
}
