export { bmm, dot, matmul, mm, mv } from "./matmul.ts";
