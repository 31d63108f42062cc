/**
 * An LSTM reads first names letter by letter and says whether they are women's or men's.
 */
import { natural, parseOptions, positive, targetOption } from "@typetorch/command-line";
import { Progress } from "./progress.ts";
import { Alphabet, readData } from "./textData.ts";

const options = parseOptions("npm run example -- names", "An LSTM tells women's first names from men's.", {
  epochs: { value: "N", default: "8", help: "times to go through the names" },
  "batch-size": { value: "N", default: "64", help: "names per step" },
  hidden: { value: "N", default: "64", help: "size of the LSTM's state" },
  lr: { value: "RATE", default: "5e-3", help: "learning rate at the start" },
  samples: { value: "N", help: "names to use at most" },
  seed: { value: "N", default: "1", help: "seed of weights and order" },
  target: targetOption,
});
const epochs = positive("epochs", options.epochs);

const { default: torch, nn, optim } = await import("typetorch");
const { DataLoader, randomSplit, TensorDataset } = await import("typetorch/utils/data");
type Tensor = import("typetorch").Tensor;
const { functional: F } = nn;

/** Names that both may have are left out: nothing in them tells. */
async function readNames(): Promise<[name: string, male: number][]> {
  const [female, male] = await Promise.all(
    ["names-female.txt", "names-male.txt"].map(async (file) => (await readData(file)).trim().toLowerCase().split("\n")),
  );
  const both = new Set(female!.filter((name) => male!.includes(name)));
  const only = (list: string[], label: number) =>
    list.filter((name) => !both.has(name)).map((name): [string, number] => [name, label]);
  return [...only(female!, 0), ...only(male!, 1)];
}

/** The last state of an LSTM over the letters decides. */
class NameReader extends nn.Module {
  readonly letters: InstanceType<typeof nn.Embedding>;
  readonly lstm: InstanceType<typeof nn.LSTM>;
  readonly decision: InstanceType<typeof nn.Linear>;
  constructor(alphabet: number, hidden: number) {
    super();
    this.letters = new nn.Embedding(alphabet, 16, { paddingIdx: 0 });
    this.lstm = new nn.LSTM(16, hidden, { batchFirst: true });
    this.decision = new nn.Linear(hidden, 1);
  }
  override forward(names: Tensor): Tensor {
    const [states] = this.lstm.call(this.letters.call(names)); // (N, T, hidden)
    return this.decision.call(states.select(1, -1)).squeeze(1); // (N)
  }
}

torch.manualSeed(natural("seed", options.seed));
const names = await readNames();
const alphabet = new Alphabet(` ${names.map(([name]) => name).join("")}`);
const longest = Math.max(...names.map(([name]) => name.length));
// Blanks come first, so that the last letter is always at the end.
const encode = (list: readonly string[]) =>
  torch.tensor(
    list.map((name) => alphabet.encode(name.padStart(longest))),
    { dtype: torch.int64 },
  );
const everything = new TensorDataset(encode(names.map(([name]) => name)), torch.tensor(names.map(([, male]) => male)));
const [all, test] = randomSplit(everything, [0.9, 0.1]);
const { Subset } = await import("typetorch/utils/data");
const train =
  options.samples === ""
    ? all!
    : new Subset(
        all!,
        Array.from({ length: positive("samples", options.samples) }, (_, i) => i),
      );

const loader = new DataLoader(train, { batchSize: positive("batch-size", options["batch-size"]), shuffle: true });
const model = new NameReader(alphabet.size, positive("hidden", options.hidden));
const optimizer = new optim.Adam(model.parameters(), { lr: positive("lr", options.lr, false) });
const scheduler = new optim.lrScheduler.ExponentialLR(optimizer, 0.8);
const accuracy = () => {
  model.eval();
  let right = 0;
  torch.noGrad(() => {
    for (const [x, male] of new DataLoader(test!, { batchSize: 256 })) {
      right += model.call(x!).gt(0).eq(male!.gt(0.5)).sum().item();
    }
  });
  model.train();
  return right / test!.length;
};

console.log(`${train.length} names to train on, ${test!.length} to test; ${alphabet.size - 1} letters`);
const progress = new Progress(epochs * loader.length);
let tested: number | null = null;
for (let epoch = 1; epoch <= epochs; epoch++) {
  let sum = 0;
  let steps = 0;
  for (const [x, male] of loader) {
    optimizer.zeroGrad();
    const loss = F.binaryCrossEntropyWithLogits(model.call(x!), male!);
    loss.backward();
    optimizer.step();
    sum += loss.item();
    progress.step(`epoch ${epoch}/${epochs}`, sum / ++steps, tested);
  }
  scheduler.step();
  tested = accuracy();
  progress.line(`epoch ${epoch}/${epochs}  loss ${(sum / steps).toFixed(4)}  test accuracy ${(tested * 100).toFixed(1)} %`);
}
progress.stop();

const asked = ["ada", "grace", "alan", "edsger", "barbara", "linus", "margaret", "dennis"];
model.eval();
const chances = torch.noGrad(() => torch.sigmoid(model.call(encode(asked)))).toArray() as number[];
console.log(`Test accuracy ${(tested! * 100).toFixed(1)} %. What it thinks of names:`);
asked.forEach((name, i) => {
  const chance = chances[i]!;
  console.log(`  ${name.padEnd(10)}${chance > 0.5 ? "man" : "woman"} (${(Math.max(chance, 1 - chance) * 100).toFixed(0)} %)`);
});
