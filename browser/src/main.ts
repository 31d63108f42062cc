/**
 * The command `npm run browser`: runs tests in a dedicated worker each of a page in headless Chromium: the unit tests, those of them that are about ops and what
 * is above them (`kernels`), the recorded conformance cases. Without a name: unit and conformance. NAME=VALUE goes to the workers' environment:
 * TYPETORCH_TARGET=js. DEVICE=webgpu makes the tensors of kernels and conformance on that device; exceptions stand in scripts/webgpu/exceptions.mjs. The last line
 * counts; it fails when a suite ran no test.
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

/** Milliseconds that one test may take, also on a machine that does much else. */
const LIMIT = 240_000;

const tests = join(root, "packages/typetorch/dist/test");
const sources = join(root, "packages/typetorch/test");
const page = join(root, "browser/dist/src/page");

/** What every target and device must give alike. */
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

const unit = (folders: readonly string[]): string[] => [
  join(page, "environment.js"),
  join(page, "defaultDevice.js"),
  ...testFiles((name) => folders.some((folder) => name.startsWith(folder))),
  join(page, "unit.js"),
];

const suites: Record<string, () => string[]> = {
  unit: () => unit([""]),
  kernels: () => unit(KERNELS),
  conformance: () => [join(page, "conformance.js")],
};

function runSuite(tab: Page, name: string, query: string): Promise<Counts> {
  return tab.evaluate<Counts, { url: string; limit: number }>(
    ({ url, limit }) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(url, { type: "module" });
        let test = "the first test";
        let timer: ReturnType<typeof setTimeout> | undefined;
        const watch = (): void => {
          clearTimeout(timer);
          timer = setTimeout(() => reject(new Error(`not finished after ${limit / 1000} s: ${test}`)), limit);
        };
        watch();
        worker.onmessage = ({ data }: MessageEvent<Counts | { begun: string }>) => {
          if ("begun" in data) {
            test = data.begun;
            watch();
          } else {
            clearTimeout(timer);
            resolve(data);
          }
        };
        worker.onerror = (event) => reject(new Error(event.message || "the worker could not be loaded"));
      }),
    { url: `${name}.js?${query}`, limit: LIMIT },
  );
}

/** Tests that do not hold on the device are no failures; one that holds after all is, as is one that there is not: then the table is out of date. */
async function withoutExceptions(counts: Counts): Promise<Counts> {
  const table: string = "../../../scripts/webgpu/exceptions.mjs";
  const { exceptions } = (await import(table)) as { exceptions: Readonly<Record<string, string>> };
  const failures = counts.failures.filter(({ name }) => !Object.hasOwn(exceptions, name));
  for (const name of Object.keys(exceptions)) {
    if (counts.held.includes(name)) failures.push({ name, reason: "holds, but is in the table of exceptions" });
    else if (!counts.failures.some((failure) => failure.name === name))
      failures.push({ name, reason: "is in the table of exceptions, but there is no such test" });
  }
  return { ...counts, failures, notes: [...counts.notes, `${Object.keys(exceptions).length} exceptions`] };
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
  const onDevice = words.some((word) => word.startsWith("DEVICE="));
  const results = await Promise.all(
    names.map(async (name) => {
      const counts = await runSuite(tab, name, query);
      return onDevice && name !== "conformance" ? withoutExceptions(counts) : counts;
    }),
  );
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  results.forEach((counts, k) => {
    passed += counts.passed;
    failed += counts.failures.length;
    skipped += counts.skipped;
    for (const note of counts.notes) console.log(note);
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
