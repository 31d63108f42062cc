/**
 * The cases of modules.jsonl: construct, load the state, call, compare outputs, gradients of inputs and parameters, and the buffers afterwards.
 */
import { type Api, camel, Decoder, Mismatch, type TensorLike } from "./api.ts";
import { compareTensor, compareValue, EXACT, type Tolerance } from "./compare.ts";
import type { Case, Json, JsonObject, Pools } from "./format.ts";
import { bind } from "./signatures.ts";

export interface ModuleLike {
  call(...args: unknown[]): unknown;
  train(mode?: boolean): unknown;
  to(dtype: unknown): unknown;
  parameters(): Iterable<TensorLike>;
  namedParameters(): Iterable<[string, TensorLike]>;
  stateDict(): object;
  loadStateDict(state: object): unknown;
}

export interface ModuleCase extends Case {
  readonly module: string;
  readonly dtype: "f32" | "f64";
  readonly training: boolean;
  readonly cargs: Json[];
  readonly ckwargs: JsonObject;
  readonly lazy?: 1;
  readonly state: Record<string, number>;
  readonly args: Json[];
  readonly kwargs: JsonObject;
  readonly out: Json;
  readonly check?: "shape";
  readonly cot?: [number, number][];
  readonly grads?: [number, number | null][];
  readonly pgrads?: Record<string, number | null>;
  readonly state_after?: Record<string, number>;
  readonly tol?: Tolerance;
  readonly gtol?: Tolerance;
}

/** Key and value of each entry of a state_dict, whether it is a Map or an object. */
export function entriesOf(state: object): [string, unknown][] {
  return state instanceof Map ? [...(state as Map<string, unknown>)] : Object.entries(state);
}

export function loadState(decode: Decoder, module: ModuleLike, state: Readonly<Record<string, number>>): void {
  module.loadStateDict(Object.fromEntries(Object.entries(state).map(([key, index]) => [key, decode.constant(index)])));
}

/** Arguments of `forward` in our calling convention; modules whose forward PyTorch's table does not have take them as they are. */
function forwardArguments(decode: Decoder, c: ModuleCase): unknown[] {
  const bound = bind(`${c.module}.forward`, c.args, c.kwargs);
  if (bound !== null) return decode.bound(bound);
  const options = Object.entries(c.kwargs).map(([k, v]) => [camel(k), decode.value(v)]);
  return [...c.args.map((v) => decode.value(v)), ...(options.length > 0 ? [Object.fromEntries(options)] : [])];
}

export function runModule(api: Api, c: ModuleCase, pools: Pools): void {
  const decode = new Decoder(api, c, pools);
  const module = api.place(decode.construct(c.module, c.cargs, c.ckwargs) as ModuleLike);
  if (c.dtype === "f64") module.to(api.dtype("f64"));
  module.train(c.training);
  const args = forwardArguments(decode, c);
  if (c.lazy === 1) module.call(...args);
  if (Object.keys(c.state).length > 0) loadState(decode, module, c.state);
  const result = module.call(...args);

  const outputs = new Map<number, TensorLike>();
  compareValue(api, "output", result, c.out, (what, actual, index) => {
    compareTensor(api, what, actual, c.T[index]!, pools, c.tol ?? EXACT, c.check !== "shape");
    outputs.set(index, actual as TensorLike);
  });
  if (c.state_after !== undefined) {
    const state = new Map(entriesOf(module.stateDict()));
    for (const [key, index] of Object.entries(c.state_after))
      compareTensor(api, `${key} afterwards`, state.get(key), c.T[index]!, pools, c.tol ?? EXACT);
  }
  if (c.grads === undefined || c.cot === undefined) return;

  const parameters = new Map(module.namedParameters());
  const names = Object.keys(c.pgrads ?? {});
  for (const name of names)
    if (!parameters.has(name)) throw new Mismatch(`there is no parameter ${name} (${[...parameters.keys()].join(", ")})`);
  const grad = (
    api.torch.autograd as { grad(outputs: TensorLike[], inputs: TensorLike[], options: object): (TensorLike | null)[] }
  ).grad;
  const grads = grad(
    c.cot.map(([output]) => outputs.get(output)!),
    [...c.grads.map(([input]) => decode.tensor(input)), ...names.map((name) => parameters.get(name)!)],
    { gradOutputs: c.cot.map(([, cotangent]) => decode.constant(cotangent)), allowUnused: true },
  );
  const expected = [
    ...c.grads.map(([input, index]) => [`gradient of input ${input}`, index] as const),
    ...names.map((name) => [`gradient of ${name}`, c.pgrads![name]!] as const),
  ];
  expected.forEach(([what, index], i) => {
    if (index === null) {
      if (grads[i] !== null && grads[i] !== undefined) throw new Mismatch(`${what}: expected none, got a tensor`);
    } else compareTensor(api, what, grads[i], c.T[index]!, pools, c.gtol ?? EXACT);
  });
}
