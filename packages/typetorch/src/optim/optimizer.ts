/**
 * The base of all optimizers: parameter groups, state, and their dictionaries in PyTorch's form.
 */
import { classNameOf, keepClassNames } from "../core/className.ts";
import { ArgumentTypeError, NotSupportedError, StateDictError, ValueError } from "../core/errors.ts";
import { enableGrad, Tensor } from "../tensor/core.ts";
import { camelCase, type Dict, fieldsOf, pythonNumber, pythonRepr, recordOf, snakeCase } from "./naming.ts";

/** Parameters with their options. Beside the optimizer's own options a group holds what schedulers keep there (`initialLr`, `maxLr` …). */
export type ParamGroup<O extends object = object> = Required<O> & {
  params: Tensor[];
  lr: number;
  initialLr?: number;
  [option: string]: unknown;
};

/** What an optimizer takes: tensors, or groups of them with options of their own. */
export type ParamsInput<O extends object = object> =
  | Iterable<Tensor>
  | Iterable<{ params: Tensor | Iterable<Tensor> } & O & Record<string, unknown>>;

/** What an optimizer remembers of a parameter, under PyTorch's names (`exp_avg`, `momentum_buffer`). */
export type State = Record<string, unknown>;

/**
 * The form of `Optimizer.state_dict` in PyTorch: parameters are replaced by their position over all groups, options have PyTorch's names. `torch.save` makes of
 * it what PyTorch loads.
 */
export interface OptimizerStateDict {
  state: Map<number, State>;
  param_groups: ({ params: number[] } & Record<string, unknown>)[];
}

export type StepPreHook = (optimizer: Optimizer, closure: (() => unknown) | undefined) => void;
export type StepPostHook = (optimizer: Optimizer) => void;

/** Undoes the registration of a hook. */
export interface RemovableHandle {
  remove(): void;
}

/**
 * Base class of the optimizers, and of your own: give `super` the parameters and the default options (one that is `undefined` must come with the group), and
 * override `updateGroup`, or `step`. `torch.optim.Optimizer`.
 *
 * @example
 * class SignSGD extends optim.Optimizer<{ lr?: number }> {
 *   constructor(params: torch.optim.ParamsInput, options: { lr?: number } = {}) {
 *     super(params, { lr: options.lr ?? 0.01 });
 *   }
 *   protected override updateGroup(group: torch.optim.ParamGroup) {
 *     torch.noGrad(() => {
 *       for (const p of group.params) if (p.grad) p.sub_(p.grad.sign().mul(group.lr));
 *     });
 *   }
 * }
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * w.square().sum().backward();
 * new SignSGD([w], { lr: 0.5 }).step();
 * w.detach() // tensor([0.5000, 1.5000])
 */
export class Optimizer<O extends object = object> {
  /** The options of groups that give none of their own. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** The state of each parameter that has one. */
  state = new Map<Tensor, State>();
  paramGroups: ParamGroup<O>[] = [];
  private readonly preHooks = new Set<StepPreHook>();
  private readonly postHooks = new Set<StepPostHook>();

  constructor(params: ParamsInput<O>, defaults: O) {
    this.defaults = defaults as Record<string, unknown>;
    if (params instanceof Tensor || typeof params !== "object" || params === null || !(Symbol.iterator in params)) {
      throw new ArgumentTypeError(
        `params argument given to the optimizer should be an iterable of Tensors or dicts, but got ${typeName(params)}`,
        "pass model.parameters(), or a list",
      );
    }
    const list: unknown[] = [...params];
    if (list.length === 0) throw new ValueError("optimizer got an empty parameter list");
    const groups = isGroup(list[0]) ? list : [{ params: list }];
    for (const group of groups) this.addParamGroup(group as { params: Tensor[] } & O);
  }

  /** Adds parameters, with options that default to the optimizer's: for layers that are trained from now on. */
  addParamGroup(group: { params: Tensor | Iterable<Tensor> } & O): void {
    if (!isGroup(group)) throw new ArgumentTypeError("param group must be a dict", "pass { params: [...], lr: ... }");
    const params = group.params instanceof Tensor ? [group.params] : [...(group.params as Iterable<Tensor>)];
    for (const param of params) {
      if (!(param instanceof Tensor)) {
        throw new ArgumentTypeError(`optimizer can only optimize Tensors, but one of the params is ${typeName(param)}`);
      }
      if (this.defaults.differentiable !== true && !param.isLeaf && param.extras?.retainsGrad !== true) {
        throw new ValueError("can't optimize a non-leaf Tensor", "optimize the tensor it was computed from, or detach it");
      }
    }
    const added: Record<string, unknown> = { ...group, params };
    for (const [name, value] of Object.entries(this.defaults)) {
      if (added[name] !== undefined) continue;
      if (value === undefined) {
        throw new ValueError(
          `parameter group didn't specify a value of required optimization parameter ${snakeCase(name)}`,
          `pass { ${name}: ... }`,
        );
      }
      added[name] = Array.isArray(value) ? [...value] : value;
    }
    if (new Set(params).size !== params.length) {
      console.warn(
        "UserWarning: optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
      );
    }
    const seen = new Set(this.paramGroups.flatMap((g) => g.params));
    if (params.some((param) => seen.has(param))) throw new ValueError("some parameters appear in more than one parameter group");
    this.paramGroups.push(added as ParamGroup<O>);
  }

  /**
   * Forgets the gradients: sets them to null, or with `setToNone: false` fills them with zeros in place. (Null is the default since PyTorch 2.0.)
   */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    const { setToNone = true } = options;
    for (const { params } of this.paramGroups) {
      for (let i = 0; i < params.length; i++) {
        const param = params[i]!;
        const grad = param.ownGrad;
        if (grad === null) continue;
        if (setToNone) param.dropGrad();
        else {
          if (grad.gradFn !== null) grad.detach_();
          else grad.requiresGrad_(false);
          grad.zero_();
        }
      }
    }
  }

  /**
   * Changes the parameters by one step. `closure` computes the loss anew (gradients are on inside it) and what it returns is returned.
   */
  step(): undefined;
  step<R>(closure: () => R): R;
  step<R>(closure?: () => R): R | undefined {
    for (const hook of this.preHooks) hook(this as Optimizer, closure);
    const loss = closure === undefined ? undefined : enableGrad(closure);
    for (const group of this.paramGroups) {
      if (this.defaults.differentiable === true) for (const param of group.params) param.gradShared = true; // the graph will hold it
      this.updateGroup(group);
    }
    for (const hook of this.postHooks) hook(this as Optimizer);
    return loss;
  }

  /** Changes the parameters of one group: what an optimizer is. */
  protected updateGroup(_group: ParamGroup<O>): void {
    throw new NotSupportedError(`${classNameOf(this)} has neither updateGroup nor step`, "override one of them");
  }

  /** Called before each step. */
  registerStepPreHook(hook: StepPreHook): RemovableHandle {
    this.preHooks.add(hook);
    return { remove: () => this.preHooks.delete(hook) };
  }

  /** Called after each step. */
  registerStepPostHook(hook: StepPostHook): RemovableHandle {
    this.postHooks.add(hook);
    return { remove: () => this.postHooks.delete(hook) };
  }

  /** State and options in PyTorch's form; the tensors are those of the optimizer, not copies. */
  stateDict(): OptimizerStateDict {
    const positions = new Map<Tensor, number>();
    let next = 0;
    const param_groups = this.paramGroups.map((group) => {
      group.params.forEach((param, i) => {
        if (!positions.has(param)) positions.set(param, next + i);
      });
      next += group.params.length;
      const packed: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(group)) {
        if (name !== "params") packed[snakeCase(name)] = Array.isArray(value) ? Object.freeze([...value]) : value; // a tuple
      }
      return { ...packed, params: group.params.map((param) => positions.get(param)!) };
    });
    const state = new Map<number, State>();
    for (const [param, values] of this.state) {
      const position = positions.get(param);
      if (position !== undefined) state.set(position, values);
    }
    return { state, param_groups };
  }

  /**
   * Takes over a state dict, also one of PyTorch as `torch.load` gives it (with `Map`s for its dicts), copying its tensors and converting them to the parameters'
   * dtypes. Throws {@link StateDictError} when the groups differ in number or size.
   */
  loadStateDict(stateDict: OptimizerStateDict | Dict): void {
    const { state: savedState, param_groups } = recordOf(stateDict);
    if (!Array.isArray(param_groups) || typeof savedState !== "object" || savedState === null) {
      throw new StateDictError(
        "the state dict of an optimizer has the entries 'state' and 'param_groups'",
        "load the part of the file that is the optimizer's",
      );
    }
    const saved = param_groups.map((group) => recordOf(group as Dict) as { params: number[] } & Record<string, unknown>);
    if (saved.length !== this.paramGroups.length) {
      throw new StateDictError(
        "loaded state dict has a different number of parameter groups",
        `the optimizer has ${this.paramGroups.length}, the state dict ${saved.length}`,
      );
    }
    const params = new Map<number, Tensor>();
    saved.forEach((savedGroup, i) => {
      const group = this.paramGroups[i]!;
      if (savedGroup.params.length !== group.params.length) {
        throw new StateDictError(
          "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
          `group ${i} has ${group.params.length} parameters, in the state dict ${savedGroup.params.length}`,
        );
      }
      savedGroup.params.forEach((position, k) => {
        params.set(Number(position), group.params[k]!);
      });
    });
    const state = new Map<Tensor, State>();
    for (const [position, values] of fieldsOf(savedState)) {
      const param = params.get(Number(position));
      if (param !== undefined) state.set(param, restoredState(param, values as Dict));
    }
    this.paramGroups = saved.map((savedGroup, i) => {
      const group: Record<string, unknown> = { ...this.defaults };
      for (const [name, value] of Object.entries(savedGroup)) group[camelCase(name)] = Array.isArray(value) ? [...value] : value;
      group.params = this.paramGroups[i]!.params;
      return group as ParamGroup<O>;
    });
    this.state = state;
    for (const values of state.values()) this.upgradeState(values);
  }

  /** Brings the state of one parameter, as older versions saved it, to the present form. */
  protected upgradeState(_state: State): void {}

  /** As PyTorch prints it. */
  toString(): string {
    let text = `${classNameOf(this)} (`;
    this.paramGroups.forEach((group, i) => {
      text += `\nParameter Group ${i}\n`;
      const options = Object.entries(group).map(([name, value]) => [snakeCase(name), name, value] as const);
      for (const [key, name, value] of options.sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
        if (name !== "params") text += `    ${key}: ${this.formatOption(name, value)}\n`;
      }
    });
    return `${text})`;
  }

  protected formatOption(_name: string, value: unknown): string {
    return pythonRepr(value);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function isGroup(x: unknown): x is { params: unknown } {
  return typeof x === "object" && x !== null && !(x instanceof Tensor) && "params" in x;
}

function typeName(x: unknown): string {
  if (x instanceof Tensor) return "torch.FloatTensor";
  if (typeof x === "object" && x !== null) return x.constructor?.name ?? "object";
  return x === null ? "null" : typeof x;
}

function restoredState(param: Tensor, values: Dict): State {
  const state: State = {};
  for (const [key, value] of fieldsOf(values)) state[key] = restoredValue(param, key, value);
  return state;
}

/** A copy. Floating tensors take the parameter's dtype, all but `step`, which counts. */
function restoredValue(param: Tensor, key: string, value: unknown): unknown {
  if (value instanceof Tensor) {
    const copy = value.detach().clone();
    return key !== "step" && param.dtype.isFloatingPoint ? copy.to(param.dtype) : copy;
  }
  return Array.isArray(value) ? value.map((element) => restoredValue(param, key, element)) : value;
}

/** Throws PyTorch's `TypeError` unless `x` is an optimizer. */
export function checkOptimizer(x: unknown): asserts x is Optimizer {
  if (!(x instanceof Optimizer)) throw new ArgumentTypeError(`${typeName(x)} is not an Optimizer`);
}

/** Throws `Invalid learning rate: -1` and the like. */
export function checkOption(valid: boolean, what: string, ...values: number[]): void {
  if (!valid) throw new ValueError(`Invalid ${what}: ${values.map(pythonNumber).join(", ")}`);
}

keepClassNames({ Optimizer });
