/**
 * The second half of `npm run build`: writes the library as one file for script tags, and the text of its workers for bundlers.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { bundleCore, bundleWhole, bundleWorkers, compressedSize, shown, singleFile, workersFile } from "./library.ts";

const kilobytes = (text: string): string => `${Math.round(compressedSize(text) / 1000)} KB`;

const whole = await bundleWhole();
await mkdir(dirname(singleFile), { recursive: true });
await Promise.all([writeFile(singleFile, whole), writeFile(workersFile, await bundleWorkers())]);
console.log(`${shown(singleFile)}: ${kilobytes(whole)} compressed; tensors and autograd alone: ${kilobytes(await bundleCore())}`);
