/**
 * What the command `typetorch` understands.
 */
import { TorchError } from "../core/errors.ts";
import { type Terminal, UsageError, parseArguments } from "../platform/commandLine.ts";
import { convert } from "./convert.ts";
import { inspect } from "./inspect.ts";
import { printable } from "./text.ts";

const overview = `typetorch inspect FILE             what is in a checkpoint
typetorch convert IN OUT           writes it in another format

Formats: PyTorch (.pt, .pth, .bin, .ckpt), safetensors (also the index.json of shards), NumPy (.npz, .npy). Files are told apart by
their content; OUT by its name. Nothing in a file is executed. typetorch COMMAND --help says more.`;

const helpOf = {
  inspect: `typetorch inspect FILE [--json]

Prints the tensors of a checkpoint (names, dtypes, shapes, sizes, which share memory), its metadata, other values and optimizer state.

  --json                 print JSON: {file, format, fileBytes, metadata, tensors, optimizers, values, total}
  -h, --help             print this`,
  convert: `typetorch convert IN OUT [options]

Reads the tensors of IN and writes them to OUT, whose name says the format: .pt .pth .bin (PyTorch), .safetensors, .npz, .npy.

  --key NAME             take this part of a checkpoint: model, state_dict, checkpoint.model
  --dtype NAME           convert floating tensors: float32, float16, bfloat16, float64
  --max-shard-size SIZE  write safetensors in shards of at most 5GB, 500MB, … with an index
  --compressed           deflate the arrays of a .npz file
  -f, --force            replace OUT if it is there
  -h, --help             print this`,
} as const;

function dispatch(args: readonly string[], terminal: Terminal): number {
  const [command, ...rest] = args;
  if (command === undefined || command === "--help" || command === "-h" || command === "help") {
    terminal.printLine(overview);
    return command === undefined ? 2 : 0;
  }
  if (command === "inspect") {
    const { options, positionals } = parseArguments(rest, { json: { type: "boolean" }, help: { type: "boolean", short: "h" } });
    if (options.help === true) terminal.printLine(helpOf.inspect);
    else inspect(expect(positionals, "FILE")[0]!, terminal, { json: options.json === true });
    return 0;
  }
  if (command === "convert") {
    const { options, positionals } = parseArguments(rest, {
      key: { type: "string" },
      dtype: { type: "string" },
      "max-shard-size": { type: "string" },
      compressed: { type: "boolean" },
      force: { type: "boolean", short: "f" },
      help: { type: "boolean", short: "h" },
    });
    if (options.help === true) {
      terminal.printLine(helpOf.convert);
      return 0;
    }
    const [input, output] = expect(positionals, "IN", "OUT");
    const text = (name: string) => options[name] as string | undefined;
    convert(input!, output!, terminal, {
      key: text("key"),
      dtype: text("dtype"),
      maxShardSize: text("max-shard-size"),
      compressed: options.compressed === true,
      force: options.force === true,
    });
    return 0;
  }
  throw new UsageError(`there is no command '${command}'`);
}

/** Throws unless there are as many arguments as names. */
function expect(positionals: readonly string[], ...names: string[]): readonly string[] {
  if (positionals.length === names.length) return positionals;
  throw new UsageError(
    positionals.length < names.length
      ? `${names.slice(positionals.length).join(" and ")} missing`
      : `'${positionals[names.length]}' is too much: expected ${names.join(" ")}`,
  );
}

/** Does what the arguments say and returns the exit status: 0, 1 for a file that is refused, 2 for a wrong call. */
export function run(args: readonly string[], terminal: Terminal): number {
  try {
    return dispatch(args, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.printError(`typetorch: ${printable(error.message)}\nTry typetorch --help.`);
      return 2;
    }
    if (!(error instanceof TorchError)) throw error;
    terminal.printError(`typetorch: ${error.message.split("\n").map(printable).join("\n")}`);
    return 1;
  }
}
