import { ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { empty, noGrad } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { normalize } from "../functional/distance.ts";
import type { AnyModule } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { attributesOf, install, parameterOf, uninstall } from "./weightNorm.ts";

interface SpectralNormOptions {
  /** The parameter's attribute. Default: `weight`. */
  name?: string;
  /** Steps of the power iteration for each call. Default: 1. */
  nPowerIterations?: number;
  /** Default: 1e-12. */
  eps?: number;
  /** The dimension of the outputs. Default: 0, but 1 for transposed convolutions. */
  dim?: number | null;
}

/**
 * Divides a parameter by its largest singular value, which a power iteration follows (`weightOrig`, `weightU`, `weightV`). Returns the module.
 * @source Miyato et al. 2018, arXiv:1802.05957   @see torch.nn.utils.spectral_norm
 * @example
 * nn.utils.spectralNorm(new nn.Linear(2, 3)).call(torch.ones(2)).shape // [3]
 */
export function spectralNorm<M extends AnyModule>(
  module: M,
  ...rest: Trailing<[name: string, nPowerIterations: number, eps: number, dim: number | null], SpectralNormOptions>
): M {
  const options = trailing<SpectralNormOptions>(rest, ["name", "nPowerIterations", "eps", "dim"]);
  const { name = "weight", nPowerIterations = 1, eps = 1e-12 } = options;
  if (nPowerIterations <= 0) {
    throw new ValueError(`Expected n_power_iterations to be positive, but got n_power_iterations=${nPowerIterations}`);
  }
  const weight = parameterOf("SpectralNorm", module, name);
  const dim = options.dim ?? ((attributesOf(module).transposed as boolean | undefined) ? 1 : 0);
  const matrixOf = (w: Tensor): Tensor => {
    const front = dim === 0 ? w : w.movedim(dim, 0);
    return front.reshape([front.shape[0]!, -1]);
  };
  const unit = (x: Tensor) => normalize(x, { dim: 0, eps });

  const compute = (m: AnyModule, iterate: boolean): Tensor => {
    const own = attributesOf(m);
    const original = own[`${name}Orig`] as Tensor;
    const matrix = matrixOf(original);
    const keptU = own[`${name}U`] as Tensor;
    const keptV = own[`${name}V`] as Tensor;
    if (iterate) {
      noGrad(() => {
        for (let k = 0; k < nPowerIterations; k++) {
          keptV.copy_(unit(matrix.t().mv(keptU)));
          keptU.copy_(unit(matrix.mv(keptV)));
        }
      });
    }
    // Copies, so that the next call may change the vectors while this graph still needs them.
    const [u, v] = [keptU.clone(), keptV.clone()];
    return original.div(u.dot(matrix.mv(v)));
  };
  install(
    "spectral_norm",
    module,
    name,
    (m) => {
      attributesOf(m)[name] = compute(m, m.training);
    },
    (m) => {
      const own = attributesOf(m);
      const value = noGrad(() => compute(m, false)).detach();
      for (const part of ["", "Orig", "U", "V"]) delete own[name + part];
      own[name] = new Parameter(value);
    },
  );
  const [rows, columns] = matrixOf(weight.detach()).shape as [number, number];
  const draw = (size: number) => noGrad(() => unit(empty([size], { dtype: weight.dtype, device: weight.device }).normal_(0, 1)));
  const u = draw(rows);
  const v = draw(columns);
  const own = attributesOf(module);
  delete own[name];
  own[`${name}Orig`] = weight;
  own[name] = weight.detach();
  module.registerBuffer(`${name}U`, u);
  module.registerBuffer(`${name}V`, v);
  return module;
}

/**
 * Undoes {@link spectralNorm}.
 * @see torch.nn.utils.remove_spectral_norm
 * @example
 * [...nn.utils.removeSpectralNorm(nn.utils.spectralNorm(new nn.Linear(2, 3))).stateDict().keys()] // ["bias", "weight"]
 */
export function removeSpectralNorm<M extends AnyModule>(module: M, name = "weight"): M {
  uninstall("spectral_norm", module, name);
  return module;
}
