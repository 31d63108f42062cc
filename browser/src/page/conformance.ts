/**
 * The worker that runs the recorded conformance cases.
 */
import "./environment.ts";
import { Api } from "@typetorch/conformance/api";
import { runAll } from "@typetorch/conformance/run";
import * as torch from "typetorch";
import type { Counts } from "../shims/test.ts";

// the checkpoints are files, of which a page has none
const counts: Counts = { passed: 0, skipped: 0, failures: [] };
for (const outcome of runAll(new Api(torch), "/conformance/recorded", { without: ["checkpoints"] })) {
  counts.passed += outcome.passed;
  for (const { id, reason } of outcome.failures) counts.failures.push({ name: `${outcome.suite}/${outcome.op} ${id}`, reason });
  if (outcome.missing > 0) {
    counts.failures.push({
      name: `${outcome.suite}/${outcome.op}`,
      reason: `${outcome.missing} missing: ${outcome.missingReason}`,
    });
  }
}
postMessage(counts);
