/**
 * `node:util` in a page.
 */
export { inspect } from "node-inspect-extracted";
