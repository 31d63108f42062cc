/**
 * Values as Python prints them, for the printed form of modules and for PyTorch's messages.
 */

/** A float as Python's `repr` gives it: shortest digits, always a point or an exponent: `1.0`, `0.1`, `1e-05`, `1e+16`, `inf`. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa, exponentText] = value.toExponential().split("e") as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const digits = String(Math.abs(exponent)).padStart(2, "0");
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
  }
  const text = String(value);
  if (!text.includes("e")) return text.includes(".") ? text : `${text}.0`;
  return value.toFixed(-exponent + mantissa.replace(/^-?\d\.?/, "").length);
}

/** A number as Python prints it when nothing says whether it is an int or a float: integers without a point. */
export function pythonNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : pythonFloat(value);
}

/** A tuple of ints: `(3, 3)`, `(3,)`, `()`. */
export function pythonTuple(values: readonly (number | null)[]): string {
  const items = values.map((v) => (v === null ? "None" : pythonNumber(v)));
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
}

/** A number or a tuple of numbers, as given; null prints `None`. */
export function pythonSize(value: number | readonly (number | null)[] | null): string {
  if (value === null) return "None";
  return typeof value === "number" ? pythonNumber(value) : pythonTuple(value);
}

/** `True` or `False`. */
export function pythonBool(value: boolean): string {
  return value ? "True" : "False";
}

/** Name of a value's type as Python would call it, for messages. */
export function pythonTypeName(value: unknown): string {
  if (value === null || value === undefined) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  if (typeof value === "bigint") return "int";
  if (typeof value === "string") return "str";
  if (typeof value === "function") return "function";
  if (Array.isArray(value)) return "list";
  const name = (value as object).constructor?.name ?? "object";
  return name === "Object" ? "dict" : name;
}
