/**
 * The worker: everything that computes runs here, so that the page never waits. The query of its address chooses the target and the device.
 */
import "@typetorch/browser/environment";
import torch from "typetorch";
import type { Report, Request } from "../protocol.ts";
import { Trainer } from "./trainer.ts";

function report(message: Report): void {
  postMessage(message);
}

function failed(error: unknown): void {
  report({ type: "failed", message: error instanceof Error ? error.message : String(error) });
}

async function createTrainer(): Promise<Trainer> {
  const response = await fetch(new URL("digits.bin", location.href));
  if (!response.ok) throw new Error(`the digits could not be loaded: ${response.status} ${response.statusText}`);
  const device = new URLSearchParams(location.search).get("device") ?? "cpu";
  if (device === "webgpu") await torch.webgpu.init();
  const trainer = new Trainer(new Uint8Array(await response.arrayBuffer()), device, report);
  await trainer.ready(torch.backends.cpu.target);
  return trainer;
}

const created = createTrainer();
created.catch(failed);

/** The picture to look at next: while one is looked at only the latest of those that come is kept. */
let waiting: Uint8Array | null = null;
let looking = false;

async function look(trainer: Trainer, pixels: Uint8Array): Promise<void> {
  waiting = pixels;
  if (looking) return;
  looking = true;
  try {
    while (waiting !== null) {
      const next = waiting;
      waiting = null;
      await trainer.predict(next);
    }
  } finally {
    looking = false;
  }
}

async function answer(request: Request): Promise<void> {
  const trainer = await created;
  switch (request.type) {
    case "start":
      return trainer.start();
    case "pause":
      return trainer.pause();
    case "reset":
      return trainer.reset();
    case "configure":
      return trainer.configure(request.settings);
    case "predict":
      return look(trainer, request.pixels);
    case "save":
      return trainer.save();
    case "load":
      return trainer.load(request.bytes);
  }
}

addEventListener("message", (event: MessageEvent<Request>) => {
  answer(event.data).catch(failed);
});
