/**
 * Loads GPT-2 from safetensors, shards or not, and goes on with a list of tokens.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseOptions, positive, targetOption } from "@typetorch/command-line";

const options = parseOptions(
  "npm run example -- gpt2",
  "GPT-2's weights, from safetensors files in shards, go on with a list of tokens.",
  {
    weights: {
      value: "FILE",
      help: "model.safetensors or model.safetensors.index.json (without one: a small model that knows nothing)",
    },
    heads: { value: "N", help: "attention heads, if not of 64 numbers each as in the published models" },
    tokens: { value: "LIST", default: "15,3,7", help: "tokens to begin with" },
    length: { value: "N", default: "8", help: "tokens to add" },
    out: { value: "FOLDER", default: "out", help: "where the small model goes" },
    target: targetOption,
  },
);

const { default: torch } = await import("typetorch");
const { Gpt2 } = await import("./gpt2/model.ts");
const { loadGpt2 } = await import("./gpt2/load.ts");

/** Writes a model of random weights as a sharded set, as a hub would have it. */
async function writeSmallModel(): Promise<string> {
  torch.manualSeed(0);
  await mkdir(options.out, { recursive: true });
  const path = join(options.out, "model.safetensors");
  const model = new Gpt2({ vocabulary: 50, context: 32, width: 64, layers: 2, heads: 4 });
  torch.saveSafetensors(model.stateDict(), path, { maxShardSize: "150KB", metadata: { format: "pt" } });
  return `${path}.index.json`;
}

const path = options.weights || (await writeSmallModel());
const heads = options.weights === "" ? 4 : options.heads === "" ? null : positive("heads", options.heads);
const { model, config } = loadGpt2(path, heads);
const parameters = [...model.parameters()].reduce((total, p) => total + p.numel(), 0);
console.log(`${path}: ${config.layers} layers of ${config.width}, ${config.heads} heads, ${parameters} parameters`);

const tokens = options.tokens.split(",").map((token) => BigInt(token.trim()));
torch.noGrad(() => {
  for (let added = 0; added < positive("length", options.length); added++) {
    const seen = torch.tensor([tokens.slice(-config.context)]);
    tokens.push(BigInt(model.call(seen).select(1, -1).argmax(-1).item()));
  }
});
console.log(`tokens ${tokens.join(" ")}`);
