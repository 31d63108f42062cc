import { DType } from "../core/dtype.ts";
import { ArgumentTypeError } from "../core/errors.ts";
import { Scalar } from "../core/promotion.ts";
import { Device } from "../core/storage.ts";
import { runtime } from "./runtime.ts";

/** Bits: what a value is, and what a parameter takes. */
const TENSOR = 1;
const INT = 2;
const FLOAT = 4;
const BOOL = 8;
const STRING = 16;
const NOTHING = 32;
const INTS = 64;
const FLOATS = 128;
const TENSORS = 256;
const DTYPE = 512;
const SCALAR = 1024;
const DEVICE = 2048;
const OPTIONS = 4096;
const OTHER = 8192;
const NULL = 16384;
const ANY = 32767;

const kinds: Readonly<Record<string, number>> = {
  Tensor: TENSOR,
  int: INT,
  float: FLOAT | INT,
  bool: BOOL,
  str: STRING,
  "int[]": INTS,
  "float[]": FLOATS | INTS,
  "Tensor[]": TENSORS,
  dtype: DTYPE,
  Scalar: SCALAR | INT | FLOAT | BOOL,
  device: DEVICE | STRING,
  options: OPTIONS,
  None: NULL,
  any: ANY,
};

/** How PyTorch names the kinds in its messages. */
const names: Readonly<Record<string, string>> = {
  "int[]": "tuple of ints",
  "float[]": "tuple of floats",
  "Tensor[]": "tuple of Tensors",
  dtype: "torch.dtype",
  Scalar: "Number",
  options: "dict",
};

interface Parameter {
  readonly name: string;
  readonly takes: number;
  /** For messages. */
  readonly text: string;
}

interface Signature {
  readonly name: string;
  readonly positional: readonly Parameter[];
  readonly options: ReadonlyMap<string, Parameter>;
}

const signatures = new Map<string, Signature>();

/**
 * `name(kind|kind? parameter, ~option, …, {kind option, …})`; `?` may be left out, `None` is null, `~option` is an option that may also be given by position. Behind such
 * ones there may be the options object.
 */
function parse(text: string): Signature {
  const open = text.indexOf("(");
  const brace = text.indexOf("{");
  const options = new Map<string, Parameter>();
  if (brace >= 0)
    for (const p of words(text.slice(brace + 1, text.indexOf("}")))) options.set(p.split(" ")[1]!, readParameter(p));
  const positional: Parameter[] = [];
  for (const p of words(text.slice(open + 1, brace < 0 ? -1 : brace))) {
    if (p.startsWith("~")) {
      const option = options.get(p.slice(1))!;
      positional.push({ ...option, takes: option.takes | OPTIONS | NOTHING });
    } else positional.push(readParameter(p));
  }
  if (text.includes("~")) positional.push({ name: "options", takes: OPTIONS | NOTHING, text: "dict" });
  return { name: text.slice(0, open), positional, options };
}

function words(list: string): string[] {
  return list
    .split(",")
    .map((p) => p.trim())
    .filter((p) => p !== "");
}

function readParameter(part: string): Parameter {
  const [kind, name] = part.split(" ") as [string, string];
  const optional = kind.endsWith("?");
  const alternatives = (optional ? kind.slice(0, -1) : kind).split("|");
  let takes = optional ? NOTHING : 0;
  for (const word of alternatives) takes |= kinds[word]!;
  const shown = alternatives.filter((w) => w !== "None" && (w !== "options" || alternatives.length === 1));
  return { name, takes, text: shown.map((w) => names[w] ?? w).join(" or ") };
}

function kindOf(x: unknown): number {
  switch (typeof x) {
    case "number":
      return Number.isInteger(x) ? INT : FLOAT;
    case "undefined":
      return NOTHING;
    case "boolean":
      return BOOL;
    case "string":
      return STRING;
    case "bigint":
      return SCALAR;
    case "object":
      if (x === null) return NULL;
      if (runtime.isTensor(x)) return TENSOR;
      if (Array.isArray(x)) return kindOfList(x);
      if (x instanceof DType) return DTYPE;
      if (x instanceof Scalar) return SCALAR;
      if (x instanceof Device) return DEVICE;
      return isPlainObject(x) ? OPTIONS : OTHER;
    default:
      return OTHER;
  }
}

function isPlainObject(x: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

/** An empty list is of any kind. */
function kindOfList(list: readonly unknown[]): number {
  let kind = INTS | FLOATS | TENSORS;
  for (let i = 0; i < list.length; i++) {
    const x = list[i];
    kind &= typeof x === "number" ? (Number.isInteger(x) ? INTS | FLOATS : FLOATS) : runtime.isTensor(x) ? TENSORS : 0;
    if (kind === 0) return OTHER;
  }
  return kind;
}

/** Python's name for the kind of a value, which PyTorch's messages have. */
export function describeKind(x: unknown): string {
  const kind = kindOf(x);
  if (kind === NOTHING || kind === NULL) return "NoneType";
  if (kind === TENSOR) return "Tensor";
  if (kind === INT) return "int";
  if (kind === FLOAT) return "float";
  if (kind === BOOL) return "bool";
  if (kind === STRING) return "str";
  if (kind === DTYPE) return "torch.dtype";
  if (kind === DEVICE) return "torch.device";
  if (kind === SCALAR) return typeof x === "bigint" ? "int" : "Scalar";
  if (Array.isArray(x)) {
    const odd = x.find((v) => typeof v !== "number" || !Number.isInteger(v)) as unknown;
    return odd === undefined || runtime.isTensor(odd) ? "tuple" : `tuple of ${describeKind(odd)}`;
  }
  return kind === OPTIONS ? "dict" : typeof x === "function" ? "function" : (x as object).constructor.name;
}

/**
 * Throws {@link ArgumentTypeError} where an argument is not of the kind that the signature gives, is missing, or is an option that the function does not have.
 * The signature: `gather(Tensor input, int dim, Tensor index, options? options, {bool sparseGrad, Tensor out})`. Options are looked at wherever an object stands
 * in a place that takes them; one that is undefined counts as not given.
 */
export function checkArguments(text: string, ...given: readonly unknown[]): void {
  let signature = signatures.get(text);
  if (signature === undefined) {
    signature = parse(text);
    signatures.set(text, signature);
  }
  const { positional } = signature;
  for (let i = 0; i < positional.length; i++) checkOne(signature, i, given[i]);
  for (let i = positional.length; i < given.length; i++) {
    if (given[i] !== undefined)
      throw new ArgumentTypeError(
        `${signature.name}() takes ${positional.length} positional arguments but ${given.length} were given`,
      );
  }
}

function checkOne(signature: Signature, i: number, x: unknown): void {
  const parameter = signature.positional[i]!;
  const { takes } = parameter;
  if (takes === ANY) return;
  const kind = kindOf(x);
  if ((kind & takes) === 0) refuse(signature, i, x);
  if (kind === OPTIONS && (takes & OPTIONS) !== 0) checkOptions(signature, x as Record<string, unknown>);
}

function checkOptions(signature: Signature, options: Readonly<Record<string, unknown>>): void {
  for (const key in options) {
    const value = options[key];
    if (value === undefined) continue;
    const parameter = signature.options.get(key);
    if (parameter === undefined) {
      if (value === null) continue;
      throw new ArgumentTypeError(
        `${signature.name}() got an unexpected keyword argument '${key}'`,
        `its options are ${[...signature.options.keys()].join(", ") || "none"}`,
      );
    }
    if ((kindOf(value) & parameter.takes) === 0) {
      throw new ArgumentTypeError(`${signature.name}(): argument '${key}' must be ${parameter.text}, not ${describeKind(value)}`);
    }
  }
}

function refuse(signature: Signature, i: number, x: unknown): never {
  const { name, text } = signature.positional[i]!;
  if (x === undefined) {
    throw new ArgumentTypeError(
      `${signature.name}() missing 1 required positional arguments: "${name}"`,
      `argument '${name}' (position ${i + 1}) must be ${text}`,
    );
  }
  throw new ArgumentTypeError(
    `${signature.name}(): argument '${name}' (position ${i + 1}) must be ${text}, not ${describeKind(x)}`,
    text === "Tensor" ? "make a tensor of it: torch.tensor(…)" : undefined,
  );
}
