import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import { ArgumentTypeError, ValueError } from "../core/errors.ts";
import { cat, enableGrad, noGrad, type Tensor, zerosLike } from "../tensor/core.ts";
import { Optimizer, type ParamsInput, type State } from "./optimizer.ts";
import { strongWolfe } from "./strongWolfe.ts";

export interface LBFGSOptions {
  /** Factor on each step. Default: 1. */
  lr?: number;
  /** Iterations per `step`. Default: 20. */
  maxIter?: number;
  /** Evaluations of the closure per `step`. Default: maxIter * 1.25. */
  maxEval?: number | null;
  /** The largest gradient element at which to stop. Default: 1e-7. */
  toleranceGrad?: number;
  /** The change of loss or parameters at which to stop. Default: 1e-9. */
  toleranceChange?: number;
  /** How many past steps approximate the Hessian. Default: 100. */
  historySize?: number;
  /** Default: null, steps of fixed size. */
  lineSearchFn?: "strong_wolfe" | null;
}

interface LBFGSState extends State {
  func_evals: number;
  n_iter: number;
  /** Direction of the last step. */
  d?: Tensor;
  /** Size of the last step. */
  t?: number;
  old_dirs?: Tensor[];
  old_stps?: Tensor[];
  ro?: number[];
  H_diag?: number;
  prev_flat_grad?: Tensor;
  prev_loss?: number;
  al?: (number | null)[];
}

const largest = (x: Tensor): number => x.abs().max().item();

/**
 * L-BFGS, a quasi-Newton method: `step(closure)` evaluates the loss several times. One parameter group only. `torch.optim.LBFGS`.
 *
 * @source Updating Quasi-Newton Matrices with Limited Storage, J. Nocedal, 1980; minFunc by M. Schmidt
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.LBFGS([w], { lineSearchFn: "strong_wolfe" });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = w.sub(3).square().sum();
 *   loss.backward();
 *   return loss;
 * });
 * w.detach() // tensor([3.0000, 3.0000])
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  constructor(params: ParamsInput<LBFGSOptions>, options: LBFGSOptions = {}) {
    checkArguments(
      "LBFGS(any params, options? options, {float lr, float maxIter, float|None maxEval, float toleranceGrad, float toleranceChange, float historySize, str|None lineSearchFn})",
      params,
      options,
    );
    const {
      lr = 1,
      maxIter = 20,
      toleranceGrad = 1e-7,
      toleranceChange = 1e-9,
      historySize = 100,
      lineSearchFn = null,
    } = options;
    const maxEval = options.maxEval ?? Math.floor((maxIter * 5) / 4);
    super(params, { lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn });
    if (this.paramGroups.length !== 1) throw new ValueError("LBFGS doesn't support per-parameter options (parameter groups)");
  }

  private get params(): Tensor[] {
    return this.paramGroups[0]!.params;
  }

  private flatGrad(): Tensor {
    return cat(this.params.map((p) => (p.grad === null ? zerosLike(p) : p.grad).detach().reshape(-1)));
  }

  /** Moves the parameters by `size` times a flat direction. */
  private move(size: number, direction: Tensor): void {
    let offset = 0;
    for (const p of this.params) {
      const part = direction.narrow(0, offset, p.numel()).view(p.shape);
      p.add_(part, { alpha: size });
      offset += p.numel();
    }
  }

  override step(): never;
  override step<R>(closure: () => R): R;
  override step<R>(closure?: () => R): R {
    if (closure === undefined) {
      throw new ArgumentTypeError(
        "step() missing 1 required positional argument: 'closure'",
        "LBFGS evaluates the loss several times",
      );
    }
    return noGrad(() => this.minimize(() => enableGrad(closure)));
  }

  private minimize<R>(closure: () => R): R {
    const group = this.paramGroups[0]!;
    const { lr, toleranceGrad, toleranceChange, historySize, lineSearchFn } = group;
    const maxIter = group.maxIter;
    const maxEval = group.maxEval ?? Math.floor((maxIter * 5) / 4);
    let state = this.state.get(this.params[0]!) as LBFGSState | undefined;
    if (state === undefined) {
      state = { func_evals: 0, n_iter: 0 };
      this.state.set(this.params[0]!, state);
    }
    const firstLoss = closure();
    let loss = Number(firstLoss);
    let evaluations = 1;
    state.func_evals++;
    let flatGrad = this.flatGrad();
    let optimal = largest(flatGrad) <= toleranceGrad;
    if (optimal) return firstLoss;

    let d = state.d as Tensor;
    let t = state.t as number;
    let oldDirs = state.old_dirs ?? [];
    let oldSteps = state.old_stps ?? [];
    let ro = state.ro ?? [];
    let hDiag = state.H_diag ?? 1;
    let previousGrad = state.prev_flat_grad;
    let previousLoss = state.prev_loss ?? 0;

    for (let iteration = 1; iteration <= maxIter; iteration++) {
      state.n_iter++;
      if (state.n_iter === 1) {
        d = flatGrad.neg();
        oldDirs = [];
        oldSteps = [];
        ro = [];
        hDiag = 1;
      } else {
        const y = flatGrad.sub(previousGrad!);
        const s = d.mul(t);
        const ys = y.dot(s).item();
        if (ys > 1e-10) {
          if (oldDirs.length === historySize) {
            oldDirs.shift();
            oldSteps.shift();
            ro.shift();
          }
          oldDirs.push(y);
          oldSteps.push(s);
          ro.push(1 / ys);
          hDiag = ys / y.dot(y).item();
        }
        d = this.inverseHessianTimes(flatGrad.neg(), state, oldDirs, oldSteps, ro, hDiag, historySize);
      }
      if (previousGrad === undefined) previousGrad = flatGrad.clone();
      else previousGrad.copy_(flatGrad);
      previousLoss = loss;

      t = state.n_iter === 1 ? Math.min(1, 1 / flatGrad.abs().sum().item()) * lr : lr;
      const slope = flatGrad.dot(d).item();
      if (slope > -toleranceChange) break;

      let evaluated = 0;
      if (lineSearchFn !== null) {
        if (lineSearchFn !== "strong_wolfe") throw new ValueError("only 'strong_wolfe' is supported");
        const start = this.params.map((p) => p.clone());
        const direction = d;
        const found = strongWolfe(
          (size) => {
            this.move(size, direction);
            const value = Number(closure());
            const grad = this.flatGrad();
            this.params.forEach((p, i) => {
              p.copy_(start[i]!);
            });
            return { value, grad, slope: grad.dot(direction).item() };
          },
          t,
          largest(d),
          { value: loss, grad: flatGrad.clone(), slope },
        );
        ({ value: loss, grad: flatGrad } = found.point);
        t = found.size;
        evaluated = found.evaluations;
        this.move(t, d);
        optimal = largest(flatGrad) <= toleranceGrad;
      } else {
        this.move(t, d);
        if (iteration !== maxIter) {
          loss = Number(closure());
          flatGrad = this.flatGrad();
          optimal = largest(flatGrad) <= toleranceGrad;
          evaluated = 1;
        }
      }
      evaluations += evaluated;
      state.func_evals += evaluated;

      if (evaluations >= maxEval || optimal) break;
      if (largest(d.mul(t)) <= toleranceChange || Math.abs(loss - previousLoss) < toleranceChange) break;
    }
    state.d = d;
    state.t = t;
    state.old_dirs = oldDirs;
    state.old_stps = oldSteps;
    state.ro = ro;
    state.H_diag = hDiag;
    state.prev_flat_grad = previousGrad!;
    state.prev_loss = previousLoss;
    return firstLoss;
  }

  /** The two-loop recursion: q, times the approximation of the inverse Hessian. */
  private inverseHessianTimes(
    q: Tensor,
    state: LBFGSState,
    oldDirs: readonly Tensor[],
    oldSteps: readonly Tensor[],
    ro: readonly number[],
    hDiag: number,
    historySize: number,
  ): Tensor {
    state.al ??= new Array<number | null>(historySize).fill(null);
    const al = state.al as number[];
    for (let i = oldDirs.length - 1; i >= 0; i--) {
      al[i] = oldSteps[i]!.dot(q).item() * ro[i]!;
      q.add_(oldDirs[i]!, { alpha: -al[i]! });
    }
    const r = q.mul(hDiag);
    for (let i = 0; i < oldDirs.length; i++) {
      const be = oldDirs[i]!.dot(r).item() * ro[i]!;
      r.add_(oldSteps[i]!, { alpha: al[i]! - be });
    }
    return r;
  }
}

keepClassNames({ LBFGS });
