/**
 * The command `npm run playground`: serves the playground and prints its address.
 */
import { natural, parseOptions } from "@typetorch/command-line";
import { serve } from "@typetorch/browser/server";
import { playgroundFiles } from "./app.ts";

const options = parseOptions("npm run playground --", "Serves the playground on this machine and prints its address.", {
  port: { value: "N", default: "0", help: "port to listen on; 0: one that is free" },
});
const server = await serve({ files: await playgroundFiles(), port: natural("port", options.port) });
console.log(`The playground is at ${server.address} (Ctrl+C ends it).`);
