/**
 * The command `typetorch`: looks into checkpoints and converts them.
 */
import { runCommand } from "../platform/commandLine.ts";
import { run } from "./run.ts";

runCommand(run);
