import { IndexError } from "../../core/errors.ts";

/** Position `index` (negative: from the end) in a list of `length`, in PyTorch's words when it is out of range. */
export function positionIn(index: number, length: number): number {
  if (!Number.isInteger(index) || index < -length || index >= length) throw new IndexError(`index ${index} is out of range`);
  return index < 0 ? index + length : index;
}

/** Puts values at the own properties 0, 1, 2 …, and deletes what was behind them. */
export function assignIndexed(target: object, values: readonly unknown[], oldLength: number): void {
  const record = target as Record<number, unknown>;
  for (let i = 0; i < values.length; i++) record[i] = values[i];
  for (let i = values.length; i < oldLength; i++) delete record[i];
}
