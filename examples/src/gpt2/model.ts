/**
 * GPT-2 with the names of its published weights, so that they load without any renaming.
 */
import torch, { nn, type Tensor } from "typetorch";

const { functional: F } = nn;

export interface Gpt2Config {
  readonly vocabulary: number;
  readonly context: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
}

/** What GPT-2's weights call a convolution of width 1: a linear layer whose weight is stored as (in, out). */
class Conv1D extends nn.Module<[Tensor], Tensor> {
  readonly weight: nn.Parameter;
  readonly bias: nn.Parameter;
  constructor(inFeatures: number, outFeatures: number) {
    super();
    this.weight = new nn.Parameter(torch.empty(inFeatures, outFeatures));
    this.bias = new nn.Parameter(torch.zeros(outFeatures));
    nn.init.normal_(this.weight, { std: 0.02 });
  }
  override forward(x: Tensor): Tensor {
    return x.matmul(this.weight).add(this.bias);
  }
}

class Attention extends nn.Module<[Tensor], Tensor> {
  readonly c_attn: Conv1D;
  readonly c_proj: Conv1D;
  private readonly heads: number;
  constructor({ width, heads }: Gpt2Config) {
    super();
    this.c_attn = new Conv1D(width, 3 * width);
    this.c_proj = new Conv1D(width, width);
    this.heads = heads;
  }
  override forward(x: Tensor): Tensor {
    const [B, T, C] = x.shape as [number, number, number];
    const split = (part: Tensor) => part.view(B, T, this.heads, C / this.heads).transpose(1, 2); // (B, nh, T, hs)
    const [q, k, v] = this.c_attn.call(x).split(C, 2).map(split) as [Tensor, Tensor, Tensor];
    const future = torch.ones([T, T], { dtype: torch.bool }).triu(1);
    const scores = q.matmul(k.transpose(-2, -1)).mul(1 / Math.sqrt(C / this.heads)); // (B, nh, T, T)
    const weights = F.softmax(scores.maskedFill(future, Number.NEGATIVE_INFINITY), -1);
    return this.c_proj.call(weights.matmul(v).transpose(1, 2).reshape(B, T, C));
  }
}

class Mlp extends nn.Module<[Tensor], Tensor> {
  readonly c_fc: Conv1D;
  readonly c_proj: Conv1D;
  constructor({ width }: Gpt2Config) {
    super();
    this.c_fc = new Conv1D(width, 4 * width);
    this.c_proj = new Conv1D(4 * width, width);
  }
  override forward(x: Tensor): Tensor {
    return this.c_proj.call(F.gelu(this.c_fc.call(x), { approximate: "tanh" }));
  }
}

class Block extends nn.Module<[Tensor], Tensor> {
  readonly ln_1: nn.LayerNorm;
  readonly attn: Attention;
  readonly ln_2: nn.LayerNorm;
  readonly mlp: Mlp;
  constructor(config: Gpt2Config) {
    super();
    this.ln_1 = new nn.LayerNorm(config.width);
    this.attn = new Attention(config);
    this.ln_2 = new nn.LayerNorm(config.width);
    this.mlp = new Mlp(config);
  }
  override forward(x: Tensor): Tensor {
    x = x.add(this.attn.call(this.ln_1.call(x)));
    return x.add(this.mlp.call(this.ln_2.call(x)));
  }
}

/** Tokens (B, T) to scores for the next one, (B, T, vocabulary). */
export class Gpt2 extends nn.Module<[Tensor], Tensor> {
  readonly wte: nn.Embedding;
  readonly wpe: nn.Embedding;
  readonly h: nn.ModuleList;
  readonly ln_f: nn.LayerNorm;
  constructor(config: Gpt2Config) {
    super();
    this.wte = new nn.Embedding(config.vocabulary, config.width);
    this.wpe = new nn.Embedding(config.context, config.width);
    this.h = new nn.ModuleList(Array.from({ length: config.layers }, () => new Block(config)));
    this.ln_f = new nn.LayerNorm(config.width);
  }
  override forward(tokens: Tensor): Tensor {
    let x = this.wte.call(tokens).add(this.wpe.call(torch.arange(tokens.size(1))));
    for (const block of this.h) x = (block as Block).call(x);
    return this.ln_f.call(x).matmul(this.wte.weight.t()); // the output layer is the embedding
  }
}
