/**
 * Trains the network step by step, and lets the worker answer in between.
 */
import torch, { nn, optim, type Tensor } from "typetorch";
import type { Report, Settings } from "../protocol.ts";
import { Digits, pictureTensor } from "./digits.ts";
import { DigitNet } from "./model.ts";

const { functional: F } = nn;

/** Digits held out to test with, the same ones always. */
const TEST_DIGITS = 1000;
/** How many of them are tested at a time, before the worker looks for messages. */
const TEST_CHUNK = 125;
/** Wrong predictions that are shown. */
const MISTAKES = 20;
/** Pixels by which training digits are moved, so that a drawn digit need not be in its place. */
const SHIFT = 2;
/** Digits trained on between two tests. */
const SEEN_BETWEEN_TESTS = 2560;
/** Milliseconds between two looks at the filters. */
const FILTER_TIME = 500;
/** Milliseconds over which the rate of images is measured. */
const RATE_TIME = 3000;

const channel = new MessageChannel();

/** A turn of the event loop: messages are handled. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    channel.port1.onmessage = () => resolve();
    channel.port2.postMessage(null);
  });
}

/** The elements in row-major order. */
async function values(tensor: Tensor): Promise<Float32Array> {
  return Float32Array.from((await tensor.detach().reshape([-1]).toArrayAsync()) as number[]);
}

export class Trainer {
  readonly #device: string;
  readonly #report: (report: Report) => void;
  readonly #train: Digits;
  readonly #test: Digits;
  #settings: Settings = { lr: 0.002, batchSize: 64 };
  #model!: DigitNet;
  #optimizer!: optim.Adam;
  #running = false;
  #step = 0;
  #seen = 0;
  #at = 0;
  #tested = 0;
  #filtersShown = 0;
  /** When recent steps ended, and how many images had been seen in this run by then. */
  #recent: { readonly time: number; readonly seen: number }[] = [];
  /** The training that is under way: it ends soon after `#running` is false. */
  #loop: Promise<void> = Promise.resolve();

  constructor(bytes: Uint8Array, device: string, report: (report: Report) => void) {
    this.#device = device;
    this.#report = report;
    const all = new Digits(bytes);
    all.shuffle(new torch.Generator().manualSeed(20));
    [this.#test, this.#train] = all.split(TEST_DIGITS);
    this.#build();
  }

  #build(): void {
    torch.manualSeed(Date.now() % 2 ** 32);
    this.#model = new DigitNet().to(this.#device);
    this.#newOptimizer();
  }

  #newOptimizer(): void {
    this.#optimizer = new optim.Adam(this.#model.parameters(), { lr: this.#settings.lr });
    this.#step = this.#seen = this.#at = this.#tested = 0;
    this.#recent = [];
  }

  /** What the page is told first. The samples are test digits, one of each kind. */
  async ready(target: string): Promise<void> {
    const tests = Array.from({ length: TEST_DIGITS }, (_, k) => this.#test.sample(k));
    this.#report({
      type: "ready",
      device: this.#device,
      target,
      threads: torch.getNumThreads(),
      parameters: [...this.#model.parameters()].reduce((sum, p) => sum + p.numel(), 0),
      samples: Array.from({ length: 10 }, (_, label) => tests.find((sample) => sample.label === label)!),
      trainingDigits: this.#train.length,
      testDigits: this.#test.length,
    });
    await this.#showFilters();
  }

  configure(settings: Settings): void {
    this.#settings = settings;
    for (const group of this.#optimizer.paramGroups) group.lr = settings.lr;
    this.#recent = [];
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#recent = [];
    this.#report({ type: "running", running: true });
    this.#loop = this.#run();
  }

  /** Resolves when the step under way has ended. */
  async pause(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }

  async reset(): Promise<void> {
    await this.pause();
    this.#build();
    this.#report({ type: "cleared" });
    await this.#showFilters();
  }

  async #run(): Promise<void> {
    try {
      while (this.#running) {
        await this.#trainStep();
        await turn();
        if (this.#running && this.#seen >= this.#tested + SEEN_BETWEEN_TESTS) await this.test();
      }
    } catch (error) {
      this.#running = false;
      this.#report({ type: "failed", message: error instanceof Error ? error.message : String(error) });
    }
    this.#report({ type: "running", running: false });
  }

  async #trainStep(): Promise<void> {
    const started = performance.now();
    const size = Math.min(this.#settings.batchSize, this.#train.length);
    if (this.#at + size > this.#train.length) this.#at = 0;
    if (this.#at === 0) this.#train.shuffle();
    const [images, labels] = this.#train.batch(this.#at, this.#at + size, SHIFT);
    this.#at += size;
    this.#optimizer.zeroGrad();
    const loss = F.crossEntropy(this.#model.call(images.to(this.#device)), labels.to(this.#device));
    loss.backward();
    this.#optimizer.step();
    const value = await loss.itemAsync();
    const ended = performance.now();
    this.#step++;
    this.#seen += size;
    this.#report({
      type: "step",
      step: this.#step,
      seen: this.#seen,
      loss: value,
      milliseconds: ended - started,
      imagesPerSecond: this.#rate(ended, size, ended - started),
    });
    if (ended > this.#filtersShown + FILTER_TIME) {
      this.#filtersShown = ended;
      await this.#showFilters();
    }
  }

  #rate(now: number, size: number, milliseconds: number): number {
    this.#recent.push({ time: now, seen: this.#seen });
    while (this.#recent.length > 2 && this.#recent[1]!.time < now - RATE_TIME) this.#recent.shift();
    const first = this.#recent[0]!;
    return first.time < now ? ((this.#seen - first.seen) / (now - first.time)) * 1000 : (size / milliseconds) * 1000;
  }

  async #showFilters(): Promise<void> {
    this.#report({ type: "filters", weights: await values(this.#model.conv1.weight) });
  }

  /** Tests the network with the digits that it is never trained on. */
  async test(): Promise<void> {
    const step = this.#step;
    this.#tested = this.#seen;
    const predictions: number[] = [];
    for (let start = 0; start < this.#test.length; start += TEST_CHUNK) {
      const [images] = this.#test.batch(start, Math.min(start + TEST_CHUNK, this.#test.length));
      const best = torch.noGrad(() => this.#model.call(images.to(this.#device)).argmax(1));
      predictions.push(...((await best.toArrayAsync()) as number[]));
      await turn();
    }
    const mistakes = predictions
      .map((prediction, k) => ({ ...this.#test.sample(k), prediction }))
      .filter(({ label, prediction }) => prediction !== label);
    const accuracy = 1 - mistakes.length / predictions.length;
    this.#report({ type: "tested", step, accuracy, mistakes: mistakes.slice(0, MISTAKES) });
  }

  /** What the network makes of a picture. */
  async predict(pixels: Uint8Array): Promise<void> {
    const [maps, chances] = torch.noGrad(() => {
      const maps = this.#model.firstMaps(pictureTensor(pixels).to(this.#device));
      return [maps, F.softmax(this.#model.rest(maps), 1)] as const;
    });
    this.#report({ type: "predicted", probabilities: await values(chances), maps: await values(maps) });
  }

  /** The weights as a .safetensors file. */
  save(): void {
    const weights = new Map([...this.#model.stateDict()].map(([name, tensor]) => [name, tensor.to("cpu")]));
    this.#report({ type: "saved", bytes: torch.saveSafetensors(weights, { metadata: { format: "pt" } }) });
  }

  /** Goes on with the weights of a .safetensors file; a file that does not fit changes nothing. */
  async load(bytes: Uint8Array): Promise<void> {
    const wasRunning = this.#running;
    await this.pause();
    try {
      this.#model.loadStateDict(torch.loadSafetensors(bytes));
      this.#newOptimizer();
      this.#report({ type: "loaded" });
      await this.#showFilters();
      await this.test();
    } finally {
      if (wasRunning) this.start();
    }
  }
}
