/**
 * Einstein's summation.
 */
import { describeKind, checkArguments } from "../arguments.ts";
import { ArgumentTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";
import { bmm, mm } from "./matmul.ts";

/** A tensor with a label for each dimension. Dimensions that an ellipsis covers have the labels `.0`, `.1`, … counted from the last. */
interface Labelled {
  readonly x: Tensor;
  readonly labels: readonly string[];
}

interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

const isLetter = (c: string): boolean => /^[a-zA-Z]$/.test(c);

/** One side of an equation as a list of labels and `...`. */
function parseTerm(text: string, where: string, at: number): string[] {
  const list: string[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === " ") continue;
    if (c === ".") {
      if (text.slice(i, i + 3) !== "..." || list.includes("..."))
        throw new ValueError(`einsum(): found '.' for ${where} that is not part of any ellipsis`);
      list.push("...");
      i += 2;
    } else if (isLetter(c)) list.push(c);
    else
      throw new ValueError(
        `einsum(): invalid subscript given at index ${at + i} in the equation string, subscripts must be in [a-zA-Z]`,
      );
  }
  return list;
}

function parseEquation(equation: string, operands: readonly Tensor[]): Equation {
  const arrow = equation.indexOf("->");
  const left = arrow < 0 ? equation : equation.slice(0, arrow);
  const terms = left.split(",");
  if (terms.length > operands.length)
    throw new ValueError(
      "einsum(): fewer operands were provided than specified in the equation",
      `the equation is '${equation}'`,
    );
  if (terms.length < operands.length)
    throw new ValueError("einsum(): more operands were provided than specified in the equation", `the equation is '${equation}'`);
  let at = 0;
  let ellipsis = 0;
  const parsed = terms.map((term, i) => {
    const list = parseTerm(term, `operand ${i}`, at);
    at += term.length + 1;
    const rank = operands[i]!.shape.length;
    const letters = list.filter((c) => c !== "...").length;
    const hasEllipsis = list.includes("...");
    if (hasEllipsis ? letters > rank : letters !== rank)
      throw new ShapeError(
        `einsum(): the number of subscripts in the equation (${letters}) ${hasEllipsis ? "is more than" : "does not match"} the number of dimensions (${rank}) for operand ${i}${hasEllipsis ? "" : " and no ellipsis was given"}`,
        `the shape is ${formatShape(operands[i]!.shape)}`,
      );
    const covered = rank - letters;
    if (hasEllipsis) ellipsis = Math.max(ellipsis, covered);
    return list.flatMap((c) => (c === "..." ? ellipsisLabels(covered) : [c]));
  });
  const all = ellipsisLabels(ellipsis);
  if (arrow < 0) {
    const counts = new Map<string, number>();
    for (const labels of parsed) for (const c of labels) if (isLetter(c)) counts.set(c, (counts.get(c) ?? 0) + 1);
    const once = [...counts].filter(([, n]) => n === 1).map(([c]) => c);
    return { operands: parsed, output: [...all, ...once.sort()] };
  }
  const output = parseTerm(equation.slice(arrow + 2), "the output", arrow + 2).flatMap((c) => (c === "..." ? all : [c]));
  output.forEach((c, i) => {
    if (output.indexOf(c) !== i) throw new ValueError(`einsum(): output subscript ${c} appears more than once in the output`);
    if (isLetter(c) && !parsed.some((labels) => labels.includes(c)))
      throw new ValueError(`einsum(): output subscript ${c} does not appear in the equation for any input operand`);
  });
  return { operands: parsed, output };
}

function ellipsisLabels(n: number): string[] {
  return Array.from({ length: n }, (_, i) => `.${n - 1 - i}`);
}

/** A label that occurs twice in an operand is a diagonal. */
function withoutRepeats({ x, labels }: Labelled, operand: number): Labelled {
  let y = x;
  let rest = [...labels];
  for (;;) {
    const second = rest.findIndex((c, i) => rest.indexOf(c) < i);
    if (second < 0) return { x: y, labels: rest };
    const first = rest.indexOf(rest[second]!);
    if (y.shape[first] !== y.shape[second])
      throw new ShapeError(
        `einsum(): subscript ${rest[second]} is repeated for operand ${operand} but the sizes don't match, ${y.shape[second]} != ${y.shape[first]}`,
      );
    y = y.diagonal({ dim1: first, dim2: second });
    rest = [...rest.filter((_, i) => i !== first && i !== second), rest[second]!];
  }
}

function sumOut({ x, labels }: Labelled, gone: (label: string) => boolean): Labelled {
  const dims = labels.map((_, d) => d).filter((d) => gone(labels[d]!));
  return dims.length === 0 ? { x, labels } : { x: x.sum(dims), labels: labels.filter((c) => !gone(c)) };
}

function arranged({ x, labels }: Labelled, groups: readonly (readonly string[])[]): Tensor {
  const order = groups.flat().map((c) => labels.indexOf(c));
  const sizes = groups.map((group) => group.reduce((n, c) => n * x.shape[labels.indexOf(c)]!, 1));
  return x.permute(order).reshape(sizes);
}

/** The product of two operands, summed over what neither the output nor a later operand needs. */
function multiply(first: Labelled, second: Labelled, needed: ReadonlySet<string>): Labelled {
  const a = sumOut(first, (c) => !needed.has(c) && !second.labels.includes(c));
  const b = sumOut(second, (c) => !needed.has(c) && !first.labels.includes(c));
  const shared = a.labels.filter((c) => b.labels.includes(c));
  const batch = shared.filter((c) => needed.has(c));
  const summed = shared.filter((c) => !needed.has(c));
  const left = a.labels.filter((c) => !shared.includes(c));
  const right = b.labels.filter((c) => !shared.includes(c));
  const labels = [...batch, ...left, ...right];
  if (summed.length === 0) {
    const place = (t: Labelled): Tensor => {
      const order = labels.filter((c) => t.labels.includes(c));
      const moved = t.x.permute(order.map((c) => t.labels.indexOf(c)));
      return moved.reshape(labels.map((c) => (t.labels.includes(c) ? t.x.shape[t.labels.indexOf(c)]! : 1)));
    };
    return { x: place(a).mul(place(b)), labels };
  }
  const shape = labels.map((c) => (a.labels.includes(c) ? a.x.shape[a.labels.indexOf(c)]! : b.x.shape[b.labels.indexOf(c)]!));
  const product =
    batch.length === 0
      ? mm(arranged(a, [left, summed]), arranged(b, [summed, right]))
      : bmm(arranged(a, [batch, left, summed]), arranged(b, [batch, summed, right]));
  return { x: product.reshape(shape), labels };
}

/** `einsum(a, [0, 1], b, [1, 2], [0, 2])` as a string of letters. */
function fromLists(args: readonly (Tensor | readonly (number | string)[])[]): { equation: string; operands: Tensor[] } {
  const letter = (n: number | string): string =>
    n === "..." ? "..." : String.fromCharCode(Number(n) < 26 ? 65 + Number(n) : 71 + Number(n));
  const operands: Tensor[] = [];
  const terms: string[] = [];
  let output: string | null = null;
  for (let i = 0; i < args.length; i += 2) {
    const x = args[i]!;
    if (!runtime.isTensor(x)) {
      if (!Array.isArray(x)) {
        throw new ArgumentTypeError(`einsum(): argument 'equation' (position 1) must be str, not ${describeKind(x)}`);
      }
      output = x.map(letter).join("");
      break;
    }
    operands.push(x);
    if (!Array.isArray(args[i + 1])) {
      throw new ArgumentTypeError(
        `einsum(): the subscripts of operand ${i / 2} must be a list, not ${describeKind(args[i + 1])}`,
      );
    }
    terms.push((args[i + 1] as readonly (number | string)[]).map(letter).join(""));
  }
  return { equation: terms.join(",") + (output === null ? "" : `->${output}`), operands };
}

export function einsum(equation: string, ...operands: (Tensor | readonly Tensor[])[]): Tensor;
export function einsum(...operandsAndSubscripts: (Tensor | readonly (number | string)[])[]): Tensor;
/**
 * Sums of products in Einstein's notation: each operand's dimensions have letters, letters that the output does not have are summed over. As `torch.einsum`.
 * @example
 * torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 4)).shape // [2, 4]
 */
export function einsum(...args: (string | Tensor | readonly (Tensor | number | string)[])[]): Tensor {
  let equation: string;
  let tensors: Tensor[];
  if (typeof args[0] === "string") {
    equation = args[0];
    tensors = args.slice(1).flat() as Tensor[];
  } else ({ equation, operands: tensors } = fromLists(args as readonly (Tensor | readonly (number | string)[])[]));
  checkArguments("einsum(str equation, Tensor[] operands)", equation, tensors);
  if (tensors.length === 0) throw new ValueError("einsum(): must provide at least one operand");
  const parsed = parseEquation(equation, tensors);
  const sizes = new Map<string, number>();
  let operands = tensors.map((x, i) => withoutRepeats({ x, labels: parsed.operands[i]! }, i));
  operands.forEach(({ x, labels }, i) => {
    labels.forEach((c, d) => {
      const n = x.shape[d]!;
      const known = sizes.get(c) ?? 1;
      if (known !== 1 && n !== 1 && known !== n)
        throw new ShapeError(
          `einsum(): subscript ${c} has size ${n} for operand ${i} which does not broadcast with previously seen size ${known}`,
        );
      if (known === 1) sizes.set(c, n);
    });
  });
  // Dimensions of size 1 that meet larger ones are left out: they broadcast.
  operands = operands.map(({ x, labels }) => {
    let y = x;
    const rest = labels.filter((c, d) => x.shape[d] !== 1 || sizes.get(c) === 1);
    for (let d = labels.length - 1; d >= 0; d--) if (!rest.includes(labels[d]!)) y = y.squeeze(d);
    return { x: y, labels: rest };
  });
  let result = operands[0]!;
  for (let i = 1; i < operands.length; i++) {
    const needed = new Set([...parsed.output, ...operands.slice(i + 1).flatMap((o) => o.labels)]);
    result = multiply(result, operands[i]!, needed);
  }
  result = sumOut(result, (c) => !parsed.output.includes(c));
  return result.x.permute(parsed.output.map((c) => result.labels.indexOf(c)));
}
