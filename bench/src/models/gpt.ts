/** A small GPT: pre-norm transformer blocks with causal attention. */
import * as torch from "typetorch";

const { nn } = torch;
const { functional: F } = nn;

class Block extends nn.Module {
  readonly heads: number;
  ln1: torch.nn.LayerNorm;
  qkv: torch.nn.Linear;
  o: torch.nn.Linear;
  ln2: torch.nn.LayerNorm;
  up: torch.nn.Linear;
  dn: torch.nn.Linear;

  constructor(width: number, heads: number) {
    super();
    this.heads = heads;
    this.ln1 = new nn.LayerNorm(width);
    this.qkv = new nn.Linear(width, 3 * width);
    this.o = new nn.Linear(width, width);
    this.ln2 = new nn.LayerNorm(width);
    this.up = new nn.Linear(width, 4 * width);
    this.dn = new nn.Linear(4 * width, width);
  }

  override forward(x: torch.Tensor): torch.Tensor {
    const [b, t, d] = x.shape as [number, number, number];
    const [q, k, v] = this.qkv
      .call(this.ln1.call(x))
      .split(d, 2)
      .map((z) => z.view(b, t, this.heads, d / this.heads).transpose(1, 2)) as [torch.Tensor, torch.Tensor, torch.Tensor]; // (B, nh, T, hs)
    const future = torch.ones([t, t], { dtype: torch.bool }).tril().logicalNot();
    const scores = q.matmul(k.transpose(-2, -1)).mul((d / this.heads) ** -0.5);
    const attention = scores.maskedFill(future, Number.NEGATIVE_INFINITY).softmax(-1); // (B, nh, T, T)
    const y = x.add(this.o.call(attention.matmul(v).transpose(1, 2).reshape(b, t, d)));
    return y.add(this.dn.call(F.gelu(this.up.call(this.ln2.call(y)))));
  }
}

/** A language model over `vocabulary` characters: int64 (B, T) -> (B, T, vocabulary). */
export class GPT extends nn.Module {
  te: torch.nn.Embedding;
  pe: torch.nn.Embedding;
  b: torch.nn.Sequential;
  ln: torch.nn.LayerNorm;
  hd: torch.nn.Linear;

  constructor({ vocabulary = 65, width = 192, heads = 6, layers = 4, context = 128 } = {}) {
    super();
    this.te = new nn.Embedding(vocabulary, width);
    this.pe = new nn.Embedding(context, width);
    this.b = new nn.Sequential(...Array.from({ length: layers }, () => new Block(width, heads)));
    this.ln = new nn.LayerNorm(width);
    this.hd = new nn.Linear(width, vocabulary);
  }

  override forward(ids: torch.Tensor): torch.Tensor {
    const x = this.te.call(ids).add(this.pe.call(torch.arange(ids.shape[1]!)));
    return this.hd.call(this.ln.call(this.b.call(x) as torch.Tensor));
  }
}
