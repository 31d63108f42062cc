/** node peers/main.js PEER FOLDER SECONDS WORKLOAD: times one workload of one peer and prints a line of JSON. */
import { argv, exit } from "node:process";
import { peers } from "./index.ts";
import { timePeer } from "./peer.ts";

const [name, folder, seconds, workload] = argv.slice(2) as [string, string, string, string];
const workloads = await peers.find((peer) => peer.name === name)!.open(folder);
const setup = workloads[workload];
if (setup === undefined) {
  console.error(`${name} has no ${workload} here`);
  exit(1);
}
console.log(JSON.stringify(await timePeer(workload, setup, Number(seconds))));
exit(0);
