export { gather, scatter, scatterAdd } from "./gather.ts";
export { indexAdd } from "./indexAdd.ts";
export { indexSelect } from "./indexSelect.ts";
