/**
 * Runs an example by name: `npm run example -- NAME [options]`.
 */
import { refuse } from "@typetorch/command-line";

const examples: Record<string, readonly [about: string, start: () => Promise<unknown>]> = {
  digits: ["a convolutional network reads handwritten digits (what `npm start` runs)", () => import("./digits.ts")],
  gpt: ["a character-level GPT learns to write like Moby Dick", () => import("./gpt.ts")],
  names: ["an LSTM tells women's first names from men's", () => import("./names.ts")],
  customFunction: ["a network of hard signs, trained through a derivative of one's own", () => import("./customFunction.ts")],
  gpt2: ["GPT-2's weights, from safetensors files in shards, go on with a list of tokens", () => import("./gpt2.ts")],
  vgg: ["a VGG made of nested modules tells shapes apart", () => import("./vgg.ts")],
};

const name = process.argv[2] ?? "--help";
if (name === "--help" || name === "-h") {
  const list = Object.entries(examples).map(([key, [about]]) => `  ${key.padEnd(16)}${about}`);
  console.log(`npm run example -- NAME [options]\n\n${list.join("\n")}\n\n--help after the name lists its options.`);
  process.exit(0);
}
const example = examples[name];
if (example === undefined) refuse(`There is no example '${name}'.`);
process.argv.splice(2, 1);
await example[1]();
