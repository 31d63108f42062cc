/**
 * The second half of `npm run build`: writes the library as one file for script tags.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { bundleCore, bundleWhole, compressedSize, shown, singleFile } from "./library.ts";

const kilobytes = (text: string): string => `${Math.round(compressedSize(text) / 1000)} KB`;

const whole = await bundleWhole();
await mkdir(dirname(singleFile), { recursive: true });
await writeFile(singleFile, whole);
console.log(`${shown(singleFile)}: ${kilobytes(whole)} compressed; tensors and autograd alone: ${kilobytes(await bundleCore())}`);
