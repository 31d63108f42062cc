/**
 * The worker that runs the recorded conformance cases.
 */
import "./environment.ts";
import { Api } from "@typetorch/conformance/api";
import { leftOutBy, runAll } from "@typetorch/conformance/run";
import * as torch from "typetorch";
import { noCounts } from "../shims/test.ts";
import { device } from "./device.ts";

const counts = noCounts();
const outcomes = runAll(new Api(torch, device), "/conformance/recorded", {
  without: ["checkpoints"], // they are files, of which a page has none
  begin: (id) => postMessage({ begun: id }),
});
for (const outcome of outcomes) {
  counts.passed += outcome.passed;
  for (const { id, reason } of outcome.failures) counts.failures.push({ name: `${outcome.suite}/${outcome.op} ${id}`, reason });
  if (outcome.missing > 0) {
    counts.failures.push({
      name: `${outcome.suite}/${outcome.op}`,
      reason: `${outcome.missing} missing: ${outcome.missingReason}`,
    });
  }
}
for (const [reason, count] of leftOutBy(outcomes)) counts.notes.push(`${count} left out on ${device}: ${reason}`);
postMessage(counts);
