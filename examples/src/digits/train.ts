/**
 * Trains the network on 9,000 digits, tests it on 1,000 others, draws two pictures and saves the weights.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import torch, { nn, optim } from "typetorch";
import { DataLoader, randomSplit } from "typetorch/utils/data";
import { savePng } from "../plot/png.ts";
import { Progress } from "../progress.ts";
import { DigitDataset, type Digits, readDigits } from "./data.ts";
import { DigitNet } from "./model.ts";
import { digitGrid, type ShownDigit, trainingCurve } from "./pictures.ts";

const { functional: F } = nn;

export interface TrainOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
  /** Folder of the pictures and the weights. */
  readonly out: string;
  /** Where the network is trained. Default: cpu. */
  readonly device?: string;
  /** Whether the device draws dropout's masks. Default: false, they are the CPU's on every device, so that runs on different devices follow each other. */
  readonly deviceRandom?: boolean;
  /** Digits to train on at most; the test set keeps its size. Default: all. */
  readonly samples?: number;
}

export interface TrainResult {
  readonly testAccuracy: number;
  readonly seconds: number;
  /** Of every training step. */
  readonly losses: readonly number[];
}

/** Always the same 1,000 digits are held out, whatever the seed of the run. */
const SPLIT_SEED = 20;
const HELD_OUT = 1000;

/** How much of a label is spread over all digits while training, which keeps the network from being too sure. */
const LABEL_SMOOTHING = 0.1;

function split(digits: Digits, samples: number): { train: DigitDataset; test: DigitDataset } {
  const everything = Array.from(digits.labels.keys());
  const [train, test] = randomSplit(everything, [everything.length - HELD_OUT, HELD_OUT], {
    generator: new torch.Generator().manualSeed(SPLIT_SEED),
  });
  return { train: new DigitDataset(digits, train!.indices.slice(0, samples), 2), test: new DigitDataset(digits, test!.indices) };
}

/** Prediction and confidence for every digit of a dataset. */
function predict(model: DigitNet, dataset: DigitDataset, device: torch.Device): ShownDigit[] {
  model.eval();
  const shown: ShownDigit[] = [];
  torch.noGrad(() => {
    for (const [images] of new DataLoader(dataset, { batchSize: 250 })) {
      const { values, indices } = F.softmax(model.call(images.to(device)), 1).max(1);
      const confidences = values.toArray() as number[];
      (indices.toArray() as number[]).forEach((prediction, i) => {
        const index = shown.length;
        shown.push({ pixels: dataset.picture(index), label: dataset.label(index), prediction, confidence: confidences[i]! });
      });
    }
  });
  model.train();
  return shown;
}

const share = (digits: readonly ShownDigit[]): number => digits.filter((d) => d.prediction === d.label).length / digits.length;

export async function train(options: TrainOptions): Promise<TrainResult> {
  const { epochs, batchSize, lr, seed, out, samples = Number.POSITIVE_INFINITY } = options;
  const device = torch.device(options.device ?? "cpu");
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;

  torch.webgpu.drawOnHost(!(options.deviceRandom ?? false));
  torch.manualSeed(seed);
  const { train, test } = split(await readDigits(), samples);
  const loader = new DataLoader(train, { batchSize, shuffle: true, dropLast: true });
  const model = new DigitNet().to(device); // its weights are drawn on the CPU, so they are the same everywhere
  const optimizer = new optim.Adam(model.parameters(), { lr });
  const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch: loader.length, pctStart: 0.2 });
  console.log(
    `${train.length} digits to train on, ${test.length} to test; ${epochs} epochs of ${loader.length} batches of ${batchSize}`,
  );

  const losses: number[] = [];
  const accuracies: number[] = [];
  let shown: ShownDigit[] = [];
  const progress = new Progress(epochs * loader.length);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let sum = 0;
    let steps = 0;
    for (const batch of loader) {
      const [images, labels] = [batch[0].to(device), batch[1].to(device)];
      optimizer.zeroGrad();
      const scores = model.call(images);
      F.crossEntropy(scores, labels, { labelSmoothing: LABEL_SMOOTHING }).backward();
      optimizer.step();
      scheduler.step();
      const value = torch.noGrad(() => F.crossEntropy(scores, labels)).item(); // as it is shown: of the labels themselves
      losses.push(value);
      sum += value;
      steps++;
      progress.step(`epoch ${epoch}/${epochs}`, sum / steps, accuracies[accuracies.length - 1] ?? null);
    }
    shown = predict(model, test, device);
    accuracies.push(share(shown));
    const accuracy = (accuracies[accuracies.length - 1]! * 100).toFixed(2);
    progress.line(
      `epoch ${epoch}/${epochs}  loss ${(sum / steps).toFixed(4)}  test accuracy ${accuracy} %  ${elapsed().toFixed(1)} s`,
    );
  }
  progress.stop();

  const testAccuracy = share(shown);
  const mistakes = shown.filter((digit) => digit.prediction !== digit.label).sort((a, b) => b.confidence - a.confidence);
  const summary = `${test.length} digits it never trained on: ${test.length - mistakes.length} right, ${mistakes.length} wrong (${(testAccuracy * 100).toFixed(2)} %)`;
  console.log(`Test accuracy ${(testAccuracy * 100).toFixed(2)} %: ${mistakes.length} mistakes in ${test.length} digits.`);
  const files = { curve: join(out, "training.png"), digits: join(out, "digits.png"), weights: join(out, "digits.safetensors") };
  await mkdir(out, { recursive: true });
  torch.saveSafetensors(model.stateDict(), files.weights, { metadata: { format: "pt" } });
  await Promise.all([
    savePng(trainingCurve({ losses, accuracies }), files.curve),
    digitGrid(shown.slice(0, 70), mistakes.slice(0, 42), summary).then((svg) => savePng(svg, files.digits)),
  ]);
  console.log(`Wrote ${Object.values(files).join(", ")}.`);
  return { testAccuracy, seconds: Number(elapsed().toFixed(2)), losses };
}
