/**
 * The recurrent cells, written once over the algebra that kernels and tensors share. `z` are the gates' input projections; `y` the hidden state's, where a cell
 * needs them apart (elsewhere they are added to `z` already).
 */
import type { Num } from "../../ir/num.ts";

/** What a cell makes of one time step. `gates` are the activated gates, kept for the derivative. */
export interface CellStep<T> {
  readonly gates: readonly T[];
  readonly h: T;
  readonly c: T | null;
}

/** Values of one step that a derivative may read. Where a cell has no cell state `c` and `cPrev` are not to be read, likewise `y` and `hPrev` unless `separate`. */
export interface CellValues<T> {
  readonly gates: readonly T[];
  readonly y: readonly T[];
  readonly hPrev: T;
  readonly c: T;
  readonly cPrev: T;
}

/** Gradients of one step: of `z`, of `y` (the same unless `separate`), and what flows to the step before without passing the hidden projection. */
export interface CellGradients<T> {
  readonly dz: readonly T[];
  readonly dy: readonly T[];
  readonly dhPrev: T | null;
  readonly dcPrev: T | null;
}

export interface Cell {
  readonly name: string;
  /** How many gates: rows of the weights over the hidden size. */
  readonly gates: number;
  /** Whether there is a cell state beside the hidden state. */
  readonly hasCellState: boolean;
  /** Whether the hidden projection is needed apart from the input projection. */
  readonly separate: boolean;
  forward<T extends Num<T>>(z: readonly T[], y: readonly T[], hPrev: T, cPrev: T): CellStep<T>;
  backward<T extends Num<T>>(dh: T, dc: T, values: CellValues<T>): CellGradients<T>;
}

/** Derivative of sigmoid, from its value. */
function sigmoidSlope<T extends Num<T>>(s: T): T {
  return s.mul(s.neg().add(1));
}
/** Derivative of tanh, from its value. */
function tanhSlope<T extends Num<T>>(t: T): T {
  return t.mul(t).neg().add(1);
}

/** i, f, g, o; c' = f c + i g; h' = o tanh(c'). */
export const lstmCell: Cell = {
  name: "lstm",
  gates: 4,
  hasCellState: true,
  separate: false,
  forward: (z, _y, _hPrev, cPrev) => {
    const i = z[0]!.sigmoid();
    const f = z[1]!.sigmoid();
    const g = z[2]!.tanh();
    const o = z[3]!.sigmoid();
    const c = f.mul(cPrev).add(i.mul(g));
    return { gates: [i, f, g, o], h: o.mul(c.tanh()), c };
  },
  backward: (dh, dcNext, { gates, c, cPrev }) => {
    const [i, f, g, o] = gates as [typeof dh, typeof dh, typeof dh, typeof dh];
    const tanhC = c.tanh();
    const dc = dh.mul(o).mul(tanhSlope(tanhC)).add(dcNext);
    const dz = [
      dc.mul(g).mul(sigmoidSlope(i)),
      dc.mul(cPrev).mul(sigmoidSlope(f)),
      dc.mul(i).mul(tanhSlope(g)),
      dh.mul(tanhC).mul(sigmoidSlope(o)),
    ];
    return { dz, dy: dz, dhPrev: null, dcPrev: dc.mul(f) };
  },
};

/** r, z, n; n reads r * (hidden projection); h' = (1 - z) n + z h. */
export const gruCell: Cell = {
  name: "gru",
  gates: 3,
  hasCellState: false,
  separate: true,
  forward: (zs, ys, hPrev) => {
    const r = zs[0]!.add(ys[0]!).sigmoid();
    const z = zs[1]!.add(ys[1]!).sigmoid();
    const n = zs[2]!.add(r.mul(ys[2]!)).tanh();
    return { gates: [r, z, n], h: hPrev.sub(n).mul(z).add(n), c: null };
  },
  backward: (dh, _dc, { gates, y, hPrev }) => {
    const [r, z, n] = gates as [typeof dh, typeof dh, typeof dh];
    const dn = dh.mul(z.neg().add(1)).mul(tanhSlope(n));
    const dz = dh.mul(hPrev.sub(n)).mul(sigmoidSlope(z));
    const dr = dn.mul(y[2]!).mul(sigmoidSlope(r));
    return { dz: [dr, dz, dn], dy: [dr, dz, dn.mul(r)], dhPrev: dh.mul(z), dcPrev: null };
  },
};

/** h' = tanh(z). */
export const tanhCell: Cell = {
  name: "rnn_tanh",
  gates: 1,
  hasCellState: false,
  separate: false,
  forward: (z) => {
    const h = z[0]!.tanh();
    return { gates: [h], h, c: null };
  },
  backward: (dh, _dc, { gates }) => {
    const dz = [dh.mul(tanhSlope(gates[0]!))];
    return { dz, dy: dz, dhPrev: null, dcPrev: null };
  },
};

/** h' = max(z, 0). */
export const reluCell: Cell = {
  name: "rnn_relu",
  gates: 1,
  hasCellState: false,
  separate: false,
  forward: (z) => {
    const x = z[0]!;
    const h = x.where(x.gt(0).logicalOr(x.ne(x)), 0);
    return { gates: [h], h, c: null };
  },
  backward: (dh, _dc, { gates }) => {
    const dz = [dh.where(gates[0]!.gt(0), 0)];
    return { dz, dy: dz, dhPrev: null, dcPrev: null };
  },
};
