import { keepClassNames } from "../core/className.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AnyModule } from "./module.ts";

/** Runs before `forward`, sees its arguments and may replace them by returning new ones (an array of all, or a single one). */
export type ForwardPreHook = (module: AnyModule, args: readonly unknown[]) => unknown;
/** Runs after `forward`, sees its result and may replace it by returning another. */
export type ForwardHook = (module: AnyModule, args: readonly unknown[], output: unknown) => unknown;
/** Sees the gradients of a module's inputs and outputs and may return other gradients of the inputs. */
export type BackwardHook = (
  module: AnyModule,
  gradInput: readonly (Tensor | null)[],
  gradOutput: readonly (Tensor | null)[],
) => readonly (Tensor | null)[] | Tensor | undefined;

/** What registering a hook gives back: `remove()` takes the hook away again, also when it was removed before. */
export class RemovableHandle implements Disposable {
  readonly #hooks: Map<number, unknown>;
  readonly #id: number;
  constructor(hooks: Map<number, unknown>, id: number) {
    this.#hooks = hooks;
    this.#id = id;
  }
  remove(): void {
    this.#hooks.delete(this.#id);
  }
  [Symbol.dispose](): void {
    this.remove();
  }
}

let nextId = 0;

/** The hooks of one module, each kind in order of registration. */
export class ModuleHooks {
  readonly forwardPre = new Map<number, ForwardPreHook>();
  readonly forward = new Map<number, ForwardHook>();
  readonly backward = new Map<number, BackwardHook>();

  /** The same hooks in maps of their own. */
  copy(): ModuleHooks {
    const out = new ModuleHooks();
    for (const [id, hook] of this.forwardPre) out.forwardPre.set(id, hook);
    for (const [id, hook] of this.forward) out.forward.set(id, hook);
    for (const [id, hook] of this.backward) out.backward.set(id, hook);
    return out;
  }

  /** Adds a hook to one of the maps; `prepend` puts it before those that are there. */
  static add<H>(hooks: Map<number, H>, hook: H, prepend: boolean): RemovableHandle {
    const id = nextId++;
    const before = prepend ? [...hooks] : [];
    if (prepend) hooks.clear();
    hooks.set(id, hook);
    for (const [key, value] of before) hooks.set(key, value);
    return new RemovableHandle(hooks, id);
  }
}

keepClassNames({ RemovableHandle, ModuleHooks });
