/**
 * GPT-2's published weights, in one safetensors file or in shards, into the module.
 */
import torch, { type Tensor } from "typetorch";
import { Gpt2, type Gpt2Config } from "./model.ts";

/** Sizes of the model, from the shapes of its weights; only the number of heads leaves no trace in them (published models have heads of 64). */
function configOf(file: torch.SafetensorsFile, prefix: string, heads: number | null): Gpt2Config {
  const [vocabulary, width] = file.getShape(`${prefix}wte.weight`) as [number, number];
  const [context] = file.getShape(`${prefix}wpe.weight`) as [number];
  const layers = file.keys().filter((name) => name.endsWith(".ln_1.weight")).length;
  return { vocabulary, context, width, layers, heads: heads ?? width / 64 };
}

/** Loads `model.safetensors`, or all shards of `model.safetensors.index.json`, tensor by tensor. */
export function loadGpt2(path: string, heads: number | null = null): { model: Gpt2; config: Gpt2Config } {
  using file = torch.openSafetensors(path);
  const prefix = file.has("transformer.wte.weight") ? "transformer." : "";
  const config = configOf(file, prefix, heads);
  const model = new Gpt2(config);
  const wanted = new Set(model.stateDict().keys());
  const state = new Map<string, Tensor>();
  // What else is there: `h.0.attn.bias` is the causal mask, `lm_head.weight` the embedding again.
  for (const name of file.keys()) {
    const own = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (wanted.has(own)) state.set(own, file.getTensor(name));
  }
  model.loadStateDict(state, { assign: true });
  model.eval();
  return { model, config };
}
