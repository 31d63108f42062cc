/**
 * The webgpu device in pages: in the page's own thread, where only the asynchronous ways of reading are there, and in a worker, where reading waits.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launchChromium } from "../src/chromium.ts";
import { bundleWhole } from "../src/library.ts";
import { serve } from "../src/server.ts";

let whole = "";
let browser: Browser;

before(async () => {
  whole = await bundleWhole();
  browser = await launchChromium();
});
after(() => browser.close());

/** Runs a module in a page, or in a worker of it, and gives the value of its `result`. */
async function resultOf(script: string, where: "page" | "worker", isolated = true): Promise<Record<string, unknown>> {
  const program = `import torch from "./typetorch.js";\n${script}`;
  const report = "(value) => postMessage(value)";
  const files = new Map([
    ["/", { type: "text/html", body: '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>' }],
    ["/typetorch.js", { type: "text/javascript", body: whole }],
    [
      "/page.js",
      {
        type: "text/javascript",
        body:
          where === "page"
            ? `${program}\nglobalThis.result = result;`
            : 'new Worker("worker.js", { type: "module" }).onmessage = ({ data }) => { globalThis.result = data; };',
      },
    ],
    [
      "/worker.js",
      {
        type: "text/javascript",
        body: `try {\n${program.replace(/^import.*$/m, 'const torch = (await import("./typetorch.js")).default;')}\n(${report})(result); } catch (error) { (${report})({ error: String(error) }); }`,
      },
    ],
  ]);
  const server = await serve({ isolated, files });
  const page = await browser.newPage();
  try {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(server.address);
    await page.waitForFunction("globalThis.result !== undefined", undefined, { timeout: 60_000 }).catch((error: Error) => {
      throw new Error(errors.length > 0 ? errors.join("\n") : error.message);
    });
    const result = (await page.evaluate("globalThis.result")) as Record<string, unknown>;
    if (typeof result.error === "string") throw new Error(result.error);
    return result;
  } finally {
    await page.close();
    await server.close();
  }
}

const train = `
await torch.webgpu.init();
torch.manualSeed(0);
const model = new torch.nn.Sequential(new torch.nn.Linear(4, 16), new torch.nn.Tanh(), new torch.nn.Linear(16, 2)).to("webgpu");
const optimizer = new torch.optim.Adam(model.parameters(), { lr: 0.01 });
const inputs = torch.randn(64, 4);
const x = inputs.to("webgpu");
const y = inputs.sum(1).gt(0).to(torch.int64).to("webgpu");
const before = torch.webgpu.counters().readBacks;
const losses = [];
for (let step = 0; step < 30; step++) {
  optimizer.zeroGrad();
  const loss = torch.nn.functional.crossEntropy(model.call(x), y);
  loss.backward();
  optimizer.step();
  losses.push(loss);
}
`;

test("in a page's own thread: trains without reading back, item() names itemAsync(), which reads", async () => {
  for (const isolated of [true, false]) {
    const result = await resultOf(
      `${train}
let refused = "";
try { losses[0].item(); } catch (error) { refused = String(error); }
const readBacks = torch.webgpu.counters().readBacks - before;
const first = await losses[0].itemAsync();
const last = await losses.at(-1).itemAsync();
const rows = await y.toArrayAsync();
const text = await x.narrow(0, 0, 1).sum().mul(0).toStringAsync();
await torch.webgpu.synchronizeAsync();
const result = { refused, first, last, rows: rows.length, text, readBacks };`,
      "page",
      isolated,
    );
    assert.match(result.refused as string, /DeviceError.*itemAsync\(\)/s);
    assert.equal(result.readBacks, 0);
    assert.ok((result.first as number) > 0.5 && (result.last as number) < (result.first as number) - 0.1, JSON.stringify(result));
    assert.equal(result.rows, 64);
    assert.match(result.text as string, /tensor\(-?0\., device='webgpu:0'/);
  }
});

test("in a worker of an isolated page reading waits for the device", async () => {
  const result = await resultOf(
    `${train}
const first = losses[0].item();
const last = losses.at(-1).item();
const ahead = await losses[0].itemAsync();
torch.webgpu.synchronize();
const result = { first, last, ahead, available: torch.webgpu.isAvailable() };`,
    "worker",
  );
  assert.equal(result.ahead, result.first);
  assert.equal(result.available, true);
  assert.ok((result.first as number) > 0.5 && (result.last as number) < (result.first as number) - 0.1, JSON.stringify(result));
});

test("before init() the device is refused, and the message names init()", async () => {
  const result = await resultOf(
    `let refused = "";
try { torch.zeros(2, { device: "webgpu" }); } catch (error) { refused = String(error); }
const result = { refused, available: torch.webgpu.isAvailable() };`,
    "page",
  );
  assert.match(result.refused as string, /await torch\.webgpu\.init\(\)/);
  assert.equal(result.available, false);
});
