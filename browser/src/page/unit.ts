/**
 * The end of the worker that runs unit tests: their files come before it.
 */
import { runTests } from "../shims/test.ts";
import { openDevice } from "./device.ts";

const counts = await runTests(async (name) => {
  postMessage({ begun: name });
  await openDevice(); // again, when a test lost it
});
postMessage(counts);
