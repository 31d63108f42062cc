/**
 * The global `Buffer` in a page.
 */
export { Buffer } from "buffer";
