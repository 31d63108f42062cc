/**
 * Kernel specifications: what ops hand to a backend. A specification says what is computed for one element or one row; loops, vectors, threads and strides are
 * the backend's. Specifications are made once per op and dtypes and kept: the CPU backend caches what it compiles for one on the object itself
 * (`compiled`), other devices beside it.
 */
import type { DType } from "../core/dtype.ts";
import type { Expr, ScalarType } from "./expr.ts";
import type { LoopKernel } from "./loops.ts";

/** `map`: outputs[k] = value(inputs…) for every element of an N-d strided, broadcast index space. */
export interface MapSpec {
  readonly kind: "map";
  readonly name: string;
  readonly inputs: readonly DType[];
  readonly outputs: readonly { readonly dtype: DType; readonly value: Expr }[];
  /** How many `param` leaves there are. */
  readonly params: number;
  compiled: unknown;
}

/**
 * One reduction over a row. `add`, `mul`, `max`, `min` (NaN wins), `or`, `and` start at their neutral element. `argmax` and `argmin` give the i64 column of the
 * first extreme value (NaN counts as the most extreme); `value` is what is compared.
 */
export interface Reduction {
  readonly op: "add" | "mul" | "max" | "min" | "or" | "and" | "argmax" | "argmin";
  readonly value: Expr;
  /** Type of the result: `value.type`, or i64 for argmax and argmin. */
  readonly type: ScalarType;
}

/**
 * `row`: for every row, passes over its columns, then outputs. A pass computes reductions that later passes and outputs see as `accumulator` leaves, numbered
 * through all passes. It covers sum, softmax, layer norm, batch norm, cross entropy. Rows and columns may each be several dimensions, in any stride order.
 */
export interface RowSpec {
  readonly kind: "row";
  readonly name: string;
  /** `element`: varies with row and column. `row`: one value per row. `column`: one value per column, the same for all rows. */
  readonly inputs: readonly { readonly dtype: DType; readonly along: "element" | "row" | "column" }[];
  readonly passes: readonly (readonly Reduction[])[];
  readonly outputs: readonly { readonly dtype: DType; readonly along: "element" | "row"; readonly value: Expr }[];
  readonly params: number;
  compiled: unknown;
}

/** `loops`: a loop nest written out by the op (pooling, gather, scan …). */
export interface LoopSpec {
  readonly kind: "loops";
  readonly kernel: LoopKernel;
  compiled: unknown;
}
