import torch, { nn, type Tensor } from "typetorch";

const { functional: F } = nn;

export interface GptConfig {
  readonly vocabulary: number;
  /** Characters it looks back on. */
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly dropout: number;
}

/** Each position gathers from those before it. */
class CausalSelfAttention extends nn.Module {
  readonly qkv: nn.Linear;
  readonly projection: nn.Linear;
  readonly dropout: nn.Dropout;
  declare readonly future: Tensor;
  private readonly heads: number;

  constructor({ width, heads, context, dropout }: GptConfig) {
    super();
    this.qkv = new nn.Linear(width, 3 * width);
    this.projection = new nn.Linear(width, width);
    this.dropout = new nn.Dropout(dropout);
    this.heads = heads;
    const place = torch.arange(context);
    this.registerBuffer("future", place.unsqueeze(0).gt(place.unsqueeze(1))); // (context, context): the column comes after the row
  }
  override forward(x: Tensor): Tensor {
    const [B, T, C] = x.shape as [number, number, number];
    const size = C / this.heads;
    const split = (part: Tensor) => part.view(B, T, this.heads, size).transpose(1, 2); // (B, nh, T, hs)
    const [q, k, v] = this.qkv.call(x).split(C, 2).map(split) as [Tensor, Tensor, Tensor];
    const future = this.future.narrow(0, 0, T).narrow(1, 0, T);
    const scores = q.matmul(k.transpose(-2, -1)).mul(1 / Math.sqrt(size)); // (B, nh, T, T)
    const weights = F.softmax(scores.maskedFill(future, Number.NEGATIVE_INFINITY), -1);
    const mixed = weights.matmul(v).transpose(1, 2).reshape(B, T, C);
    return this.dropout.call(this.projection.call(mixed));
  }
}

/** Attention, then a small network for each position; both add to what comes in. */
class Block extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly attention: CausalSelfAttention;
  readonly norm2: nn.LayerNorm;
  readonly mlp: nn.Sequential;

  constructor(config: GptConfig) {
    super();
    const { width, dropout } = config;
    this.norm1 = new nn.LayerNorm(width);
    this.attention = new CausalSelfAttention(config);
    this.norm2 = new nn.LayerNorm(width);
    this.mlp = new nn.Sequential(
      new nn.Linear(width, 4 * width),
      new nn.GELU(),
      new nn.Linear(4 * width, width),
      new nn.Dropout(dropout),
    );
  }
  override forward(x: Tensor): Tensor {
    x = x.add(this.attention.call(this.norm1.call(x)));
    return x.add(this.mlp.call(this.norm2.call(x)));
  }
}

/** Characters (B, T) to scores for the next one, (B, T, vocabulary). */
export class Gpt extends nn.Module {
  readonly config: GptConfig;
  readonly tokens: nn.Embedding;
  readonly positions: nn.Embedding;
  readonly blocks: nn.Sequential;
  readonly norm: nn.LayerNorm;
  readonly head: nn.Linear;

  constructor(config: GptConfig) {
    super();
    this.config = config;
    this.tokens = new nn.Embedding(config.vocabulary, config.width);
    this.positions = new nn.Embedding(config.context, config.width);
    this.blocks = new nn.Sequential(...Array.from({ length: config.layers }, () => new Block(config)));
    this.norm = new nn.LayerNorm(config.width);
    this.head = new nn.Linear(config.width, config.vocabulary, { bias: false });
    for (const [name, p] of this.namedParameters()) {
      if (p.ndim === 2)
        nn.init.normal_(p, { std: name.endsWith("projection.weight") ? 0.02 / Math.sqrt(2 * config.layers) : 0.02 });
    }
  }
  override forward(characters: Tensor): Tensor {
    const T = characters.size(1);
    const x = this.tokens.call(characters).add(this.positions.call(torch.arange(T)));
    return this.head.call(this.norm.call(this.blocks.call(x)));
  }

  /** Goes on with a text for `length` characters. */
  write(start: readonly number[], length: number, temperature = 0.8): number[] {
    const { context } = this.config;
    const codes = [...start];
    this.eval();
    torch.noGrad(() => {
      for (let i = 0; i < length; i++) {
        const seen = torch.tensor([codes.slice(-context)], { dtype: torch.int64 });
        const scores = this.call(seen).select(1, -1).div(temperature); // (1, vocabulary)
        codes.push(torch.multinomial(F.softmax(scores, -1), 1).item());
      }
    });
    this.train();
    return codes.slice(start.length);
  }
}
