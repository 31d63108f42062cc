/**
 * The code of convolutions: the routines of their kernel.
 */
import { emitConvForward, emitCopyPlane, emitPackWeight } from "./convDriver.ts";
import { emitConvWeight, emitSumParts } from "./convWeight.ts";
import { emitTiles } from "./gemmDriver.ts";
import type { GemmTarget } from "./gemmTile.ts";
import type { Body, ModuleWriter } from "./module.ts";

/** Routines of a convolution's kernel. */
export const convRoutine = { forward: 0, packWeight: 1, weight: 2, sum: 3 } as const;

/** What {@link ProductCodes} makes a convolution of. */
export function emitConvolutions(m: ModuleWriter, t: GemmTarget): Body[] {
  const tiles = emitTiles(m, t, true);
  const copyPlane = emitCopyPlane(m, t);
  const routines: Body[] = [];
  routines[convRoutine.forward] = emitConvForward(m, t, tiles, copyPlane);
  routines[convRoutine.packWeight] = emitPackWeight(m, t);
  routines[convRoutine.weight] = emitConvWeight(m, t, tiles, copyPlane);
  routines[convRoutine.sum] = emitSumParts(m, t);
  return routines;
}
