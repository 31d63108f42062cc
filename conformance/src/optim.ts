/**
 * The cases of optim.jsonl (ten steps with recorded gradients) and lr-schedulers.jsonl (the learning rates of every step).
 */
import { type Api, camel, Decoder, Mismatch, Missing, numberOf, type TensorLike } from "./api.ts";
import { compareTensor, compareValue, type Tolerance } from "./compare.ts";
import { type Case, isObject, type Json, type JsonObject, type Pools } from "./format.ts";
import { entriesOf } from "./modules.ts";
import { bind } from "./signatures.ts";

export interface OptimizerLike {
  readonly paramGroups: readonly Record<string, unknown>[];
  step(closure?: () => unknown): unknown;
  zeroGrad(): void;
  stateDict(): { state: object };
}

interface OptimCase extends Case {
  readonly optimizer: string;
  readonly problem: "quadratic" | "mlp" | "groups" | "emb";
  readonly kwargs: JsonObject;
  readonly groups: ({ params: string[] } & JsonObject)[];
  readonly data: Record<string, number>;
  readonly p0: Record<string, number>;
  readonly grads: Record<string, number | null | { sparse: [number, number] }>[];
  readonly params: Record<string, number>[];
  readonly losses: Json[];
  readonly evals?: number[];
  readonly state_after: Record<string, Record<string, Json>>;
  readonly tol: Tolerance;
}

type Differentiable = TensorLike &
  Record<"add" | "sub" | "mul" | "matmul" | "t" | "tanh" | "sum" | "mean" | "backward", (...args: unknown[]) => Differentiable>;

/** The loss of a problem, for the optimizers that evaluate it themselves. */
function lossOf(api: Api, c: OptimCase, decode: Decoder, parameters: Map<string, TensorLike>): () => Differentiable {
  const p = (name: string) => parameters.get(name) as Differentiable;
  const data = (name: string) => decode.constant(c.data[name]!) as Differentiable;
  if (c.problem === "quadratic") {
    const A = data("A");
    const b = data("b");
    return () =>
      p("x")
        .mul(A.matmul(p("x")))
        .sum()
        .mul(0.5)
        .sub(b.mul(p("x")).sum());
  }
  if (c.problem === "emb") throw new Missing("the sparse problem has no closure");
  const X = data("X");
  const Y = data("Y");
  const mse = api.fn("nn.functional.mse_loss");
  return () => {
    const hidden = X.matmul(p("fc1.weight").t()).add(p("fc1.bias")).tanh();
    return mse(hidden.matmul(p("fc2.weight").t()).add(p("fc2.bias")), Y) as Differentiable;
  };
}

function scalarClose(actual: unknown, expected: number, [rtol, atol]: Tolerance): boolean {
  return (
    typeof actual === "number" && (Object.is(actual, expected) || Math.abs(actual - expected) <= atol + rtol * Math.abs(expected))
  );
}

function decodeOptions(decode: Decoder, kwargs: JsonObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(kwargs).map(([k, v]) => [camel(k), decode.value(v)]));
}

export function runOptim(api: Api, source: Case, pools: Pools): void {
  const c = source as OptimCase;
  const decode = new Decoder(api, c, pools);
  if (api.lookup(`optim.${c.optimizer}`) === undefined) throw new Missing(`there is no torch.optim.${c.optimizer}`);
  const parameters = new Map<string, TensorLike>();
  for (const [name, index] of Object.entries(c.p0)) parameters.set(name, decode.constant(index).requiresGrad_());
  const groups = c.groups.map(({ params, ...rest }) => ({
    params: params.map((name) => parameters.get(name)!),
    ...decodeOptions(decode, rest),
  }));
  const optimizer = api.construct(`optim.${c.optimizer}`, [groups, decodeOptions(decode, c.kwargs)]) as OptimizerLike;

  for (let step = 0; step < c.params.length; step++) {
    if (c.evals !== undefined) {
      const loss = lossOf(api, c, decode, parameters);
      let evals = 0;
      const first = optimizer.step(() => {
        evals++;
        optimizer.zeroGrad();
        const value = loss();
        value.backward();
        return value;
      });
      if (evals !== c.evals[step]) throw new Mismatch(`step ${step}: ${evals} evaluations, expected ${c.evals[step]}`);
      const value = api.isTensor(first) ? first.item() : first;
      if (!scalarClose(value, numberOf(c.losses[step]!), c.tol))
        throw new Mismatch(`step ${step}: loss ${value}, expected ${numberOf(c.losses[step]!)}`);
    } else {
      for (const [name, grad] of Object.entries(c.grads[step]!)) {
        const parameter = parameters.get(name)!;
        if (grad === null) parameter.grad = null;
        else if (typeof grad === "number") parameter.grad = decode.constant(grad);
        else
          parameter.grad = api.fn("sparse_coo_tensor")(
            decode.constant(grad.sparse[0]),
            decode.constant(grad.sparse[1]),
            parameter.shape,
          ) as TensorLike;
      }
      optimizer.step();
    }
    for (const [name, index] of Object.entries(c.params[step]!))
      compareTensor(api, `${name} after step ${step}`, parameters.get(name), c.T[index]!, pools, c.tol);
  }

  const order = c.groups.flatMap((group) => group.params);
  const state = new Map(entriesOf(optimizer.stateDict().state).map(([key, value]) => [String(key), value as object]));
  for (const [name, expected] of Object.entries(c.state_after)) {
    const actual = new Map(entriesOf(state.get(String(order.indexOf(name))) ?? {}));
    for (const [key, value] of Object.entries(expected)) {
      compareValue(api, `state ${name}.${key}`, actual.get(key), value, (what, got, index) => {
        // step counts stay on the CPU, as in PyTorch
        const entry = c.T[index]!;
        compareTensor(api, what, entry.s.length === 0 && api.isTensor(got) ? api.place(got) : got, entry, pools, c.tol);
      });
    }
  }
}

interface SchedulerCase extends Case {
  readonly scheduler: string;
  readonly kwargs: JsonObject;
  readonly lrs: number[];
  readonly opt: { name: string } & JsonObject;
  readonly metrics?: number[];
  readonly steps: number;
  readonly seq: Json[][];
  readonly momentum_seq?: Json[][];
  readonly tol: Tolerance;
}

interface SchedulerLike {
  step(metric?: number): void;
}

export function makeScheduler(
  api: Api,
  decode: Decoder,
  name: string,
  optimizer: OptimizerLike,
  kwargs: JsonObject,
): SchedulerLike {
  const dotted = name === "SWALR" ? "optim.swa_utils.SWALR" : `optim.lr_scheduler.${name}`;
  if (api.lookup(dotted) === undefined) throw new Missing(`there is no torch.${dotted}`);
  const bound = bind(dotted, [null], kwargs);
  if (bound === null) throw new Error(`${dotted}: no signature takes ${JSON.stringify(kwargs)}`);
  const value = (v: Json): unknown => {
    if (Array.isArray(v)) return v.map(value);
    if (isObject(v) && "$sched" in v) return makeScheduler(api, decode, v.$sched as string, optimizer, v.kwargs as JsonObject);
    return decode.value(v);
  };
  const args = bound.positional.map(({ parameter, value: v }) => (parameter.name === "optimizer" ? optimizer : value(v)));
  const options = bound.options.map(({ parameter, value: v }) => [camel(parameter.name), value(v)]);
  return api.construct(dotted, options.length > 0 ? [...args, Object.fromEntries(options)] : args) as SchedulerLike;
}

export function runScheduler(api: Api, source: Case, pools: Pools): void {
  const c = source as SchedulerCase;
  const decode = new Decoder(api, c, pools);
  const { name, ...options } = c.opt;
  const zeros = api.fn("zeros");
  const groups = c.lrs.map((lr) => ({ params: [(zeros([1]) as TensorLike).requiresGrad_()], lr }));
  const optimizer = api.construct(`optim.${name}`, [
    groups,
    { lr: c.lrs[0], ...decodeOptions(decode, options) },
  ]) as OptimizerLike;
  // ChainedScheduler takes no optimizer: its schedulers have one
  const scheduler =
    c.scheduler === "ChainedScheduler"
      ? makeChained(api, decode, optimizer, c.kwargs)
      : makeScheduler(api, decode, c.scheduler, optimizer, c.kwargs);
  const check = (step: number) => {
    optimizer.paramGroups.forEach((group, g) => {
      const expected = numberOf(c.seq[step]![g]!);
      if (!scalarClose(group.lr, expected, c.tol))
        throw new Mismatch(`lr of group ${g} after step ${step}: ${group.lr}, expected ${expected}`);
      if (c.momentum_seq === undefined) return;
      const momentum = group.momentum ?? (group.betas as number[])[0];
      const wanted = numberOf(c.momentum_seq[step]![g]!);
      if (!scalarClose(momentum, wanted, c.tol))
        throw new Mismatch(`momentum of group ${g} after step ${step}: ${momentum}, expected ${wanted}`);
    });
  };
  check(0);
  for (let step = 0; step < c.steps; step++) {
    optimizer.step();
    if (c.metrics === undefined) scheduler.step();
    else scheduler.step(c.metrics[step]);
    check(step + 1);
  }
}

function makeChained(api: Api, decode: Decoder, optimizer: OptimizerLike, kwargs: JsonObject): SchedulerLike {
  if (api.lookup("optim.lr_scheduler.ChainedScheduler") === undefined)
    throw new Missing("there is no torch.optim.lrScheduler.ChainedScheduler");
  const list = (kwargs.schedulers as { $sched: string; kwargs: JsonObject }[]).map((s) =>
    makeScheduler(api, decode, s.$sched, optimizer, s.kwargs),
  );
  return api.construct("optim.lr_scheduler.ChainedScheduler", [list]) as SchedulerLike;
}
