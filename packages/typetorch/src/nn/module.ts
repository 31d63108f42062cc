/**
 * `Module`, the base class of all layers and models.
 *
 * A module is an ordinary object: parameters, buffers and submodules are its attributes, found by looking at the object when they are asked for. So there is
 * no list to keep in step, an attribute may be assigned anew or deleted at any time, and the order is that of assignment. Attribute names are camelCased, the
 * keys of a state_dict are PyTorch's (`runningMean` is saved as `running_mean`, see naming.ts); a class may give other keys in `static keys`.
 */
import { classNameOf, keepClassNames } from "../core/className.ts";
import type { DType } from "../core/dtype.ts";
import { bfloat16, DType as DTypeClass, float16, float32, float64 } from "../core/dtype.ts";
import { ArgumentTypeError, AutogradError, NotSupportedError, type TorchError, ValueError } from "../core/errors.ts";
import { Device } from "../core/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { withBackwardHooks } from "./backwardHooks.ts";
import { deepcopyModule } from "./deepcopy.ts";
import { type BackwardHook, type ForwardHook, type ForwardPreHook, ModuleHooks, type RemovableHandle } from "./hooks.ts";
import { attributeOfKey, keyOfAttribute } from "./naming.ts";
import { Parameter, replaceData } from "./parameter.ts";
import { pythonTypeName } from "./pythonFormat.ts";
import { type IncompatibleKeys, type LoadStateDictOptions, loadStateDict, type StateDictLike } from "./stateDict.ts";

/** A module of whatever arguments and result. */
export type AnyModule = Module<readonly unknown[], unknown>;

const buffersKey = Symbol("buffers");
const hooksKey = Symbol("hooks");

/**
 * Base class of layers and models. Subclasses assign parameters, buffers and other modules to attributes and write `forward`.
 * @see torch.nn.Module
 * @example
 * class Net extends nn.Module {
 *   fc1 = new nn.Linear(784, 128);
 *   fc2 = new nn.Linear(128, 10);
 *   override forward(x: Tensor) { return this.fc2.call(this.fc1.call(x).relu()); }
 * }
 * const out = new Net().call(torch.randn(32, 784)); // (32, 10)
 */
export class Module<Args extends readonly unknown[] = [input: Tensor], Out = Tensor> {
  /** State_dict keys of attributes whose key does not follow from their name. */
  static readonly keys: Readonly<Record<string, string>> = {};

  /** Whether the module behaves as in training (dropout, batch norm); set by `train()` and `eval()`. */
  training = true;
  /** Attributes that are buffers, and whether a state_dict holds them. */
  [buffersKey]: Map<string, boolean> | null = null;
  [hooksKey]: ModuleHooks | null = null;

  /** What the module computes. Call the module with `call`, which runs its hooks too. */
  forward(..._args: Args): Out {
    throw new NotSupportedError(`Module [${this.getName()}] is missing the required "forward" function`);
  }

  /** Runs the module: its forward hooks and `forward`. */
  call(...args: Args): Out {
    const hooks = this[hooksKey];
    if (hooks === null) return this.forward(...args);
    return callWithHooks(this as unknown as AnyModule, hooks, args) as Out;
  }

  // The module's own attributes. Containers that keep theirs elsewhere override these.

  /** This module's own parameters by state_dict key, without those of submodules. */
  ownParameters(): [key: string, parameter: Parameter][] {
    const out: [string, Parameter][] = [];
    for (const name of Object.keys(this)) {
      const value = (this as Record<string, unknown>)[name];
      if (value instanceof Parameter && !this[buffersKey]?.has(name)) out.push([this.keyOf(name), value]);
    }
    return out;
  }
  /** This module's own buffers by state_dict key; those that are null are left out. */
  ownBuffers(): [key: string, buffer: Tensor, persistent: boolean][] {
    const out: [string, Tensor, boolean][] = [];
    if (this[buffersKey] === null) return out;
    for (const [name, persistent] of this[buffersKey]) {
      const value = (this as Record<string, unknown>)[name];
      if (value instanceof Tensor) out.push([this.keyOf(name), value, persistent]);
    }
    return out;
  }
  /** This module's direct submodules by state_dict key. */
  ownModules(): [key: string, module: AnyModule][] {
    const out: [string, AnyModule][] = [];
    for (const name of Object.keys(this)) {
      const value = (this as Record<string, unknown>)[name];
      if (value instanceof Module) out.push([this.keyOf(name), value]);
    }
    return out;
  }
  /** Puts another tensor in the place of an own parameter or buffer. */
  replaceOwn(key: string, tensor: Tensor): void {
    for (const name of Object.keys(this)) {
      if (this.keyOf(name) === key) {
        (this as Record<string, unknown>)[name] = tensor;
        return;
      }
    }
  }
  /** Lets a class mend a state_dict before it is loaded: entries that older files lack, keys that were renamed. */
  beforeLoad(_state: Map<string, unknown>, _prefix: string): void {}

  private keyOf(attribute: string): string {
    return (this.constructor as typeof Module).keys[attribute] ?? keyOfAttribute(attribute);
  }

  // Registration

  /**
   * Adds a tensor that is saved and moved with the module but is no parameter. `name` is the attribute's name. A buffer that is not `persistent` is left out
   * of state_dicts.
   */
  registerBuffer(name: string, tensor: Tensor | null, options: { persistent?: boolean } = {}): void {
    this.checkName("buffer", name);
    if (isTaken(this, name) && !this[buffersKey]?.has(name)) throw new ValueError(`attribute '${name}' already exists`);
    if (tensor !== null && !(tensor instanceof Tensor)) {
      throw new ArgumentTypeError(
        `cannot assign '${pythonTypeName(tensor)}' object to buffer '${name}' (torch Tensor or None required)`,
      );
    }
    this[buffersKey] ??= new Map();
    this[buffersKey].set(name, options.persistent ?? true);
    (this as Record<string, unknown>)[name] = tensor;
  }

  /** Adds a parameter under an attribute's name; null reserves the name. The same as assigning it. */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.checkName("parameter", name);
    const present = (this as Record<string, unknown>)[name];
    if (isTaken(this, name) && present !== null && !(present instanceof Parameter)) {
      throw new ValueError(`attribute '${name}' already exists`);
    }
    if (parameter !== null && !(parameter instanceof Parameter)) {
      throw new ArgumentTypeError(
        `cannot assign '${pythonTypeName(parameter)}' object to parameter '${name}' (torch.nn.Parameter or None required)`,
      );
    }
    if (parameter !== null && !parameter.isLeaf) {
      throw new AutogradError(
        `Cannot assign non-leaf Tensor to parameter '${name}'. Model parameters must be created explicitly. To express '${name}' as a function of another Tensor, compute the value in the forward() method.`,
      );
    }
    (this as Record<string, unknown>)[name] = parameter;
  }

  /** Adds a submodule under an attribute's name. The same as assigning it. */
  addModule(name: string, module: AnyModule): void {
    if (!(module instanceof Module)) throw new ArgumentTypeError(`${pythonTypeName(module)} is not a Module subclass`);
    if (typeof name !== "string") throw new ArgumentTypeError(`module name should be a string. Got ${pythonTypeName(name)}`);
    const present = (this as Record<string, unknown>)[name];
    if (isTaken(this, name) && present !== null && !(present instanceof Module)) {
      throw new ValueError(`attribute '${name}' already exists`);
    }
    if (name.includes(".")) throw new ValueError(`module name can't contain ".", got: ${name}`);
    if (name === "") throw new ValueError('module name can\'t be empty string ""');
    (this as Record<string, unknown>)[name] = module;
  }
  /** Another name of {@link Module.addModule}. */
  registerModule(name: string, module: AnyModule): void {
    this.addModule(name, module);
  }

  private checkName(kind: string, name: string): void {
    if (typeof name !== "string") throw new ArgumentTypeError(`${kind} name should be a string. Got ${pythonTypeName(name)}`);
    if (name.includes(".")) throw new ValueError(`${kind} name can't contain "."`);
    if (name === "") throw new ValueError(`${kind} name can't be empty string ""`);
  }

  // Walking

  /** All parameters, own and (unless `recurse` is false) of submodules, each once. */
  *parameters(options: { recurse?: boolean } = {}): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters(options)) yield parameter;
  }
  /** All parameters with their state_dict keys; a shared one comes once, under its first name, unless `removeDuplicate` is false. */
  *namedParameters(
    options: { prefix?: string; recurse?: boolean; removeDuplicate?: boolean } = {},
  ): Generator<[name: string, parameter: Parameter]> {
    yield* members(this, (module) => module.ownParameters(), options);
  }
  /** All buffers, own and of submodules, each once. */
  *buffers(options: { recurse?: boolean } = {}): Generator<Tensor> {
    for (const [, buffer] of this.namedBuffers(options)) yield buffer;
  }
  /** All buffers with their state_dict keys. */
  *namedBuffers(
    options: { prefix?: string; recurse?: boolean; removeDuplicate?: boolean } = {},
  ): Generator<[name: string, buffer: Tensor]> {
    yield* members(this, (module) => module.ownBuffers().map(([key, buffer]): [string, Tensor] => [key, buffer]), options);
  }
  /** The direct submodules, each once. */
  *children(): Generator<AnyModule> {
    for (const [, module] of this.namedChildren()) yield module;
  }
  /** The direct submodules with their names. */
  *namedChildren(): Generator<[name: string, module: AnyModule]> {
    const seen = new Set<AnyModule>();
    for (const [key, module] of this.ownModules()) {
      if (seen.has(module)) continue;
      seen.add(module);
      yield [key, module];
    }
  }
  /** This module and all below it, each once. */
  *modules(): Generator<AnyModule> {
    for (const [, module] of this.namedModules()) yield module;
  }
  /** This module (under the name `prefix`) and all below it, with dotted names. */
  *namedModules(options: { prefix?: string; removeDuplicate?: boolean } = {}): Generator<[name: string, module: AnyModule]> {
    yield* walk(this as unknown as AnyModule, options.prefix ?? "", options.removeDuplicate === false ? null : new Set());
  }

  /** The submodule of a dotted name such as `layer1.0.conv1`; the empty name is this module. */
  getSubmodule(target: string): AnyModule {
    let module = this as unknown as AnyModule;
    if (target === "") return module;
    for (const part of target.split(".")) {
      const next = module.ownModules().find(([key]) => key === part);
      if (next === undefined) throw missingMember(module, part, "an nn.Module");
      module = next[1];
    }
    return module;
  }
  /** The parameter of a dotted name such as `fc.weight`. */
  getParameter(target: string): Parameter {
    const [module, name] = this.ownerOf(target);
    const found = module.ownParameters().find(([key]) => key === name);
    if (found === undefined) throw missingMember(module, name, "an nn.Parameter");
    return found[1];
  }
  /** The buffer of a dotted name such as `bn1.running_mean`. */
  getBuffer(target: string): Tensor {
    const [module, name] = this.ownerOf(target);
    const found = module.ownBuffers().find(([key]) => key === name);
    if (found === undefined) throw missingMember(module, name, "a buffer");
    return found[1];
  }
  private ownerOf(target: string): [module: AnyModule, name: string] {
    const at = target.lastIndexOf(".");
    return [this.getSubmodule(at < 0 ? "" : target.slice(0, at)), target.slice(at + 1)];
  }

  // State

  /**
   * All parameters and persistent buffers by PyTorch's key, in PyTorch's order. The tensors share the module's memory but not its graph; with `keepVars` they
   * are the parameters and buffers themselves.
   */
  stateDict(options: { prefix?: string; keepVars?: boolean; destination?: Map<string, Tensor> } = {}): Map<string, Tensor> {
    const { prefix = "", keepVars = false, destination = new Map<string, Tensor>() } = options;
    for (const [key, parameter] of this.ownParameters()) destination.set(prefix + key, keepVars ? parameter : parameter.detach());
    for (const [key, buffer, persistent] of this.ownBuffers()) {
      if (persistent) destination.set(prefix + key, keepVars ? buffer : buffer.detach());
    }
    for (const [key, module] of this.ownModules()) module.stateDict({ prefix: `${prefix}${key}.`, keepVars, destination });
    return destination;
  }

  /**
   * Copies the tensors of a state_dict into the module's parameters and buffers. Everything is checked before anything is changed: when keys are missing,
   * unexpected or of another shape, {@link StateDictError} lists them all and the module is as before. With `strict: false` missing and unexpected keys are
   * returned instead; with `assign: true` the tensors themselves take the places.
   */
  loadStateDict(state: StateDictLike, options: LoadStateDictOptions = {}): IncompatibleKeys {
    return loadStateDict(this as unknown as AnyModule, state, options);
  }

  // Changing all at once

  /** Calls `fn` on every module, submodules first, then this one. */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this as unknown as AnyModule);
    return this;
  }

  /** Training mode on or off, here and in all submodules. */
  train(mode = true): this {
    if (typeof mode !== "boolean") throw new ValueError("training mode is expected to be boolean");
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }
  /** Evaluation mode, the same as `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Whether autograd records operations on the parameters. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad);
    return this;
  }

  /** Forgets the gradients of all parameters; with `setToNone: false` they become zeros in place. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    for (const parameter of this.parameters()) {
      if (options.setToNone ?? true) parameter.dropGrad();
      else parameter.ownGrad?.detach_().zero_();
    }
  }

  /**
   * Moves the parameters and buffers in place to a device, a dtype (floating ones only) or both; or to those of another tensor. Optimizers that hold the
   * parameters keep holding them.
   */
  to(target: DType | Device | string | Tensor | { device?: Device | string; dtype?: DType }, dtype?: DType): this {
    const wanted: { device?: Device | string; dtype?: DType } = {};
    if (target instanceof DTypeClass) wanted.dtype = target;
    else if (target instanceof Device || typeof target === "string") wanted.device = target;
    else {
      if (target.device !== undefined) wanted.device = target.device;
      if (target.dtype !== undefined) wanted.dtype = target.dtype;
    }
    if (dtype !== undefined) wanted.dtype = dtype;
    if (wanted.dtype !== undefined && !wanted.dtype.isFloatingPoint) {
      throw new ArgumentTypeError(
        `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=${wanted.dtype}`,
      );
    }
    return this.convert((tensor) => {
      const dtype = tensor.dtype.isFloatingPoint ? wanted.dtype : undefined;
      return tensor.to({ ...(dtype && { dtype }), ...(wanted.device !== undefined && { device: wanted.device }) });
    });
  }
  /** Floating parameters and buffers become float32. */
  float(): this {
    return this.to(float32);
  }
  /** Floating parameters and buffers become float64. */
  double(): this {
    return this.to(float64);
  }
  /** Floating parameters and buffers become float16. */
  half(): this {
    return this.to(float16);
  }
  /** Floating parameters and buffers become bfloat16. */
  bfloat16(): this {
    return this.to(bfloat16);
  }
  /** All parameters and buffers become of a dtype, integers too. */
  type(dtype: DType): this {
    return this.convert((tensor) => tensor.to(dtype));
  }
  /** Moves to the CPU. */
  cpu(): this {
    return this.to("cpu");
  }

  /** Replaces the data of every parameter and buffer, here and below, by what `fn` makes of it. Gradients are converted too. */
  convert(fn: (tensor: Tensor) => Tensor): this {
    for (const [, child] of this.ownModules()) child.convert(fn);
    for (const [, parameter] of this.ownParameters()) {
      replaceData(parameter, fn(parameter.detach()));
      if (parameter.grad !== null) parameter.grad = fn(parameter.grad.detach());
    }
    for (const [key, buffer] of this.ownBuffers()) this.replaceOwn(key, fn(buffer));
    return this;
  }

  /** An independent copy with its own tensors; a parameter that occurs twice occurs twice in the copy. The counterpart of `copy.deepcopy(module)`. */
  deepcopy(): this {
    return deepcopyModule(this);
  }

  // Hooks

  /** Runs `hook(module, args)` before each `forward`; what it returns, if anything, becomes the arguments. */
  registerForwardPreHook(hook: ForwardPreHook, options: { prepend?: boolean } = {}): RemovableHandle {
    this[hooksKey] ??= new ModuleHooks();
    return ModuleHooks.add(this[hooksKey].forwardPre, hook, options.prepend ?? false);
  }
  /** Runs `hook(module, args, output)` after each `forward`; what it returns, if anything, becomes the output. */
  registerForwardHook(hook: ForwardHook, options: { prepend?: boolean } = {}): RemovableHandle {
    this[hooksKey] ??= new ModuleHooks();
    return ModuleHooks.add(this[hooksKey].forward, hook, options.prepend ?? false);
  }

  /**
   * Runs `hook(module, gradInput, gradOutput)` when the gradients of the module's arguments have been computed; what it returns, if anything, takes the place of
   * `gradInput`. Arguments and results that are not tensors have null gradients.
   */
  registerFullBackwardHook(hook: BackwardHook, options: { prepend?: boolean } = {}): RemovableHandle {
    this[hooksKey] ??= new ModuleHooks();
    return ModuleHooks.add(this[hooksKey].backward, hook, options.prepend ?? false);
  }

  // Printing

  /** The name under which the module prints: that of its class. */
  getName(): string {
    return classNameOf(this);
  }
  /** What a module prints between its parentheses. */
  extraRepr(): string {
    return "";
  }
  /** The module and its submodules as PyTorch prints them. */
  toString(): string {
    const extra = this.extraRepr();
    const extraLines = extra === "" ? [] : extra.split("\n");
    const childLines = this.ownModules().map(([key, module]) => `(${key}): ${String(module).replaceAll("\n", "\n  ")}`);
    if (extraLines.length === 1 && childLines.length === 0) return `${this.getName()}(${extra})`;
    const lines = [...extraLines, ...childLines];
    return lines.length === 0 ? `${this.getName()}()` : `${this.getName()}(\n  ${lines.join("\n  ")}\n)`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** The hooks of a module, null before the first is registered. @internal */
export function hooksOf(module: AnyModule): ModuleHooks | null {
  return module[hooksKey];
}

/** Whether a name means something on the object already. A field that is declared but never assigned does not count. */
function isTaken(module: object, name: string): boolean {
  return name in module && (module as Record<string, unknown>)[name] !== undefined;
}

function callWithHooks(module: AnyModule, hooks: ModuleHooks, args: readonly unknown[]): unknown {
  let given = args;
  for (const hook of hooks.forwardPre.values()) {
    const result = hook(module, given);
    if (result !== undefined && result !== null) given = Array.isArray(result) ? result : [result];
  }
  const backward = [...hooks.backward.values()];
  let output =
    backward.length === 0
      ? module.forward(...given)
      : withBackwardHooks(module, backward, given, (args) => module.forward(...args));
  for (const hook of hooks.forward.values()) {
    const result = hook(module, given, output);
    if (result !== undefined && result !== null) output = result;
  }
  return output;
}

/** This module and those below it, depth first. */
function* walk(module: AnyModule, prefix: string, seen: Set<AnyModule> | null): Generator<[string, AnyModule]> {
  if (seen?.has(module)) return;
  seen?.add(module);
  yield [prefix, module];
  for (const [key, child] of module.ownModules()) yield* walk(child, prefix === "" ? key : `${prefix}.${key}`, seen);
}

/** Own members of a module and of all below it, with dotted names, each member once. */
function* members<M>(
  root: {
    namedModules(options: { prefix?: string; removeDuplicate?: boolean }): Iterable<[string, AnyModule]>;
    getName(): string;
  },
  own: (module: AnyModule) => [string, M][],
  options: { prefix?: string; recurse?: boolean; removeDuplicate?: boolean },
): Generator<[string, M]> {
  const { prefix = "", recurse = true, removeDuplicate = true } = options;
  const seen = new Set<M>();
  const modules = recurse ? root.namedModules({ prefix, removeDuplicate }) : [[prefix, root as AnyModule] as const];
  for (const [path, module] of modules) {
    for (const [key, member] of own(module)) {
      if (removeDuplicate) {
        if (seen.has(member)) continue;
        seen.add(member);
      }
      yield [path === "" ? key : `${path}.${key}`, member];
    }
  }
}

function missingMember(module: AnyModule, name: string, kind: string): TorchError {
  const present = (module as unknown as Record<string, unknown>)[attributeOfKey(name)];
  if (present === undefined) return new ValueError(`${module.getName()} has no attribute \`${name}\``);
  return new ValueError(`\`${name}\` is not ${kind}`);
}

keepClassNames({ Module });
