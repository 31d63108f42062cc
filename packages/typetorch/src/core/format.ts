/**
 * The text of a tensor, as PyTorch prints it.
 */
import type { Complex } from "./complex.ts";
import { type DType, complex128, complex64, float64, getDefaultDtype, int64 } from "./dtype.ts";
import { ValueError } from "./errors.ts";
import { numelOf, type Shape } from "./shape.ts";

/** How tensors are printed. */
export interface PrintOptions {
  /** Digits after the point. */
  precision: number;
  /** Tensors of more elements than this are summarised. */
  threshold: number;
  /** Elements shown at each end of a dimension of a summary. */
  edgeitems: number;
  /** Characters a line. */
  linewidth: number;
  /** Scientific notation: always, never, or (null) as the values suggest. */
  sciMode: boolean | null;
}

/** What `setPrintoptions` takes: any of the options, after one of PyTorch's profiles. */
export interface PrintOptionsUpdate {
  precision?: number;
  threshold?: number;
  edgeitems?: number;
  linewidth?: number;
  profile?: "default" | "short" | "full";
  sciMode?: boolean | null;
}

const profiles = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 80 },
};

let printOptions: PrintOptions = { ...profiles.default, sciMode: null };

/**
 * Sets how tensors are printed, as `torch.set_printoptions`; `sciMode` goes back to automatic unless it is given. Throws ValueError for an unknown profile.
 *
 * @example
 * torch.setPrintoptions({ precision: 2 });
 * torch.setPrintoptions({ profile: "default" });
 */
export function setPrintoptions(options: PrintOptionsUpdate): void {
  const { profile, sciMode = null, ...given } = options;
  if (profile !== undefined && !Object.hasOwn(profiles, profile)) {
    throw new ValueError(`set_printoptions got the profile '${profile}'`, "profile is one of 'default', 'short' and 'full'");
  }
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null));
  printOptions = { ...printOptions, ...(profile === undefined ? {} : profiles[profile]), ...set, sciMode };
}

/** The options that tensors are printed with. */
export function getPrintoptions(): PrintOptions {
  return { ...printOptions };
}

type Element = number | bigint | boolean | Complex;

/** What there is to say about a tensor. */
export interface Printable {
  readonly shape: Shape;
  readonly dtype: DType;
  /** The element at a row-major position: a number, a bigint for int64, a boolean or 0 and 1 for bool, a complex number. */
  get(index: number): Element;
  readonly requiresGrad?: boolean;
  /** Name of the backward function, as `MulBackward0`. */
  readonly gradFnName?: string | null;
  /** Named unless it is "cpu"; "meta" has no values. */
  readonly device?: string;
  /** A parameter of a module: PyTorch heads those with a line. */
  readonly isParameter?: boolean;
}

/**
 * The text of a tensor: `repr(tensor)` of PyTorch 1.13.
 */
export function formatTensor(tensor: Printable, options: PrintOptions = printOptions): string {
  const { shape, dtype, device = "cpu" } = tensor;
  const prefix = "tensor(";
  const suffixes: string[] = [];
  let contents: string;
  if (device !== "cpu") suffixes.push(`device='${device}'`);
  if (device === "meta") {
    suffixes.push(`size=${formatTuple(shape)}`);
    if (dtype !== getDefaultDtype()) suffixes.push(`dtype=${dtype}`);
    contents = "...";
  } else if (numelOf(shape) === 0) {
    if (shape.length !== 1) suffixes.push(`size=${formatTuple(shape)}`);
    if (dtype !== getDefaultDtype()) suffixes.push(`dtype=${dtype}`);
    contents = "[]";
  } else {
    const defaultComplex = getDefaultDtype() === float64 ? complex128 : complex64;
    if (dtype !== getDefaultDtype() && dtype !== defaultComplex && dtype !== int64 && dtype.key !== "bool")
      suffixes.push(`dtype=${dtype}`);
    contents = formatValues(tensor, prefix.length, options);
  }
  if (tensor.gradFnName) suffixes.push(`grad_fn=<${tensor.gradFnName}>`);
  else if (tensor.requiresGrad) suffixes.push("requires_grad=True");
  const text = addSuffixes(prefix + contents, suffixes, prefix.length, options.linewidth);
  return tensor.isParameter ? `Parameter containing:\n${text}` : text;
}

/** A shape as Python prints a tuple: `(2, 3)`, `(2,)`, `()`. */
function formatTuple(shape: Shape): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

/** Appends suffixes, each on a new line where the last one would become too long. */
function addSuffixes(text: string, suffixes: readonly string[], indent: number, linewidth: number): string {
  let result = text;
  let lineLength = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    if (lineLength + suffix.length + 2 > linewidth) {
      result += `,\n${" ".repeat(indent)}${suffix}`;
      lineLength = indent + suffix.length;
    } else {
      result += `, ${suffix}`;
      lineLength += suffix.length + 2;
    }
  }
  return `${result})`;
}

/** The values in their brackets; 0-d tensors have none. `indent` is the column of the first bracket. */
function formatValues(tensor: Printable, indent: number, options: PrintOptions): string {
  const { shape, dtype } = tensor;
  const { edgeitems, linewidth } = options;
  const summarize = numelOf(shape) > options.threshold;
  const cut = (size: number) => summarize && size > 2 * edgeitems;
  /** Positions along a dimension that are shown; -1 stands for the ones left out. */
  const shown = shape.map((size) => {
    if (!cut(size)) return Array.from({ length: size }, (_, i) => i);
    const ends = Array.from({ length: edgeitems }, (_, i) => i);
    return [...ends, -1, ...ends.map((i) => size - edgeitems + i)];
  });
  const values: Element[] = [];
  const collect = (dim: number, offset: number): void => {
    if (dim === shape.length) {
      values.push(tensor.get(offset));
      return;
    }
    for (const i of shown[dim]!) if (i >= 0) collect(dim + 1, offset * shape[dim]! + i);
  };
  collect(0, 0);
  const formatter = dtype.isComplex
    ? complexFormatter(values as Complex[], options)
    : dtype.isFloatingPoint
      ? floatFormatter(values as number[], options)
      : plainFormatter(values, dtype.key === "bool");
  let next = 0; // values are formatted in the order in which they were collected
  const format = (): string => formatter.format(values[next++]!);
  const render = (dim: number, column: number): string => {
    if (dim === shape.length) return format();
    const rest = shape.length - dim;
    const start = " ".repeat(column + 1);
    if (rest === 1) {
      const perLine = Math.max(1, Math.floor((linewidth - column) / (formatter.width + 2)));
      const items = shown[dim]!.map((i) => (i < 0 ? " ..." : format()));
      const lines: string[] = [];
      for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(", "));
      return `[${lines.join(`,\n${start}`)}]`;
    }
    const slices = shown[dim]!.map((i) => (i < 0 ? "..." : render(dim + 1, column + 1)));
    return `[${slices.join(`,${"\n".repeat(rest - 1)}${start}`)}]`;
  };
  return render(0, indent);
}

interface Formatter {
  readonly width: number;
  format(value: Element): string;
}

/** The parts are formatted each for itself; the imaginary ones are not aligned. */
function complexFormatter(values: readonly Complex[], options: PrintOptions): Formatter {
  const real = floatFormatter(
    values.map((z) => z.real),
    options,
  );
  const imag = floatFormatter(
    values.map((z) => z.imag),
    options,
  );
  return {
    width: real.width + imag.width + 1,
    format(value) {
      const z = value as Complex;
      const imaginary = `${imag.format(z.imag).trimStart()}j`;
      return real.format(z.real) + (/^[+-]/.test(imaginary) ? "" : "+") + imaginary;
    },
  };
}

function plainFormatter(values: readonly Element[], isBool: boolean): Formatter {
  const text = (value: Element): string => (isBool ? (value ? "True" : "False") : String(value));
  let width = 1;
  for (const value of values) width = Math.max(width, text(value).length);
  return { width, format: (value) => text(value).padStart(width) };
}

/** Chooses among `1.`, `1.0000` and `1.0000e+00`, and the width, by the values that are finite and not 0. */
function floatFormatter(values: readonly number[], options: PrintOptions): Formatter {
  const { precision } = options;
  const telling = values.filter((x) => Number.isFinite(x) && x !== 0);
  let smallest = Infinity;
  let largest = 0;
  for (const x of telling) {
    smallest = Math.min(smallest, Math.abs(x));
    largest = Math.max(largest, Math.abs(x));
  }
  const integral = telling.every(Number.isInteger);
  const wide = telling.length > 0 && (largest / smallest > 1000 || largest > 1e8 || (!integral && smallest < 1e-4));
  let width = 1;
  for (const x of telling) {
    const length = wide
      ? formatExponential(x, precision).length
      : integral
        ? formatFixed(x, 0).length + 1
        : formatFixed(x, precision).length;
    width = Math.max(width, length);
  }
  const scientific = telling.length > 0 && options.sciMode !== null ? options.sciMode : wide;
  const format = (value: Element): string => {
    const x = Number(value);
    let text: string;
    if (scientific) text = formatExponential(x, precision);
    else if (integral) text = formatFixed(x, 0) + (Number.isFinite(x) ? "." : "");
    else text = formatFixed(x, precision);
    return text.padStart(width);
  };
  return { width, format };
}

/** NaN and the infinities as Python prints them. */
function formatNonFinite(x: number): string {
  return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

/** Digits that JavaScript prints at most. */
const MOST_DIGITS = 100;

/** `"%.{digits}f"`: the exact binary value, halves to even (JavaScript's toFixed takes halves up). */
export function formatFixed(x: number, digits: number): string {
  if (!Number.isFinite(x)) return formatNonFinite(x);
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  const size = Math.abs(x);
  const places = Math.min(digits, MOST_DIGITS);
  const more = "0".repeat(digits - places);
  if (size >= 1e21) return `${sign}${BigInt(size)}${digits > 0 ? `.${"0".repeat(digits)}` : ""}`;
  const text = size.toFixed(places);
  if (places < MOST_DIGITS && size.toFixed(places + 1).endsWith("5")) {
    // a half exactly? then the expansion ends with this 5
    const exact = size.toFixed(MOST_DIGITS);
    const point = exact.indexOf(".");
    const cut = point + 1 + places;
    if (/^50*$/.test(exact.slice(cut))) {
      const lower = places === 0 ? exact.slice(0, point) : exact.slice(0, cut);
      if (Number(lower.at(-1)) % 2 === 0) return sign + lower + more;
    }
  }
  return sign + text + more;
}

/** `"%.{digits}e"`: the exact binary value, halves to even, an exponent of two digits or more. */
export function formatExponential(x: number, digits: number): string {
  if (!Number.isFinite(x)) return formatNonFinite(x);
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  const size = Math.abs(x);
  const places = Math.min(digits, MOST_DIGITS);
  let [mantissa, exponent] = size.toExponential(places).split("e") as [string, string];
  if (places < MOST_DIGITS && /5e/.test(size.toExponential(places + 1))) {
    const [exact, exactExponent] = size.toExponential(MOST_DIGITS).split("e") as [string, string];
    const cut = 2 + places; // one digit, the point, the places
    if (/^50*$/.test(exact.slice(cut))) {
      const lower = places === 0 ? exact.slice(0, 1) : exact.slice(0, cut);
      if (Number(lower.at(-1)) % 2 === 0) [mantissa, exponent] = [lower, exactExponent];
    }
  }
  const power = Number(exponent);
  return `${sign}${mantissa}${"0".repeat(digits - places)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
