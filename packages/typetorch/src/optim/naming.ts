/**
 * The two spellings of an option: `weightDecay` in TypeScript, `weight_decay` in state dicts and printed forms, which are PyTorch's.
 */

/** What a state dict may be: an object, or a `Map` as `torch.load` gives it. */
export type Dict = object | ReadonlyMap<unknown, unknown>;

/** The entries of a state dict, whose keys may be of a file: what would change an object's prototype is left out. */
export function fieldsOf(dict: Dict): [key: string, value: unknown][] {
  const entries: [string, unknown][] =
    dict instanceof Map ? [...dict].map(([key, value]) => [String(key), value]) : Object.entries(dict);
  return entries.filter(([key]) => key !== "__proto__");
}

/** A state dict as a plain object. */
export function recordOf(dict: Dict): Record<string, unknown> {
  return Object.fromEntries(fieldsOf(dict));
}

/** `weightDecay` to `weight_decay`. Names that start with a capital or contain `_` already (`T_max`) stay. */
export function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])([A-Z])/g, (_, letter: string) => `_${letter.toLowerCase()}`);
}

/** `weight_decay` to `weightDecay`. */
export function camelCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A number as Python's `repr` of a float writes it, but an integral number without `.0`: `1e-08`, `0.001`, `5`. */
export function pythonNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return String(value);
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (power < -4 || power >= 16) return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return String(value);
}

/** A value as Python prints it: `True`, `None`, `(0.9, 0.999)`. */
export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return pythonNumber(value);
  if (Array.isArray(value)) return `(${value.map(pythonRepr).join(", ")}${value.length === 1 ? "," : ""})`;
  return String(value);
}

/** `value` in Python's `{:.4e}`. */
export function scientific(value: number): string {
  return value.toExponential(4).replace(/e([+-])(\d)$/, "e$10$2");
}
