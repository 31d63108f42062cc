/**
 * The command `npm run browser`: runs tests in a dedicated worker each of a page in headless Chromium: the unit tests, those of them that are about ops and what is above them (`kernels`),
 * the recorded conformance cases. Without a name: unit and conformance. NAME=VALUE goes to the workers' environment:
 * TYPETORCH_TARGET=js. The last line counts; it fails when a suite ran no test.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseCommand, refuse } from "@typetorch/command-line";
import type { Page } from "playwright-core";
import { bundleTests } from "./bundle.ts";
import { launchChromium } from "./chromium.ts";
import { root } from "./root.ts";
import { type ServedFile, serve } from "./server.ts";
import type { Counts } from "./shims/test.ts";
import { reasonWithoutPage } from "./withoutPage.ts";

/** Milliseconds after which a suite has failed. */
const LIMIT = 180_000;

const tests = join(root, "packages/typetorch/dist/test");
const sources = join(root, "packages/typetorch/test");
const page = join(root, "browser/dist/src/page");

/** What every target must give alike. */
const KERNELS = ["ops/", "tensor/", "autograd/", "nn/", "optim/", "training/"];

/** The compiled test files that are wanted, whose source still exists, and that a page can run. */
function testFiles(wanted: (name: string) => boolean): string[] {
  return readdirSync(tests, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".test.js") && wanted(name) && existsSync(join(sources, name.replace(/\.js$/, ".ts"))))
    .sort()
    .filter((name) => {
      const reason = reasonWithoutPage(name, join(tests, name));
      if (reason !== null) console.log(`left out: ${name}: ${reason}`);
      return reason === null;
    })
    .map((name) => join(tests, name));
}

const start = join(page, "environment.js");
const end = join(page, "unit.js");

const suites: Record<string, () => string[]> = {
  unit: () => [start, ...testFiles(() => true), end],
  kernels: () => [start, ...testFiles((name) => KERNELS.some((folder) => name.startsWith(folder))), end],
  conformance: () => [join(page, "conformance.js")],
};

function runSuite(tab: Page, name: string, query: string): Promise<Counts> {
  return tab.evaluate<Counts, { url: string; limit: number }>(
    ({ url, limit }) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(url, { type: "module" });
        worker.onmessage = (event) => resolve(event.data as Counts);
        worker.onerror = (event) => reject(new Error(event.message || "the worker could not be loaded"));
        setTimeout(() => reject(new Error(`not finished after ${limit / 1000} s`)), limit);
      }),
    { url: `${name}.js?${query}`, limit: LIMIT },
  );
}

const { words } = parseCommand(
  "npm run browser -- [SUITE…] [NAME=VALUE…]",
  `Runs suites in headless Chromium: ${Object.keys(suites).join(", ")} (default: unit and conformance). NAME=VALUE goes to their environment.`,
  {},
);
const query = words.filter((word) => word.includes("=")).join("&");
const asked = words.filter((word) => !word.includes("="));
const names = asked.length > 0 ? asked : ["unit", "conformance"];
const files = new Map<string, ServedFile>();
files.set("/", { type: "text/html", body: "<!doctype html><meta charset=utf-8><title>TypeTorch tests</title>" });
for (const name of names) {
  const suite = suites[name];
  if (suite === undefined) refuse(`There is no suite ${name}; there are ${Object.keys(suites).join(", ")}.`);
  files.set(`/${name}.js`, { type: "text/javascript", body: await bundleTests(suite()) });
}

const server = await serve({ folders: [root], files });
const browser = await launchChromium();
try {
  const tab = await browser.newPage();
  tab.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) console.error(message.text());
  });
  await tab.goto(server.address);
  const results = await Promise.all(names.map((name) => runSuite(tab, name, query)));
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  results.forEach((counts, k) => {
    passed += counts.passed;
    failed += counts.failures.length;
    skipped += counts.skipped;
    for (const { name, reason } of counts.failures) console.log(`not ok ${name}\n    ${reason.replaceAll("\n", "\n    ")}`);
    if (counts.passed + counts.failures.length === 0) {
      failed++;
      console.log(`not ok ${names[k]}: no test ran`);
    }
  });
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  await browser.close();
  await server.close();
}
