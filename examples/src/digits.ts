/**
 * The first example: a convolutional network learns to read handwritten digits. `npm start -- --help`.
 */
import { deviceOption, natural, parseOptions, positive, targetOption } from "@typetorch/command-line";

const options = parseOptions(
  "npm start --",
  "Trains a convolutional network on handwritten digits, tests it, and draws what it learnt.",
  {
    epochs: { value: "N", default: "8", help: "times to go through the training digits" },
    "batch-size": { value: "N", default: "64", help: "digits per step" },
    lr: { value: "RATE", default: "3e-3", help: "highest learning rate of the one-cycle schedule" },
    seed: { value: "N", default: "1", help: "seed of weights, order, shifts and dropout" },
    samples: { value: "N", help: "digits to train on at most" },
    out: { value: "DIR", default: "out", help: "folder of the pictures and the weights" },
    json: { help: "end with a line of JSON: testAccuracy, seconds and the losses" },
    "device-random": { help: "draw dropout's masks on the device itself, whose numbers differ from the CPU's" },
    target: targetOption,
    device: deviceOption,
  },
);
const settings = {
  epochs: positive("epochs", options.epochs),
  batchSize: positive("batch-size", options["batch-size"]),
  lr: positive("lr", options.lr, false),
  seed: natural("seed", options.seed),
  out: options.out,
  device: options.device,
  deviceRandom: options["device-random"],
  ...(options.samples === "" ? {} : { samples: positive("samples", options.samples) }),
};

// Imported here, because the target must be known before TypeTorch is.
const { train } = await import("./digits/train.ts");
const result = await train(settings);
if (options.json) console.log(JSON.stringify(result));
