/**
 * A character-level GPT learns to write like Moby Dick, and shows what it writes meanwhile.
 */
import { natural, parseOptions, positive, targetOption } from "@typetorch/command-line";
import { Progress } from "./progress.ts";
import { Alphabet, readData } from "./textData.ts";

const options = parseOptions("npm run example -- gpt", "A character-level GPT learns to write like Moby Dick.", {
  steps: { value: "N", default: "600", help: "training steps" },
  "batch-size": { value: "N", default: "24", help: "pieces of text per step" },
  context: { value: "N", default: "64", help: "characters it looks back on" },
  width: { value: "N", default: "96", help: "size of its vectors" },
  layers: { value: "N", default: "3", help: "transformer blocks" },
  heads: { value: "N", default: "4", help: "attention heads per block" },
  lr: { value: "RATE", default: "3e-3", help: "highest learning rate" },
  samples: { value: "N", default: "4", help: "how often it writes during training" },
  seed: { value: "N", default: "1", help: "seed of weights, batches and dropout" },
  target: targetOption,
});
const steps = positive("steps", options.steps);
const batchSize = positive("batch-size", options["batch-size"]);
const context = positive("context", options.context);

const { default: torch, nn, optim } = await import("typetorch");
const { Gpt } = await import("./gpt/model.ts");
const { functional: F } = nn;

torch.manualSeed(natural("seed", options.seed));
const text = await readData("moby-dick.txt");
const alphabet = new Alphabet(text);
const codes = torch.tensor(BigInt64Array.from(alphabet.encode(text), BigInt));
const trained = Math.floor(codes.numel() * 0.95);

/** Pieces of the text at random places between two positions, and the same pieces one character later. */
function batch(from: number, to: number) {
  const starts = torch.randint(from, to - context - 1, [batchSize]).toArray() as number[];
  const pieces = (offset: number) => torch.stack(starts.map((start) => codes.narrow(0, start + offset, context)));
  return [pieces(0), pieces(1)] as const;
}

const model = new Gpt({
  vocabulary: alphabet.size,
  context,
  width: positive("width", options.width),
  heads: positive("heads", options.heads),
  layers: positive("layers", options.layers),
  dropout: 0.1,
});
const lossOf = (from: number, to: number) => {
  const [x, y] = batch(from, to);
  return F.crossEntropy(model.call(x).view(-1, alphabet.size), y.view(-1));
};
const optimizer = new optim.AdamW(model.parameters(), {
  lr: positive("lr", options.lr, false),
  betas: [0.9, 0.99],
  weightDecay: 0.1,
});
const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, positive("lr", options.lr, false), {
  totalSteps: steps,
  pctStart: 0.1,
});

const parameters = [...model.parameters()].reduce((total, p) => total + p.numel(), 0);
console.log(`${text.length} characters, ${alphabet.size} different ones; ${parameters} parameters; ${steps} steps`);
const every = Math.max(1, Math.floor(steps / positive("samples", options.samples)));
const progress = new Progress(steps);
let mean = 0;
for (let step = 1; step <= steps; step++) {
  optimizer.zeroGrad();
  const loss = lossOf(0, trained);
  loss.backward();
  nn.utils.clipGradNorm_(model.parameters(), 1);
  optimizer.step();
  scheduler.step();
  mean = step === 1 ? loss.item() : 0.98 * mean + 0.02 * loss.item();
  progress.step(`step ${step}/${steps}`, mean, null);
  if (step % every === 0 || step === steps) {
    model.eval();
    const heldOut = torch.noGrad(() => lossOf(trained, codes.numel())).item();
    model.train();
    console.log(`\nstep ${step}: loss ${mean.toFixed(3)}, on unseen text ${heldOut.toFixed(3)}`);
    console.log(
      `  | ${alphabet
        .decode(model.write(alphabet.encode("\n"), 240))
        .trim()
        .replace(/\n+/g, "\n  | ")}`,
    );
  }
}
progress.stop();
