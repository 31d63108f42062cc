/**
 * Compares what became of a call here with what became of it in PyTorch.
 */
import type { Outcome } from "./call.ts";

export interface Difference {
  /** SILENT: PyTorch refuses and we do not. REFUSED: the other way round. WORDS: both refuse in other words. RESULT: other results. */
  readonly kind: "SILENT" | "REFUSED" | "WORDS" | "RESULT";
  readonly text: string;
}

/** What of a message must be found again: no addresses, no overload lists, no numbers' spelling. */
export function phrase(message: string): string {
  let text = message.split("\n")[0]!;
  text = text.replace(/ ?\(Tensor\)|torch\.|Tensor\.|tensor\(\)/g, "").replace(/ - got .*$/, "");
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, " ")
    .trim();
}

const argument =
  /argument '?(\w+)'?.*must be|invalid combination of arguments|missing \d* ?required|unexpected keyword|takes .*positional/;

export function differs(ours: Outcome, theirs: Outcome): Difference | null {
  if (theirs.error === "crash" || theirs.error === "MemoryError") return null;
  if (theirs.error !== undefined) {
    if (/alloc|out of memory|storage size calculation overflow/.test(theirs.message!)) return null;
    if (ours.error === undefined)
      return {
        kind: "SILENT",
        text: `PyTorch: ${theirs.error}: ${theirs.message!.split("\n")[0]}; ours: ${JSON.stringify(ours.tensors)}`,
      };
    if (argument.test(theirs.message!) || theirs.error === "TypeError" || theirs.error === "AttributeError") return null;
    const a = phrase(ours.message!);
    const b = phrase(theirs.message!);
    return a.includes(b) || b.includes(a)
      ? null
      : { kind: "WORDS", text: `PyTorch: ${theirs.message!.split("\n")[0]}; ours: ${ours.message!.split("\n")[0]}` };
  }
  if (ours.error !== undefined)
    return {
      kind: "REFUSED",
      text: `ours: ${ours.error}: ${ours.message!.split("\n")[0]}; PyTorch: ${JSON.stringify(theirs.tensors)}`,
    };
  const expected = theirs.tensors!;
  const actual = ours.tensors!;
  const wrong = { kind: "RESULT" as const, text: `ours: ${JSON.stringify(actual)}; PyTorch: ${JSON.stringify(expected)}` };
  if (expected.length !== actual.length) return wrong;
  for (let i = 0; i < expected.length; i++) {
    const [d, s, v] = expected[i]!;
    const [d2, s2, v2] = actual[i]!;
    if (d !== d2 || s.join() !== s2.join()) return wrong;
    if (v === undefined || v2 === undefined) continue;
    const tolerance = d === "bf16" ? 0.03 : d === "f16" ? 0.004 : 1e-3;
    for (let k = 0; k < v.length; k++) {
      const x = Number(v[k]);
      const y = Number(v2[k]);
      if (v[k] !== v2[k] && !(Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(x)))) return wrong;
    }
  }
  return null;
}
