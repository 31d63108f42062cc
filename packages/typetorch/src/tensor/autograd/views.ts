/**
 * The graph node of a view whose memory was changed through another tensor: it is made anew, as a view of the base as it is now.
 */
import type { Tensor } from "../tensor.ts";
import type { Node } from "./node.ts";

/** Set by the dispatcher: records a strided view of the base. @internal */
export const viewRecorder: { record: (view: Tensor) => Node | null } = { record: () => null };

export function viewGradFn(view: Tensor): Node | null {
  const base = view.base!;
  if (base.requiresGrad && !view.extras?.viewMadeInNoGrad) {
    view.node = viewRecorder.record(view);
    view.outputNr = 0;
  }
  view.viewVersion = view.storage.version;
  return view.node;
}
