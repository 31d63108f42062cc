/**
 * The cases of train.jsonl: twenty steps of training from a recorded start; every loss, the first gradients and the last state must agree. The models are the
 * recorded Python ones, written in the library's own manner.
 */
import { type Api, camel, Decoder, Mismatch, type TensorLike } from "./api.ts";
import { compareTensor, read, type Tolerance } from "./compare.ts";
import type { Case, JsonObject, Pools } from "./format.ts";
import { entriesOf, loadState, type ModuleLike } from "./modules.ts";
import { makeScheduler, type OptimizerLike } from "./optim.ts";

interface TrainCase extends Case {
  readonly name: string;
  readonly dtype: "f32" | "f64";
  readonly optimizer: string;
  readonly scheduler: string | null;
  readonly clip_grad_norm: number | null;
  readonly steps: number;
  readonly data: Record<string, number>;
  readonly state0: Record<string, number>;
  readonly grads0: Record<string, number>;
  readonly losses: number[];
  readonly grad_norms?: number[];
  readonly state_end: Record<string, number>;
  readonly tol: Tolerance;
}

type Arguments = readonly unknown[];
/** A tensor with the methods that the models use. */
interface T extends TensorLike {
  add(other: T | number): T;
  sub(other: T | number): T;
  mul(other: T | number): T;
  pow(exponent: number): T;
  exp(): T;
  mean(): T;
  flatten(start: number): T;
  at(...index: unknown[]): T;
  backward(): void;
}
interface Layer {
  call(...args: Arguments): T;
}
type Nn = Record<string, new (...args: Arguments) => Layer> & { Module: new () => ModuleLike } & {
  ModuleList: new (list: Arguments) => Iterable<Layer>;
  MultiheadAttention: new (...args: Arguments) => { call(...args: Arguments): [T, unknown] };
  Parameter: new (data: unknown) => T;
};
type Data = Record<string, TensorLike>;
interface Task {
  model: ModuleLike;
  loss(data: Data): T;
}

function tasks(api: Api): Record<string, () => Task> {
  const nn = api.strict("nn") as Nn;
  const F = (name: string) => api.fn(`nn.functional.${name}`) as (...args: Arguments) => T;
  const torch = (name: string) => api.fn(name) as (...args: Arguments) => T;
  const mse = (model: ModuleLike) => ({ model, loss: (d: Data) => F("mse_loss")(model.call(d.x), d.y) });

  return {
    mlp_sgd() {
      class MLP extends nn.Module {
        fc1 = new nn.Linear!(3, 5);
        fc2 = new nn.Linear!(5, 2);
        forward(x: T): T {
          return this.fc2.call(torch("tanh")(this.fc1.call(x)));
        }
      }
      return mse(new MLP());
    },
    cnn_bn_adam() {
      class CNN extends nn.Module {
        conv1 = new nn.Conv2d!(1, 4, 3, { padding: 1 });
        bn1 = new nn.BatchNorm2d!(4);
        conv2 = new nn.Conv2d!(4, 6, 3, { padding: 1 });
        fc = new nn.Linear!(6 * 2 * 2, 3);
        forward(input: T): T {
          let x = F("max_pool2d")(F("relu")(this.bn1.call(this.conv1.call(input))), 2);
          x = F("max_pool2d")(F("relu")(this.conv2.call(x)), 2);
          return this.fc.call(x.flatten(1));
        }
      }
      const model = new CNN();
      return { model, loss: (d) => F("cross_entropy")(model.call(d.x), d.y) };
    },
    minigpt_adamw_onecycle() {
      class Block extends nn.Module {
        ln1: Layer;
        attn: { call(...args: Arguments): [T, unknown] };
        ln2: Layer;
        mlp: Layer;
        constructor(d: number, heads: number) {
          super();
          this.ln1 = new nn.LayerNorm!(d);
          this.attn = new nn.MultiheadAttention(d, heads, { batchFirst: true });
          this.ln2 = new nn.LayerNorm!(d);
          this.mlp = new nn.Sequential!(new nn.Linear!(d, 2 * d), new nn.GELU!(), new nn.Linear!(2 * d, d));
        }
        forward(x: T): T {
          const length = x.shape[1]!;
          const mask = torch("triu")(api.place(torch("ones")([length, length], { dtype: api.dtype("bool") })), { diagonal: 1 });
          const h = this.ln1.call(x);
          const [a] = this.attn.call(h, h, h, { attnMask: mask, needWeights: false });
          const y = x.add(a);
          return y.add(this.mlp.call(this.ln2.call(y)));
        }
      }
      class MiniGPT extends nn.Module {
        tok = new nn.Embedding!(13, 8);
        pos = new nn.Parameter(torch("randn")([1, 6, 8]).mul(0.02));
        blocks = new nn.ModuleList([new Block(8, 2), new Block(8, 2)]);
        ln = new nn.LayerNorm!(8);
        head = new nn.Linear!(8, 13, { bias: false });
        forward(x: T): T {
          let h = this.tok.call(x).add(this.pos.at(":", `:${x.shape[1]}`));
          for (const block of this.blocks) h = block.call(h);
          return this.head.call(this.ln.call(h));
        }
      }
      const model = new MiniGPT();
      return {
        model,
        loss: (d) => {
          const o = model.call(d.x) as T;
          return F("cross_entropy")(o.reshape([-1, o.shape[o.shape.length - 1]!]), d.y!.reshape([-1]));
        },
      };
    },
    vae_adam() {
      class VAE extends nn.Module {
        enc = new nn.Linear!(6, 8);
        mu = new nn.Linear!(8, 2);
        logvar = new nn.Linear!(8, 2);
        dec = new nn.Sequential!(new nn.Linear!(2, 8), new nn.ReLU!(), new nn.Linear!(8, 6));
        forward(x: T, eps: T): [T, T, T] {
          const h = torch("tanh")(this.enc.call(x));
          const mu = this.mu.call(h);
          const lv = this.logvar.call(h);
          return [this.dec.call(mu.add(torch("exp")(lv.mul(0.5)).mul(eps))), mu, lv];
        }
      }
      const model = new VAE();
      return {
        model,
        loss: (d) => {
          const [r, mu, lv] = model.call(d.x, d.eps) as [T, T, T];
          return F("mse_loss")(r, d.x).sub(lv.add(1).sub(mu.pow(2)).sub(lv.exp()).mean().mul(0.5));
        },
      };
    },
    transformer_encoder_adam() {
      const layer = new nn.TransformerEncoderLayer!(8, 2, { dimFeedforward: 16, dropout: 0, batchFirst: true });
      return mse(new nn.TransformerEncoder!(layer, 2) as unknown as ModuleLike);
    },
  };
}

/** `AdamW(lr=0.01, weight_decay=0.1)`: the name and the keyword arguments. */
function parseCall(source: string): [name: string, kwargs: JsonObject] {
  const [, name, list] = /^(\w+)\((.*)\)$/.exec(source)!;
  const kwargs: JsonObject = {};
  for (const part of list === "" ? [] : list!.split(", ")) {
    const [key, value] = part.split("=") as [string, string];
    kwargs[key] = value === "True" ? true : value === "False" ? false : Number(value);
  }
  return [name!, kwargs];
}

function expectClose(what: string, actual: unknown, expected: number, [rtol, atol]: Tolerance): void {
  if (typeof actual !== "number" || !(Math.abs(actual - expected) <= atol + rtol * Math.abs(expected)))
    throw new Mismatch(`${what}: ${actual}, expected ${expected}`);
}

export function runTrain(api: Api, source: Case, pools: Pools): void {
  const c = source as TrainCase;
  const decode = new Decoder(api, c, pools);
  const make = tasks(api)[c.name.replace(/_f64$/, "")];
  if (make === undefined) throw new Error(`the runner does not know the model ${c.name}`);
  const { model, loss } = make();
  api.place(model);
  if (c.dtype === "f64") model.to(api.dtype("f64"));
  loadState(decode, model, c.state0);
  const data: Data = Object.fromEntries(Object.entries(c.data).map(([name, index]) => [name, decode.constant(index)]));
  const parameters = [...model.parameters()];
  const [name, kwargs] = parseCall(c.optimizer);
  const options = Object.fromEntries(Object.entries(kwargs).map(([k, v]) => [camel(k), v]));
  const optimizer = api.construct(`optim.${name}`, [parameters, options]) as OptimizerLike;
  const schedule = c.scheduler === null ? null : parseCall(c.scheduler);
  const scheduler = schedule === null ? null : makeScheduler(api, decode, schedule[0], optimizer, schedule[1]);
  let directionless = new Map<string, ReadonlySet<number>>();
  for (let step = 0; step < c.steps; step++) {
    optimizer.zeroGrad();
    const value = loss(data);
    expectClose(`loss of step ${step}`, value.item(), c.losses[step]!, c.tol);
    value.backward();
    if (step === 0) {
      const named = new Map(model.namedParameters());
      directionless = noiseOf(api, c, pools, named);
      for (const [key, index] of Object.entries(c.grads0))
        compareTensor(api, `first gradient of ${key}`, named.get(key)?.grad, c.T[index]!, pools, c.tol);
    }
    if (c.clip_grad_norm !== null) {
      const norm = api.fn("nn.utils.clip_grad_norm_")(parameters, c.clip_grad_norm);
      if (c.grad_norms !== undefined)
        expectClose(`gradient norm of step ${step}`, api.isTensor(norm) ? norm.item() : norm, c.grad_norms[step]!, c.tol);
    }
    optimizer.step();
    scheduler?.step();
  }
  const state = new Map(entriesOf(model.stateDict()));
  for (const [key, index] of Object.entries(c.state_end))
    compareTensor(api, `${key} at the end`, state.get(key), c.T[index]!, pools, c.tol, true, directionless.get(key));
}

/**
 * The elements of parameters whose true gradient is zero: theirs is nothing but rounding, below a millionth of the largest there is, in the recorded run and in ours (a bias before a
 * batch norm; the bias of an attention's keys, which the softmax cancels). Adam divides it by its own size, so each step goes a full step somewhere: such elements have no
 * direction that could be compared, and no influence on the loss, which is. What is exactly zero in both stays where it is, and is compared.
 */
function noiseOf(api: Api, c: TrainCase, pools: Pools, named: ReadonlyMap<string, TensorLike>): Map<string, ReadonlySet<number>> {
  const gradients = Object.entries(c.grads0).map(([key, index]) => ({
    key,
    theirs: pools.values(c.T[index]!).map((v) => Math.abs(Number(v))),
    ours: read(api, named.get(key)!.grad!).map((v) => Math.abs(Number(v))),
  }));
  const least = 1e-6 * Math.max(...gradients.flatMap(({ theirs }) => theirs));
  const isNoise = (theirs: number, ours: number): boolean => theirs < least && ours < least && (theirs !== 0 || ours !== 0);
  return new Map(
    gradients.map(({ key, theirs, ours }) => [key, new Set(theirs.flatMap((v, i) => (isNoise(v, ours[i]!) ? [i] : [])))]),
  );
}
