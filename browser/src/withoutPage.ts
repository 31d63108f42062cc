/**
 * Tests that a page cannot run, each with the reason.
 */
import { readFileSync } from "node:fs";

/** Modules of Node that have no stand-in in `shims/`: a test file that imports one is about Node. */
const modules: Readonly<Record<string, string>> = {
  "node:child_process": "a page starts no processes",
  "node:http": "a page is no server",
  "node:net": "a page is no server",
  "node:os": "a page has no files to write",
  "node:v8": "a page cannot ask for a collection",
  "node:worker_threads": "a page has workers of another kind",
  "node:zlib": "a page has no zlib to compare with",
};

/** Files and folders below the tests of the library. */
const places: Readonly<Record<string, string>> = {
  "backends/reclaim.test.js": "a page does not tell how much memory it uses",
  "wasm/reclaim.test.js": "a page cannot ask for a collection",
  "wasm/team.test.js": "in a page workers start only between two turns of the event loop, for which these tests do not wait",
  "webgpu/": "they are about the device in Node; in pages it has tests of its own",
  "x64/": "a page has no machine code",
};

/** Why a page cannot run a compiled test file, or null when it can. */
export function reasonWithoutPage(name: string, path: string): string | null {
  for (const [place, reason] of Object.entries(places))
    if (name === place || (place.endsWith("/") && name.startsWith(place))) return reason;
  const text = readFileSync(path, "utf8");
  for (const [module, reason] of Object.entries(modules)) if (text.includes(`from "${module}"`)) return `${reason} (${module})`;
  return null;
}
