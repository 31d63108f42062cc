/**
 * A VGG, built by nesting modules, learns to tell shapes apart.
 */
import { natural, parseOptions, positive, targetOption } from "@typetorch/command-line";
import { Progress } from "./progress.ts";

const options = parseOptions("npm run example -- vgg", "A VGG made of nested modules learns to tell shapes apart.", {
  steps: { value: "N", default: "120", help: "training steps" },
  "batch-size": { value: "N", default: "48", help: "pictures per step" },
  lr: { value: "RATE", default: "0.05", help: "learning rate at the start" },
  seed: { value: "N", default: "1", help: "seed of pictures and weights" },
  target: targetOption,
});
const steps = positive("steps", options.steps);
const batchSize = positive("batch-size", options["batch-size"]);

const { default: torch, nn, optim } = await import("typetorch");
const { DataLoader } = await import("typetorch/utils/data");
const { KINDS, ShapeDataset } = await import("./vgg/shapes.ts");
const { Vgg } = await import("./vgg/model.ts");
const { functional: F } = nn;

torch.manualSeed(natural("seed", options.seed));
const model = new Vgg(KINDS.length);
console.log(String(model));
const parameters = [...model.parameters()].reduce((total, p) => total + p.numel(), 0);
console.log(`${parameters} parameters; ${steps} steps of ${batchSize} pictures of ${KINDS.join(", ")}`);

const optimizer = new optim.SGD(model.parameters(), {
  lr: positive("lr", options.lr, false),
  momentum: 0.9,
  nesterov: true,
  weightDecay: 5e-4,
});
const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, steps);
const loader = new DataLoader(new ShapeDataset(steps * batchSize), { batchSize, shuffle: true });
const progress = new Progress(steps);
let mean = 0;
let step = 0;
for (const [pictures, kinds] of loader) {
  step++;
  optimizer.zeroGrad();
  const loss = F.crossEntropy(model.call(pictures), kinds);
  loss.backward();
  optimizer.step();
  scheduler.step();
  mean = step === 1 ? loss.item() : 0.9 * mean + 0.1 * loss.item();
  progress.step(`step ${step}/${steps}`, mean, null);
  if (step % Math.max(1, Math.floor(steps / 6)) === 0) progress.line(`step ${step}/${steps}  loss ${mean.toFixed(4)}`);
}
progress.stop();

model.eval();
let right = 0;
const unseen = new ShapeDataset(480);
torch.noGrad(() => {
  for (const [pictures, kinds] of new DataLoader(unseen, { batchSize: 96 })) {
    right += model.call(pictures).argmax(1).eq(kinds).sum().item();
  }
});
console.log(`Test accuracy ${((right / unseen.length) * 100).toFixed(1)} % on ${unseen.length} new pictures.`);
