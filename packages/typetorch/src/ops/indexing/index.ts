export { indexAdd } from "./indexAdd.ts";
export { indexSelect } from "./indexSelect.ts";
