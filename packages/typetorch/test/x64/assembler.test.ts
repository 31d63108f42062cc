import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AsmOperand,
  Assembler,
  Gp,
  type InstructionName,
  Mask,
  Memory,
  ptr,
  rax,
  rdi,
  Vec,
  xmm,
  zmm,
} from "../../src/backends/cpu/x64/assembler.ts";
import { instructionNames } from "../../src/backends/cpu/x64/instructions.ts";
import { encodings } from "./encodings.ts";

const generalNames = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const general32Names = "eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d".split(" ");

function register(text: string): Gp | Vec | Mask | null {
  if (generalNames.includes(text)) return new Gp(generalNames.indexOf(text));
  if (general32Names.includes(text)) return new Gp(general32Names.indexOf(text), 32);
  const vector = /^([xyz])mm(\d+)$/.exec(text);
  if (vector) return new Vec(Number(vector[2]), ({ x: 16, y: 32, z: 64 } as const)[vector[1] as "x" | "y" | "z"]);
  const mask = /^k(\d)$/.exec(text);
  return mask ? new Mask(Number(mask[1])) : null;
}

/** Reads an operand in Intel's syntax. */
function parse(text: string): AsmOperand {
  const [, body, k, z, to] = /^(.*?)(?:\{(k\d)\})?(\{z\})?(\{1to\d+\})?$/.exec(text)!;
  const bracket = /^(?:(\w+) ptr )?\[(.*)\]$/.exec(body!.trim());
  const mask = k === undefined ? null : (register(k) as Mask);
  if (bracket) {
    let base: Gp | null = null;
    let index: Gp | Vec | null = null;
    let scale: 1 | 2 | 4 | 8 = 1;
    let disp = 0;
    for (const [, sign, term] of bracket[2]!.matchAll(/([+-]?)([^+-]+)/g)) {
      const [name, factor] = term!.split("*");
      const reg = register(name!);
      if (reg === null) disp = Number(term) * (sign === "-" ? -1 : 1);
      else if (factor !== undefined) {
        index = reg as Gp;
        scale = Number(factor) as 1 | 2 | 4 | 8;
      } else base = reg as Gp;
    }
    const bytes = ({ xmmword: 16, ymmword: 32, zmmword: 64 } as Record<string, 16 | 32 | 64>)[bracket[1] ?? ""] ?? 0;
    return new Memory(base, index, scale, disp, null, to !== undefined, mask, bytes);
  }
  const reg = register(body!);
  if (reg === null) return Number(body);
  if (mask === null) return reg;
  return reg instanceof Vec ? (z === undefined ? reg.k(mask) : reg.kz(mask)) : (reg as Mask).k(mask);
}

const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

/** Assembles one line of Intel syntax. */
function assemble(line: string, avx512 = true): string {
  const a = new Assembler({ avx512 });
  const [name, rest] = line.split(/ (.*)/s);
  const operands = rest ? rest.split(",").map((text) => parse(text.trim())) : [];
  if ((instructionNames as readonly string[]).includes(name!)) a.op(name as InstructionName, ...operands);
  else {
    const method = (a as unknown as Record<string, (...o: readonly unknown[]) => void>)[name!]!;
    method.call(a, ...operands);
  }
  return hex(a.finish());
}

test("every instruction of the table is recorded", () => {
  const seen = new Set(
    encodings
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]),
  );
  assert.deepEqual(
    instructionNames.filter((name) => !seen.has(name)),
    [],
  );
});

test("encodings are those of GNU as", () => {
  const wrong: string[] = [];
  for (const line of encodings.trim().split("\n")) {
    const [text, bytes] = line.split(" = ") as [string, string];
    let found: string;
    try {
      found = assemble(text);
    } catch (error) {
      found = String(error);
    }
    if (found !== bytes) wrong.push(`${text}: ${found}, not ${bytes}`);
  }
  assert.deepEqual(wrong, []);
});

test("without AVX-512 what needs EVEX throws", () => {
  const a = new Assembler({ avx512: false });
  assert.throws(() => a.op("vaddps", zmm(0), zmm(1), zmm(2)), /AVX-512/);
  assert.throws(() => a.op("vaddps", xmm(0), xmm(16), xmm(2)), /AVX-512/);
  assert.throws(() => a.op("vaddps", xmm(0), xmm(1), ptr(rax).bcst()), /AVX-512/);
  a.op("vaddps", xmm(0), xmm(1), xmm(2));
  assert.throws(() => a.op("vaddps", xmm(0), xmm(1)), /does not take/);
});

test("jumps reach labels before and after", () => {
  const a = new Assembler({ avx512: false });
  const end = a.label();
  const top = a.label(true);
  a.dec(rax);
  a.jcc("nz", top);
  a.jcc("z", end, { short: true });
  a.jmp(end);
  a.bind(end);
  a.ret();
  assert.equal(hex(a.finish()), "48ffc8" + "75fb" + "7405" + "e900000000" + "c3");
  const far = new Assembler({ avx512: false });
  const back = far.label(true);
  far.emit(...new Array<number>(200).fill(0x90));
  far.jmp(back);
  assert.equal(hex(far.finish().subarray(200)), "e933ffffff");
  const short = new Assembler({ avx512: false });
  const away = short.label();
  short.jmp(away, { short: true });
  short.emit(...new Array<number>(200).fill(0x90));
  short.bind(away);
  assert.throws(() => short.finish(), /short jump/);
});

test("constants are pooled once and aligned", () => {
  const a = new Assembler({ avx512: true });
  a.op("vaddps", zmm(0), zmm(1), a.floats(1).bcst());
  a.op("vmovaps", zmm(1), a.floats(...new Array<number>(16).fill(2)));
  a.op("vrndscaleps", zmm(0), a.floats(1).bcst(), 8);
  a.ret();
  const code = a.finish();
  assert.equal(code.length, 64 + 64 + 4);
  const view = new DataView(code.buffer);
  assert.equal(view.getFloat32(64, true), 2);
  assert.equal(view.getFloat32(128, true), 1);
  assert.equal(view.getInt32(6, true), 128 - 10);
  assert.equal(view.getInt32(16, true), 64 - 20);
  assert.equal(view.getInt32(26, true), 128 - 31); // counts from behind the immediate
});

test("a label that is never bound is an error", () => {
  const a = new Assembler({ avx512: false });
  a.jmp(a.label());
  assert.throws(() => a.finish(), /not bound/);
  assert.equal(rdi.d.bits, 32);
});
