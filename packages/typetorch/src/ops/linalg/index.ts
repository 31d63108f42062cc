export { addbmm, addmm, addmv, addr, baddbmm } from "./addmm.ts";
export { bmm, dot, matmul, mm, mv } from "./matmul.ts";
