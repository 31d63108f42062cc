/**
 * npm run fuzz -- [--count 20000] [--seed N] [FILE…]: loads mutations of the recorded checkpoints, or of the files given.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fuzz, subjectOf, validFiles } from "./fuzz.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: "string", default: "20000" }, seed: { type: "string", default: "1" } },
});
const recorded = fileURLToPath(new URL("../../../../../conformance/recorded/checkpoints", import.meta.url));
const files = positionals.length > 0 ? positionals : validFiles(recorded);
const outcome = fuzz(
  files.map((file) => subjectOf(readFileSync(file))),
  Number(values.count),
  Number(values.seed),
);
for (const failure of outcome.failures.slice(0, 10)) console.log(failure);
console.log(
  `${outcome.loaded} loaded, ${outcome.refused} refused, ${outcome.failures.length} failed; slowest ${outcome.slowest.toFixed(1)} ms (mutation ${outcome.slowestAt}), most memory ${outcome.mostMemory.toFixed(2)} x the file`,
);
process.exitCode = outcome.failures.length > 0 || outcome.slowest > 1000 || outcome.mostMemory > 4 ? 1 : 0;
