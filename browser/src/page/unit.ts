/**
 * The end of the worker that runs unit tests: their files come before it.
 */
import { runTests } from "../shims/test.ts";

postMessage(await runTests());
