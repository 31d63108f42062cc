import type { AnyModule, Module } from "../nn/module.ts";
import { BatchNorm } from "../nn/modules/batchNorm.ts";
import { noGrad, onesLike, type Tensor, zerosLike } from "../tensor/core.ts";

/**
 * Computes the running statistics of a model's batch norm layers anew, in one pass over the data: for averaged models. Batches are tensors, or lists whose
 * first element is the input. `torch.optim.swa_utils.update_bn`.
 *
 * @example
 * const model = new nn.BatchNorm1d(2);
 * optim.swaUtils.updateBn([torch.ones(4, 2), torch.zeros(4, 2)], model);
 * model.runningMean // tensor([0.5000, 0.5000])
 */
export function updateBn(loader: Iterable<Tensor | readonly unknown[]>, model: Module<[input: Tensor], unknown>): void {
  const momenta = new Map<BatchNorm, number | null>();
  for (const module of model.modules() as Iterable<AnyModule | BatchNorm>) {
    if (!(module instanceof BatchNorm)) continue;
    if (module.runningMean !== null) module.runningMean = zerosLike(module.runningMean);
    if (module.runningVar !== null) module.runningVar = onesLike(module.runningVar);
    momenta.set(module, module.momentum);
  }
  if (momenta.size === 0) return;
  const wasTraining = model.training;
  model.train();
  for (const module of momenta.keys()) {
    module.momentum = null; // a plain mean over the batches
    module.numBatchesTracked?.zero_();
  }
  noGrad(() => {
    for (const batch of loader) model.call((Array.isArray(batch) ? batch[0] : batch) as Tensor);
  });
  for (const [module, momentum] of momenta) module.momentum = momentum;
  model.train(wasTraining);
}
