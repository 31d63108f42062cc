/**
 * The second half of `npm run build`: writes the library as one file for script tags, and the text of its workers for bundlers, and tells how large bundles are.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { bundleWhole, bundleWorkers, measurePrograms, shown, singleFile, workersFile } from "./library.ts";

const whole = await bundleWhole();
await mkdir(dirname(singleFile), { recursive: true });
await Promise.all([writeFile(singleFile, whole), writeFile(workersFile, await bundleWorkers())]);

const kilobytes = (bytes: number): string => `${Math.round(bytes / 1000)} KB`.padStart(9);
console.log(`${shown(singleFile)} is written. Bundles:`);
console.log(` minified     gzip   brotli`);
for (const [name, { minified, gzip, brotli }] of await measurePrograms()) {
  console.log(`${kilobytes(minified)}${kilobytes(gzip)}${kilobytes(brotli)}  ${name}`);
}
