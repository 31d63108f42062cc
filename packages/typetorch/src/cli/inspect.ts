/**
 * `typetorch inspect`: prints what is in a file.
 */
import type { Terminal } from "../platform/commandLine.ts";
import { type Contents, type OptimizerEntry, type TensorEntry, contentsOf } from "./contents.ts";
import { formatTitles } from "./formats.ts";
import { formatBytes, formatCount, plural, printable, table } from "./text.ts";

export function inspect(path: string, terminal: Terminal, options: { readonly json: boolean }): void {
  const contents = contentsOf(path);
  if (options.json) terminal.printLine(JSON.stringify({ ...contents, total: totalOf(contents) }, null, 2));
  else for (const line of linesOf(contents, styles(terminal.colors))) terminal.printLine(line);
}

interface Styles {
  bold(text: string): string;
  dim(text: string): string;
}

function styles(colors: boolean): Styles {
  const style = (code: number) => (text: string) => (colors ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { bold: style(1), dim: style(2) };
}

interface Total {
  readonly tensors: number;
  readonly numel: number;
  /** Bytes of memory: what is shared counts once. */
  readonly bytes: number;
  /** Elements of each dtype. */
  readonly dtypes: Readonly<Record<string, number>>;
}

function totalOf({ tensors }: Contents): Total {
  const own = tensors.filter((tensor) => tensor.sharesWith === undefined);
  const dtypes: Record<string, number> = {};
  for (const { dtype, numel } of own) dtypes[dtype] = (dtypes[dtype] ?? 0) + numel;
  return {
    tensors: tensors.length,
    numel: own.reduce((sum, { numel }) => sum + numel, 0),
    bytes: own.reduce((sum, { bytes, storageBytes }) => sum + (storageBytes ?? bytes), 0),
    dtypes,
  };
}

function* linesOf(contents: Contents, { bold, dim }: Styles): Generator<string> {
  const { file, format, files, metadata, tensors, optimizers, values } = contents;
  const shards = files === undefined ? "" : ` in ${plural(files.length, "shard")}`;
  yield `${bold(printable(file))}: ${formatTitles[format]}${shards}, ${formatBytes(contents.fileBytes)}`;

  if (metadata !== null && Object.keys(metadata).length > 0) {
    yield* section(
      dim("metadata"),
      Object.entries(metadata).map(([key, value]) => [printable(key), printable(value)]),
    );
  }
  for (const optimizer of optimizers) {
    yield* section(
      dim(`optimizer ${printable(optimizer.name)}`.trimEnd()),
      optimizerRows(optimizer).map(([key, value]) => [printable(key), printable(value)]),
    );
  }
  if (values.length > 0)
    yield* section(
      dim("values"),
      values.map(({ name, value }) => [printable(name), printable(value)]),
    );
  if (tensors.length > 0) {
    const { head, body } = table(
      [
        { title: "tensor" },
        { title: "dtype" },
        { title: "shape" },
        { title: "elements", right: true },
        { title: "size", right: true },
        { title: "" },
      ],
      tensors.map((tensor) => [
        printable(tensor.name === "" ? "(the whole file)" : tensor.name),
        printable(tensor.dtype),
        `[${tensor.shape.join(", ")}]`,
        formatCount(tensor.numel),
        formatBytes(tensor.bytes),
        printable(noteOf(tensor)),
      ]),
    );
    yield "";
    yield dim(head);
    yield* body;
  }
  yield "";
  yield totalLine(totalOf(contents));
}

function* section(title: string, rows: readonly (readonly [string, string])[]): Generator<string> {
  yield "";
  yield title;
  for (const line of table([{ title: "" }, { title: "" }], rows).body) yield `  ${line}`;
}

function optimizerRows({ paramGroups, stateOf, stateKeys }: OptimizerEntry): [string, string][] {
  const rows: [string, string][] = paramGroups.map(({ params, options }, k) => [
    `group ${k}`,
    [plural(params, "parameter"), ...Object.entries(options).map(([key, value]) => `${key} ${value}`)].join(", "),
  ]);
  rows.push(["state", stateOf === 0 ? "none" : `of ${plural(stateOf, "parameter")}: ${stateKeys.join(", ")}`]);
  return rows;
}

function noteOf({ sharesWith, strides, storageBytes, requiresGrad }: TensorEntry): string {
  const notes: string[] = [];
  if (sharesWith !== undefined) notes.push(`shares memory with ${sharesWith}`);
  if (storageBytes !== undefined) notes.push(`view of ${formatBytes(storageBytes)}`);
  if (strides !== undefined) notes.push(`strides [${strides.join(", ")}]`);
  if (requiresGrad) notes.push("requires grad");
  return notes.join(", ");
}

function totalLine({ tensors, numel, bytes, dtypes }: Total): string {
  if (tensors === 0) return "no tensors";
  const kinds = Object.keys(dtypes);
  const mix = kinds.length === 1 ? kinds[0]! : kinds.map((dtype) => `${formatCount(dtypes[dtype]!)} ${dtype}`).join(", ");
  return `${plural(tensors, "tensor")}, ${plural(numel, "element")} (${printable(mix)}), ${formatBytes(bytes)}`;
}
