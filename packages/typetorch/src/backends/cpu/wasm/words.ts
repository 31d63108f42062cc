/**
 * Short ways to write code over integers: loops, sums and comparisons of constants, locals and other expressions.
 */
import type { Body, ValueType } from "./module.ts";
import type { PlainName } from "./opcodes.ts";

/** A local variable of a function. */
export class Local {
  readonly index: number;
  constructor(index: number) {
    this.index = index;
  }
}

/** A constant, a variable, or what leaves an i32 on the stack. */
export type Value = number | Local | (() => void);

export class Words {
  readonly body: Body;

  constructor(body: Body) {
    this.body = body;
  }

  local(type: ValueType = "i32"): Local {
    return new Local(this.body.local(type));
  }
  /** `count` new locals. */
  locals(count: number, type: ValueType): Local[] {
    return Array.from({ length: count }, () => this.local(type));
  }
  /** The function's own arguments. */
  parameters(count: number): Local[] {
    return Array.from({ length: count }, (_, k) => new Local(k));
  }

  push(value: Value): void {
    if (typeof value === "number") this.body.i32(value);
    else if (value instanceof Local) this.body.get(value.index);
    else value();
  }
  set(to: Local, value: Value): void {
    this.push(value);
    this.body.set(to.index);
  }
  /** to += value */
  increase(to: Local, value: Value): void {
    this.set(to, this.add(to, value));
  }

  op(name: PlainName, ...operands: readonly Value[]): () => void {
    return () => {
      for (const operand of operands) this.push(operand);
      this.body.op(name);
    };
  }
  add(a: Value, b: Value): Value {
    return b === 0 ? a : a === 0 ? b : this.op("i32.add", a, b);
  }
  sub(a: Value, b: Value): Value {
    return this.op("i32.sub", a, b);
  }
  mul(a: Value, b: Value): Value {
    return b === 1 ? a : this.op("i32.mul", a, b);
  }
  div(a: Value, b: Value): Value {
    return this.op("i32.div_u", a, b);
  }
  rem(a: Value, b: Value): Value {
    return this.op("i32.rem_u", a, b);
  }
  and(a: Value, b: Value): Value {
    return this.op("i32.and", a, b);
  }
  or(a: Value, b: Value): Value {
    return this.op("i32.or", a, b);
  }
  eq(a: Value, b: Value): Value {
    return this.op("i32.eq", a, b);
  }
  ne(a: Value, b: Value): Value {
    return this.op("i32.ne", a, b);
  }
  lt(a: Value, b: Value): Value {
    return this.op("i32.lt_s", a, b);
  }
  ge(a: Value, b: Value): Value {
    return this.op("i32.ge_s", a, b);
  }
  select(condition: Value, yes: Value, no: Value): Value {
    return this.op("select", yes, no, condition);
  }
  min(a: Value, b: Value): Value {
    return this.select(this.lt(a, b), a, b);
  }
  load(address: Value, offset = 0): Value {
    return () => {
      this.push(address);
      this.body.memory("i32.load", offset);
    };
  }
  /** Slot of a block of float64 as an integer. */
  slot(block: Value, index: number): Value {
    return () => {
      this.push(block);
      this.body.memory("f64.load", index * 8);
      this.body.op("i32.trunc_sat_f64_s");
    };
  }
  /** The same for an address, which may be 2 GiB and more. */
  address(block: Value, index: number): Value {
    return () => {
      this.push(block);
      this.body.memory("f64.load", index * 8);
      this.body.op("i64.trunc_sat_f64_s");
      this.body.op("i32.wrap_i64");
    };
  }

  if(condition: Value, yes: () => void, no: (() => void) | null = null): void {
    this.push(condition);
    this.body.if(yes, no);
  }
  while(condition: Value, inside: () => void): void {
    this.body.block((end) => {
      this.body.loop((again) => {
        this.push(condition);
        this.body.op("i32.eqz");
        this.body.branchIf(end);
        inside();
        this.body.branch(again);
      });
    });
  }
  /** Runs `inside` while `counter` counts down from its value to 0; it must be positive. */
  repeat(counter: Local, inside: () => void): void {
    this.body.loop((again) => {
      inside();
      this.push(this.sub(counter, 1));
      this.body.tee(counter.index);
      this.body.branchIf(again);
    });
  }
  /** For variable = from up to, not including, to. */
  for(variable: Local, from: Value, to: Value, inside: () => void): void {
    this.set(variable, from);
    this.while(this.lt(variable, to), () => {
      inside();
      this.increase(variable, 1);
    });
  }
  call(f: Body, ...operands: readonly Value[]): void {
    for (const operand of operands) this.push(operand);
    this.body.call(f.index);
  }
}

/** Numbers the slots of a routine's block: slot 0 is the kernel's address. */
export function slotsOf<N extends string>(names: readonly N[]): Readonly<Record<N, number>> {
  return Object.fromEntries(names.map((name, i) => [name, i + 1])) as Record<N, number>;
}

/** Reads the slots of a block into locals; those in `addresses` may be 2 GiB and more, those in `skipped` are not read. */
export function readSlots<N extends string>(
  w: Words,
  block: Local,
  names: readonly N[],
  addresses: readonly NoInfer<N>[],
  skipped: readonly NoInfer<N>[] = [],
): Readonly<Record<N, Local>> {
  const locals = {} as Record<N, Local>;
  for (const [k, name] of names.entries()) {
    locals[name] = w.local();
    if (!skipped.includes(name)) w.set(locals[name], addresses.includes(name) ? w.address(block, k + 1) : w.slot(block, k + 1));
  }
  return locals;
}

/** New locals by name. */
export function namedLocals<N extends string>(w: Words, ...names: readonly N[]): Readonly<Record<N, Local>> {
  return Object.fromEntries(names.map((name) => [name, w.local()])) as Record<N, Local>;
}
