/**
 * Anomaly mode: backward passes that find NaN throw, and name the forward call that made the node.
 */
import { isAnomalyEnabled, setAnomaly } from "../tensor/autograd/node.ts";

/**
 * Switches anomaly mode on or off; returns a guard that switches back when it is disposed. Slow: for finding errors only. As
 * `torch.autograd.set_detect_anomaly`.
 */
export function setDetectAnomaly(enabled: boolean): Disposable {
  const before = isAnomalyEnabled();
  setAnomaly(enabled);
  return {
    [Symbol.dispose]() {
      setAnomaly(before);
    },
  };
}

/**
 * Runs `body` in anomaly mode. As `torch.autograd.detect_anomaly`.
 * @example
 * torch.autograd.detectAnomaly(() => torch.ones(2).sum()) // tensor(2.)
 */
export function detectAnomaly<R>(body: () => R): R {
  const guard = setDetectAnomaly(true);
  try {
    return body();
  } finally {
    guard[Symbol.dispose]();
  }
}
