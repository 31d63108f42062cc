/**
 * The two routines of the thread team that are machine code themselves, so that an item of work costs nanoseconds and a waiting thread can pause.
 */

import { runner, spinner } from "./teamNative.ts";
import { description } from "../teamThread.ts";
import {
  Assembler,
  type Gp,
  type Memory,
  ptr,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  type Vec,
  xmm,
} from "./assembler.ts";

const runnerBlock = rbp;
const job = rbx;
const kernelBlock = r12;
/** Address of the range being claimed from: its next item, then its end, both int32. */
const range = r13;
const ran = r14.d;
const end = r15.d;
const i = xmm(1);
const j = xmm(2);
const kept = [rbx, rbp, r12, r13, r14, r15];

const slot = (base: Gp, index: number): Memory => ptr(base, index * 8);
/** Stack slots: the range to take next, and how many have not been tried. */
const nextRange = ptr(rsp, 0);
const untried = ptr(rsp, 8);

/**
 * Claims items of a job until none is left and runs each, first those of this thread's own range, so that it meets data that its own cache holds, then those of
 * the others. Copies the kernel's block once, sets scratch, moving slots and sizes for each item, calls the kernel in slot 0, adds the number of items run to
 * the counter of finished ones.
 */
export function runItemsCode(): Uint8Array {
  const a = new Assembler({ avx512: false });
  const tryRange = a.label();
  const item = a.label();
  const copied = a.label();
  const finish = a.label();
  for (const register of kept) a.push(register);
  a.sub(rsp, 24); // kernels find the stack aligned
  a.mov(runnerBlock, rdi);
  a.op("vcvttsd2si", job, slot(rdi, runner.description));
  a.op("vcvttsd2si", kernelBlock, slot(rdi, runner.kernelBlock));
  a.op("vcvttsd2si", rax, slot(rdi, runner.ownRange));
  a.mov(nextRange, rax);
  a.op("vcvttsd2si", rax, slot(rdi, runner.ranges));
  a.mov(untried, rax);
  a.xor(ran, ran);

  a.bind(tryRange);
  a.sub(untried, 1);
  a.jcc("l", finish);
  a.op("vcvttsd2si", range, slot(runnerBlock, runner.firstRange));
  a.mov(rax, nextRange);
  a.mov(rcx, rax);
  a.shl(rcx, 6);
  a.add(range, rcx);
  a.inc(rax);
  a.op("vcvttsd2si", rcx, slot(runnerBlock, runner.ranges));
  a.xor(rdx.d, rdx.d);
  a.cmp(rax, rcx);
  a.cmov("e", rax, rdx);
  a.mov(nextRange, rax);
  a.mov(end, ptr(range, 4));
  a.cmp(ptr(range), end);
  a.jcc("ge", tryRange); // nothing left: no need to write to a line that other threads use
  claim(a);
  a.jcc("ge", tryRange);

  a.bind(item);
  a.test(ran, ran);
  a.jcc("nz", copied);
  copyBlock(a);
  a.bind(copied);
  a.xor(rdx.d, rdx.d);
  a.op("vcvttsd2si", rcx, slot(job, description.countJ));
  a.div(rcx.d);
  a.op("vcvtsi2sd", i, i, rax.d);
  a.op("vcvtsi2sd", j, j, rdx.d);
  moveSlots(a);
  setSize(a, i, description.sizeSlotI, description.totalI, description.blockI);
  setSize(a, j, description.sizeSlotJ, description.totalJ, description.blockJ);
  a.op("vcvttsd2si", rax, slot(kernelBlock, 0));
  a.mov(rdi, kernelBlock);
  a.call(rax);
  a.inc(ran);
  claim(a);
  a.jcc("l", item);
  a.jmp(tryRange);

  a.bind(finish);
  a.op("vcvttsd2si", rcx, slot(runnerBlock, runner.finishedCounter));
  a.mov(rax.d, ran);
  a.lockXadd(ptr(rcx), rax.d);
  a.add(rax.d, ran);
  a.op("vcvtsi2sd", xmm(0), xmm(0), rax.d);
  a.op("vmovsd", slot(runnerBlock, runner.finished), xmm(0));
  a.add(rsp, 24);
  for (const register of kept.toReversed()) a.pop(register);
  a.ret();
  return a.finish();
}

/** eax = the next item of the range; compares it with the range's end. */
function claim(a: Assembler): void {
  a.mov(rax.d, 1);
  a.lockXadd(ptr(range), rax.d);
  a.cmp(rax.d, end);
}

/** Copies the kernel's block and sets the address of scratch in it; keeps eax. */
function copyBlock(a: Assembler): void {
  const none = a.label();
  a.op("vcvttsd2si", rcx, slot(job, description.slots));
  a.lea(rsi, slot(job, description.base));
  a.mov(rdi, kernelBlock);
  a.emit(0xf3, 0x48, 0xa5); // rep movsq
  a.op("vcvttsd2si", rcx, slot(job, description.scratchSlot));
  a.test(rcx, rcx);
  a.jcc("s", none);
  a.op("vmovsd", xmm(0), slot(runnerBlock, runner.scratch));
  a.op("vmovsd", ptr(kernelBlock, 0, rcx, 8), xmm(0));
  a.bind(none);
}

/** For each moving slot: block[slot] = base[slot] + i * stepI + j * stepJ. */
function moveSlots(a: Assembler): void {
  const none = a.label();
  a.op("vcvttsd2si", rdx, slot(job, description.slots));
  a.lea(rsi, slot(job, description.base));
  a.lea(rdx, ptr(rsi, 0, rdx, 8)); // the triples
  a.op("vcvttsd2si", rcx, slot(job, description.moving));
  a.test(rcx.d, rcx.d);
  a.jcc("z", none);
  const next = a.label(true);
  a.op("vcvttsd2si", rax, slot(rdx, 0));
  a.op("vmulsd", xmm(0), i, slot(rdx, 1));
  a.op("vmulsd", xmm(3), j, slot(rdx, 2));
  a.op("vaddsd", xmm(0), xmm(0), xmm(3));
  a.op("vaddsd", xmm(0), xmm(0), ptr(rsi, 0, rax, 8));
  a.op("vmovsd", ptr(kernelBlock, 0, rax, 8), xmm(0));
  a.add(rdx, 24);
  a.dec(rcx.d);
  a.jcc("nz", next);
  a.bind(none);
}

/** block[sizeSlot] = min(block, total - index * block), unless sizeSlot is -1. */
function setSize(a: Assembler, index: Vec, sizeSlot: number, total: number, block: number): void {
  const none = a.label();
  a.op("vcvttsd2si", rax, slot(job, sizeSlot));
  a.test(rax, rax);
  a.jcc("s", none);
  a.op("vmovsd", xmm(0), slot(job, block));
  a.op("vmulsd", xmm(4), index, xmm(0));
  a.op("vmovsd", xmm(3), slot(job, total));
  a.op("vsubsd", xmm(3), xmm(3), xmm(4));
  a.op("vminsd", xmm(3), xmm(3), xmm(0));
  a.op("vmovsd", ptr(kernelBlock, 0, rax, 8), xmm(3));
  a.bind(none);
}

/** Waits until the int32 at `word` is no longer `value`, for a number of pauses at most. */
export function spinCode(): Uint8Array {
  const a = new Assembler({ avx512: false });
  const done = a.label();
  a.op("vcvttsd2si", rax, slot(rdi, spinner.word));
  a.op("vcvttsd2si", rcx, slot(rdi, spinner.value));
  a.op("vcvttsd2si", rdx, slot(rdi, spinner.pauses));
  const again = a.label(true);
  a.cmp(ptr(rax), rcx.d);
  a.jcc("ne", done);
  a.pause();
  a.dec(rdx);
  a.jcc("nz", again);
  a.bind(done);
  a.ret();
  return a.finish();
}
