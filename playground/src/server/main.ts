/**
 * npm run playground [-- --port 8080]: serves the playground and prints its address.
 */
import { parseArgs } from "node:util";
import { serve } from "@typetorch/browser/server";
import { playgroundFiles } from "./app.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const server = await serve({ files: await playgroundFiles(), port: Number(values.port) });
console.log(`The playground is at ${server.address} (Ctrl+C ends it).`);
