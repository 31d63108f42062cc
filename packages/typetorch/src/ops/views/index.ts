export * from "./expand.ts";
export { movedim, moveaxis, permute, swapaxes, swapdims, t, transpose } from "./permute.ts";
export { chunk, diagonal, narrow, select, split, unbind, unfold } from "./select.ts";
export { flatten, ravel, reshape, squeeze, unflatten, unsqueeze } from "./shape.ts";
export { asStrided } from "./strided.ts";
