export { atleast_1d, atleast_2d, atleast_3d } from "./atleast.ts";
export { cartesianProd, combinations, meshgrid } from "./combine.ts";
export { diag, diagEmbed, diagflat, trace } from "./diag.ts";
export { flip, fliplr, flipud, roll, rot90 } from "./flip.ts";
export { repeatInterleave, tile } from "./repeat.ts";
export { dsplit, hsplit, tensorSplit, vsplit } from "./split.ts";
export { blockDiag, columnStack, dstack, hstack, rowStack, vstack } from "./stack.ts";
export { tril, trilIndices, triu, triuIndices } from "./triangle.ts";
