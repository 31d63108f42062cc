/**
 * The table of VEX and EVEX instructions: one row each, in the notation of Intel's manual. A further instruction is a further row.
 *
 * A row is `prefix map W opcode[/digit] form[:classes] tuple [flags]`, and several rows of one name are separated by ` | `; the first whose operands fit is taken.
 * - prefix: `np` `66` `f3` `f2`; map: `0f` `0f38` `0f3a`
 * - W: `w0` `w1`; `wx` ignored by VEX and 1 in EVEX; `wg` 1 when the general register has 64 bits
 * - form: where each operand goes: `r` ModRM.reg, `m` ModRM.rm (register or memory), `v` vvvv, `i` an immediate byte, `R` a register in the immediate's high bits
 * - classes: a letter for each operand: `x` vector, `g` general, `k` mask register (or memory, as ModRM.rm), `M` memory only, `X` vector register only;
 *   without it, vectors (and numbers for `i`)
 * - tuple: what an EVEX displacement of one byte counts: `fv` a full vector, or an element when broadcast; `hv` half of one, likewise; `fvm` `hvm` `qvm` `ovm` a
 *   whole, half, quarter, eighth of a vector; `dup` that of vmovddup; a number of bytes
 * - flags: `vex` or `evex` only in that encoding; `l0` `l1` the vector length bit is fixed; `narrow` a ymm destination means a zmm source
 */

function suffixes<const Name extends string>(
  name: Name,
  opcode: string,
  form = "rvm",
  scalarForm = form,
): Record<`v${Name}${"ps" | "pd" | "ss" | "sd"}`, string> {
  return {
    [`v${name}ps`]: `np 0f w0 ${opcode} ${form} fv`,
    [`v${name}pd`]: `66 0f wx ${opcode} ${form} fv`,
    [`v${name}ss`]: `f3 0f w0 ${opcode} ${scalarForm} 4 l0`,
    [`v${name}sd`]: `f2 0f wx ${opcode} ${scalarForm} 8 l0`,
  } as Record<`v${Name}${"ps" | "pd" | "ss" | "sd"}`, string>;
}

function packed<const Name extends string>(name: Name, opcode: string, form = "rvm"): Record<`v${Name}${"ps" | "pd"}`, string> {
  return {
    [`v${name}ps`]: `np 0f w0 ${opcode} ${form} fv`,
    [`v${name}pd`]: `66 0f wx ${opcode} ${form} fv`,
  } as Record<`v${Name}${"ps" | "pd"}`, string>;
}

type Fma<Name extends string> = Record<`v${Name}${"132" | "213" | "231"}${"ps" | "pd" | "ss" | "sd"}`, string>;
function fma<const Name extends string>(name: Name, low: number): Fma<Name> {
  const rows: Record<string, string> = {};
  for (const [order, high] of [
    ["132", 0x90],
    ["213", 0xa0],
    ["231", 0xb0],
  ] as const) {
    const opcode = (high + low).toString(16);
    const scalar = (high + low + 1).toString(16);
    rows[`v${name}${order}ps`] = `66 0f38 w0 ${opcode} rvm fv`;
    rows[`v${name}${order}pd`] = `66 0f38 w1 ${opcode} rvm fv`;
    rows[`v${name}${order}ss`] = `66 0f38 w0 ${scalar} rvm 4 l0`;
    rows[`v${name}${order}sd`] = `66 0f38 w1 ${scalar} rvm 8 l0`;
  }
  return rows as Fma<Name>;
}

/** A comparison: into a vector with VEX, into a mask with EVEX. */
function compares(prefix: string, map: string, w: string, opcode: string, tuple: string, imm = ""): string {
  return `${prefix} ${map} w0 ${opcode} rvm${imm} ${tuple} vex | ${prefix} ${map} ${w} ${opcode} rvm${imm}:kxx${imm} ${tuple} evex`;
}

/** A shift: by an immediate, or by the low 64 bits of an xmm register. */
function shifts(w: string, immediate: string, tuple: string, variable: string, flags = ""): string {
  return (
    `66 0f ${w} ${immediate} vmi:xXi ${tuple} ${flags} | 66 0f ${w} ${immediate} vmi ${tuple} evex | ` +
    `66 0f ${w} ${variable} rvm 16 ${flags}`
  );
}

type KLogic<Name extends string> = Record<`${Name}${"b" | "w" | "d" | "q"}`, string>;
function kLogic<const Name extends string>(name: Name, opcode: string, form: string, l: string): KLogic<Name> {
  return {
    [`${name}b`]: `66 0f w0 ${opcode} ${form} 0 vex ${l}`,
    [`${name}w`]: `np 0f w0 ${opcode} ${form} 0 vex ${l}`,
    [`${name}d`]: `66 0f w1 ${opcode} ${form} 0 vex ${l}`,
    [`${name}q`]: `np 0f w1 ${opcode} ${form} 0 vex ${l}`,
  } as KLogic<Name>;
}

function kMove(prefix: string, w: string, generalPrefix: string, generalW: string): string {
  return (
    `${prefix} 0f ${w} 90 rm:kk 0 vex l0 | ${prefix} 0f ${w} 91 mr:Mk 0 vex l0 | ` +
    `${generalPrefix} 0f ${generalW} 92 rm:kg 0 vex l0 | ${generalPrefix} 0f ${generalW} 93 rm:gk 0 vex l0`
  );
}

const table = {
  // moves
  vmovups: "np 0f w0 10 rm fvm | np 0f w0 11 mr fvm",
  vmovaps: "np 0f w0 28 rm fvm | np 0f w0 29 mr fvm",
  vmovupd: "66 0f wx 10 rm fvm | 66 0f wx 11 mr fvm",
  vmovapd: "66 0f wx 28 rm fvm | 66 0f wx 29 mr fvm",
  vmovdqa: "66 0f w0 6f rm fvm vex | 66 0f w0 7f mr fvm vex",
  vmovdqu: "f3 0f w0 6f rm fvm vex | f3 0f w0 7f mr fvm vex",
  vmovdqa32: "66 0f w0 6f rm fvm evex | 66 0f w0 7f mr fvm evex",
  vmovdqa64: "66 0f w1 6f rm fvm evex | 66 0f w1 7f mr fvm evex",
  vmovdqu8: "f2 0f w0 6f rm fvm evex | f2 0f w0 7f mr fvm evex",
  vmovdqu16: "f2 0f w1 6f rm fvm evex | f2 0f w1 7f mr fvm evex",
  vmovdqu32: "f3 0f w0 6f rm fvm evex | f3 0f w0 7f mr fvm evex",
  vmovdqu64: "f3 0f w1 6f rm fvm evex | f3 0f w1 7f mr fvm evex",
  vmovss: "f3 0f w0 10 rvm:xxx 4 l0 | f3 0f w0 10 rm:xM 4 l0 | f3 0f w0 11 mr:Mx 4 l0",
  vmovsd: "f2 0f wx 10 rvm:xxx 8 l0 | f2 0f wx 10 rm:xM 8 l0 | f2 0f wx 11 mr:Mx 8 l0",
  vmovd: "66 0f w0 6e rm:xg 4 l0 | 66 0f w0 7e mr:gx 4 l0",
  vmovq: "f3 0f wx 7e rm 8 l0 | 66 0f wx d6 mr:Mx 8 l0 | 66 0f w1 6e rm:xg 8 l0 | 66 0f w1 7e mr:gx 8 l0",
  vmovntps: "np 0f w0 2b mr:Mx fvm",
  vmovntpd: "66 0f wx 2b mr:Mx fvm",
  vmovntdq: "66 0f w0 e7 mr:Mx fvm",
  vmovddup: "f2 0f wx 12 rm dup",
  vmovsldup: "f3 0f w0 12 rm fvm",
  vmovshdup: "f3 0f w0 16 rm fvm",
  vmovlps: "np 0f w0 12 rvm:xxM 8 l0 | np 0f w0 13 mr:Mx 8 l0",
  vmovhps: "np 0f w0 16 rvm:xxM 8 l0 | np 0f w0 17 mr:Mx 8 l0",
  vmovhlps: "np 0f w0 12 rvm:xxx 8 l0",
  vmovlhps: "np 0f w0 16 rvm:xxx 8 l0",
  vmaskmovps: "66 0f38 w0 2c rvm:xxM 0 vex | 66 0f38 w0 2e mvr:Mxx 0 vex",
  vmaskmovpd: "66 0f38 w0 2d rvm:xxM 0 vex | 66 0f38 w0 2f mvr:Mxx 0 vex",
  vpmaskmovd: "66 0f38 w0 8c rvm:xxM 0 vex | 66 0f38 w0 8e mvr:Mxx 0 vex",
  vpmaskmovq: "66 0f38 w1 8c rvm:xxM 0 vex | 66 0f38 w1 8e mvr:Mxx 0 vex",
  vmovmskps: "np 0f w0 50 rm:gx 0 vex",
  vmovmskpd: "66 0f w0 50 rm:gx 0 vex",
  vpmovmskb: "66 0f w0 d7 rm:gx 0 vex",
  vcompressps: "66 0f38 w0 8a mr 4 evex",
  vcompresspd: "66 0f38 w1 8a mr 8 evex",
  vpcompressd: "66 0f38 w0 8b mr 4 evex",
  vpcompressq: "66 0f38 w1 8b mr 8 evex",
  vexpandps: "66 0f38 w0 88 rm 4 evex",
  vexpandpd: "66 0f38 w1 88 rm 8 evex",
  vpexpandd: "66 0f38 w0 89 rm 4 evex",
  vpexpandq: "66 0f38 w1 89 rm 8 evex",
  // broadcasts
  vbroadcastss: "66 0f38 w0 18 rm 4",
  vbroadcastsd: "66 0f38 wx 19 rm 8",
  vbroadcastf128: "66 0f38 w0 1a rm:xM 16 vex",
  vbroadcasti128: "66 0f38 w0 5a rm:xM 16 vex",
  vbroadcastf32x2: "66 0f38 w0 19 rm 8 evex",
  vbroadcastf32x4: "66 0f38 w0 1a rm:xM 16 evex",
  vbroadcastf64x2: "66 0f38 w1 1a rm:xM 16 evex",
  vbroadcastf32x8: "66 0f38 w0 1b rm:xM 32 evex",
  vbroadcastf64x4: "66 0f38 w1 1b rm:xM 32 evex",
  vbroadcasti32x4: "66 0f38 w0 5a rm:xM 16 evex",
  vbroadcasti64x4: "66 0f38 w1 5b rm:xM 32 evex",
  vpbroadcastb: "66 0f38 w0 78 rm 1 | 66 0f38 w0 7a rm:xg 1 evex",
  vpbroadcastw: "66 0f38 w0 79 rm 2 | 66 0f38 w0 7b rm:xg 2 evex",
  vpbroadcastd: "66 0f38 w0 58 rm 4 | 66 0f38 w0 7c rm:xg 4 evex",
  vpbroadcastq: "66 0f38 wx 59 rm 8 | 66 0f38 w1 7c rm:xg 8 evex",
  // floating-point arithmetic
  ...suffixes("add", "58"),
  ...suffixes("mul", "59"),
  ...suffixes("sub", "5c"),
  ...suffixes("min", "5d"),
  ...suffixes("div", "5e"),
  ...suffixes("max", "5f"),
  ...suffixes("sqrt", "51", "rm", "rvm"),
  ...packed("and", "54"),
  ...packed("andn", "55"),
  ...packed("or", "56"),
  ...packed("xor", "57"),
  ...fma("fmadd", 8),
  ...fma("fmsub", 10),
  ...fma("fnmadd", 12),
  ...fma("fnmsub", 14),
  vhaddps: "f2 0f w0 7c rvm 0 vex",
  vhaddpd: "66 0f w0 7c rvm 0 vex",
  vrcpps: "np 0f w0 53 rm 0 vex",
  vrsqrtps: "np 0f w0 52 rm 0 vex",
  vrcp14ps: "66 0f38 w0 4c rm fv evex",
  vrcp14pd: "66 0f38 w1 4c rm fv evex",
  vrsqrt14ps: "66 0f38 w0 4e rm fv evex",
  vrsqrt14pd: "66 0f38 w1 4e rm fv evex",
  vroundps: "66 0f3a w0 08 rmi 0 vex",
  vroundpd: "66 0f3a w0 09 rmi 0 vex",
  vroundss: "66 0f3a w0 0a rvmi 0 vex l0",
  vroundsd: "66 0f3a w0 0b rvmi 0 vex l0",
  vrndscaleps: "66 0f3a w0 08 rmi fv evex",
  vrndscalepd: "66 0f3a w1 09 rmi fv evex",
  vrndscaless: "66 0f3a w0 0a rvmi 4 evex l0",
  vrndscalesd: "66 0f3a w1 0b rvmi 8 evex l0",
  vreduceps: "66 0f3a w0 56 rmi fv evex",
  vreducepd: "66 0f3a w1 56 rmi fv evex",
  vscalefps: "66 0f38 w0 2c rvm fv evex",
  vscalefpd: "66 0f38 w1 2c rvm fv evex",
  vscalefss: "66 0f38 w0 2d rvm 4 evex l0",
  vscalefsd: "66 0f38 w1 2d rvm 8 evex l0",
  vgetexpps: "66 0f38 w0 42 rm fv evex",
  vgetexppd: "66 0f38 w1 42 rm fv evex",
  vgetmantps: "66 0f3a w0 26 rmi fv evex",
  vgetmantpd: "66 0f3a w1 26 rmi fv evex",
  // comparisons and choices
  vcmpps: compares("np", "0f", "w0", "c2", "fv", "i"),
  vcmppd: compares("66", "0f", "w1", "c2", "fv", "i"),
  vcmpss: "f3 0f w0 c2 rvmi 4 vex l0 | f3 0f w0 c2 rvmi:kxxi 4 evex l0",
  vcmpsd: "f2 0f w0 c2 rvmi 8 vex l0 | f2 0f w1 c2 rvmi:kxxi 8 evex l0",
  vucomiss: "np 0f w0 2e rm 4 l0",
  vucomisd: "66 0f wx 2e rm 8 l0",
  vcomiss: "np 0f w0 2f rm 4 l0",
  vcomisd: "66 0f wx 2f rm 8 l0",
  vfpclassps: "66 0f3a w0 66 rmi:kxi fv evex",
  vfpclasspd: "66 0f3a w1 66 rmi:kxi fv evex",
  vblendvps: "66 0f3a w0 4a rvmR 0 vex",
  vblendvpd: "66 0f3a w0 4b rvmR 0 vex",
  vpblendvb: "66 0f3a w0 4c rvmR 0 vex",
  vblendps: "66 0f3a w0 0c rvmi 0 vex",
  vblendpd: "66 0f3a w0 0d rvmi 0 vex",
  vpblendd: "66 0f3a w0 02 rvmi 0 vex",
  vblendmps: "66 0f38 w0 65 rvm fv evex",
  vblendmpd: "66 0f38 w1 65 rvm fv evex",
  vpblendmb: "66 0f38 w0 66 rvm fvm evex",
  vpblendmw: "66 0f38 w1 66 rvm fvm evex",
  vpblendmd: "66 0f38 w0 64 rvm fv evex",
  vpblendmq: "66 0f38 w1 64 rvm fv evex",
  vpcmpeqb: compares("66", "0f", "w0", "74", "fvm"),
  vpcmpeqw: compares("66", "0f", "w0", "75", "fvm"),
  vpcmpeqd: compares("66", "0f", "w0", "76", "fv"),
  vpcmpeqq: compares("66", "0f38", "w1", "29", "fv"),
  vpcmpgtb: compares("66", "0f", "w0", "64", "fvm"),
  vpcmpgtw: compares("66", "0f", "w0", "65", "fvm"),
  vpcmpgtd: compares("66", "0f", "w0", "66", "fv"),
  vpcmpgtq: compares("66", "0f38", "w1", "37", "fv"),
  vpcmpb: "66 0f3a w0 3f rvmi:kxxi fvm evex",
  vpcmpub: "66 0f3a w0 3e rvmi:kxxi fvm evex",
  vpcmpw: "66 0f3a w1 3f rvmi:kxxi fvm evex",
  vpcmpuw: "66 0f3a w1 3e rvmi:kxxi fvm evex",
  vpcmpd: "66 0f3a w0 1f rvmi:kxxi fv evex",
  vpcmpud: "66 0f3a w0 1e rvmi:kxxi fv evex",
  vpcmpq: "66 0f3a w1 1f rvmi:kxxi fv evex",
  vpcmpuq: "66 0f3a w1 1e rvmi:kxxi fv evex",
  vptest: "66 0f38 w0 17 rm 0 vex",
  vtestps: "66 0f38 w0 0e rm 0 vex",
  vtestpd: "66 0f38 w0 0f rm 0 vex",
  vptestmb: "66 0f38 w0 26 rvm:kxx fvm evex",
  vptestmw: "66 0f38 w1 26 rvm:kxx fvm evex",
  vptestmd: "66 0f38 w0 27 rvm:kxx fv evex",
  vptestmq: "66 0f38 w1 27 rvm:kxx fv evex",
  vptestnmb: "f3 0f38 w0 26 rvm:kxx fvm evex",
  vptestnmd: "f3 0f38 w0 27 rvm:kxx fv evex",
  vptestnmq: "f3 0f38 w1 27 rvm:kxx fv evex",
  // integers
  vpaddb: "66 0f w0 fc rvm fvm",
  vpaddw: "66 0f w0 fd rvm fvm",
  vpaddd: "66 0f w0 fe rvm fv",
  vpaddq: "66 0f wx d4 rvm fv",
  vpsubb: "66 0f w0 f8 rvm fvm",
  vpsubw: "66 0f w0 f9 rvm fvm",
  vpsubd: "66 0f w0 fa rvm fv",
  vpsubq: "66 0f wx fb rvm fv",
  vpmullw: "66 0f w0 d5 rvm fvm",
  vpmulld: "66 0f38 w0 40 rvm fv",
  vpmullq: "66 0f38 w1 40 rvm fv evex",
  vpmuludq: "66 0f wx f4 rvm fv",
  vpmuldq: "66 0f38 wx 28 rvm fv",
  vpmulhw: "66 0f w0 e5 rvm fvm",
  vpmulhuw: "66 0f w0 e4 rvm fvm",
  vpmaddwd: "66 0f w0 f5 rvm fvm",
  vpsadbw: "66 0f w0 f6 rvm fvm",
  vpand: "66 0f w0 db rvm 0 vex",
  vpandn: "66 0f w0 df rvm 0 vex",
  vpor: "66 0f w0 eb rvm 0 vex",
  vpxor: "66 0f w0 ef rvm 0 vex",
  vpandd: "66 0f w0 db rvm fv evex",
  vpandnd: "66 0f w0 df rvm fv evex",
  vpord: "66 0f w0 eb rvm fv evex",
  vpxord: "66 0f w0 ef rvm fv evex",
  vpandq: "66 0f w1 db rvm fv evex",
  vpandnq: "66 0f w1 df rvm fv evex",
  vporq: "66 0f w1 eb rvm fv evex",
  vpxorq: "66 0f w1 ef rvm fv evex",
  vpternlogd: "66 0f3a w0 25 rvmi fv evex",
  vpternlogq: "66 0f3a w1 25 rvmi fv evex",
  vpsllw: shifts("w0", "71/6", "fvm", "f1"),
  vpslld: shifts("w0", "72/6", "fv", "f2"),
  vpsllq: shifts("wx", "73/6", "fv", "f3"),
  vpsrlw: shifts("w0", "71/2", "fvm", "d1"),
  vpsrld: shifts("w0", "72/2", "fv", "d2"),
  vpsrlq: shifts("wx", "73/2", "fv", "d3"),
  vpsraw: shifts("w0", "71/4", "fvm", "e1"),
  vpsrad: shifts("w0", "72/4", "fv", "e2"),
  vpsraq: shifts("w1", "72/4", "fv", "e2", "evex"),
  vpslldq: "66 0f w0 73/7 vmi:xXi fvm | 66 0f w0 73/7 vmi fvm evex",
  vpsrldq: "66 0f w0 73/3 vmi:xXi fvm | 66 0f w0 73/3 vmi fvm evex",
  vprold: "66 0f w0 72/1 vmi fv evex",
  vprolq: "66 0f w1 72/1 vmi fv evex",
  vprord: "66 0f w0 72/0 vmi fv evex",
  vprorq: "66 0f w1 72/0 vmi fv evex",
  vpsllvd: "66 0f38 w0 47 rvm fv",
  vpsllvq: "66 0f38 w1 47 rvm fv",
  vpsrlvd: "66 0f38 w0 45 rvm fv",
  vpsrlvq: "66 0f38 w1 45 rvm fv",
  vpsravd: "66 0f38 w0 46 rvm fv",
  vpsravq: "66 0f38 w1 46 rvm fv evex",
  vpabsb: "66 0f38 w0 1c rm fvm",
  vpabsw: "66 0f38 w0 1d rm fvm",
  vpabsd: "66 0f38 w0 1e rm fv",
  vpabsq: "66 0f38 w1 1f rm fv evex",
  vpminsb: "66 0f38 w0 38 rvm fvm",
  vpminsw: "66 0f w0 ea rvm fvm",
  vpminsd: "66 0f38 w0 39 rvm fv",
  vpminsq: "66 0f38 w1 39 rvm fv evex",
  vpminub: "66 0f w0 da rvm fvm",
  vpminuw: "66 0f38 w0 3a rvm fvm",
  vpminud: "66 0f38 w0 3b rvm fv",
  vpminuq: "66 0f38 w1 3b rvm fv evex",
  vpmaxsb: "66 0f38 w0 3c rvm fvm",
  vpmaxsw: "66 0f w0 ee rvm fvm",
  vpmaxsd: "66 0f38 w0 3d rvm fv",
  vpmaxsq: "66 0f38 w1 3d rvm fv evex",
  vpmaxub: "66 0f w0 de rvm fvm",
  vpmaxuw: "66 0f38 w0 3e rvm fvm",
  vpmaxud: "66 0f38 w0 3f rvm fv",
  vpmaxuq: "66 0f38 w1 3f rvm fv evex",
  // conversions
  vcvtps2pd: "np 0f w0 5a rm hv",
  vcvtpd2ps: "66 0f wx 5a rm fv narrow",
  vcvtss2sd: "f3 0f w0 5a rvm 4 l0",
  vcvtsd2ss: "f2 0f wx 5a rvm 8 l0",
  vcvtdq2ps: "np 0f w0 5b rm fv",
  vcvtps2dq: "66 0f w0 5b rm fv",
  vcvttps2dq: "f3 0f w0 5b rm fv",
  vcvtdq2pd: "f3 0f w0 e6 rm hv",
  vcvtpd2dq: "f2 0f wx e6 rm fv narrow",
  vcvttpd2dq: "66 0f wx e6 rm fv narrow",
  vcvtqq2pd: "f3 0f w1 e6 rm fv evex",
  vcvtqq2ps: "np 0f w1 5b rm fv evex narrow",
  vcvtpd2qq: "66 0f w1 7b rm fv evex",
  vcvttpd2qq: "66 0f w1 7a rm fv evex",
  vcvtps2qq: "66 0f w0 7b rm hv evex",
  vcvttps2qq: "66 0f w0 7a rm hv evex",
  vcvtudq2ps: "f2 0f w0 7a rm fv evex",
  vcvtudq2pd: "f3 0f w0 7a rm hv evex",
  vcvtuqq2pd: "f3 0f w1 7a rm fv evex",
  vcvtuqq2ps: "f2 0f w1 7a rm fv evex narrow",
  vcvttps2udq: "np 0f w0 78 rm fv evex",
  vcvttpd2udq: "np 0f w1 78 rm fv evex narrow",
  vcvttpd2uqq: "66 0f w1 78 rm fv evex",
  vcvttps2uqq: "66 0f w0 78 rm hv evex",
  vcvtph2ps: "66 0f38 w0 13 rm hvm",
  vcvtps2ph: "66 0f3a w0 1d mri hvm",
  vcvttsd2si: "f2 0f wg 2c rm:gx 8 l0",
  vcvttss2si: "f3 0f wg 2c rm:gx 4 l0",
  vcvtsd2si: "f2 0f wg 2d rm:gx 8 l0",
  vcvtss2si: "f3 0f wg 2d rm:gx 4 l0",
  vcvtsi2sd: "f2 0f wg 2a rvm:xxg 8 l0",
  vcvtsi2ss: "f3 0f wg 2a rvm:xxg 8 l0",
  vpmovsxbw: "66 0f38 w0 20 rm hvm",
  vpmovsxbd: "66 0f38 w0 21 rm qvm",
  vpmovsxbq: "66 0f38 w0 22 rm ovm",
  vpmovsxwd: "66 0f38 w0 23 rm hvm",
  vpmovsxwq: "66 0f38 w0 24 rm qvm",
  vpmovsxdq: "66 0f38 w0 25 rm hvm",
  vpmovzxbw: "66 0f38 w0 30 rm hvm",
  vpmovzxbd: "66 0f38 w0 31 rm qvm",
  vpmovzxbq: "66 0f38 w0 32 rm ovm",
  vpmovzxwd: "66 0f38 w0 33 rm hvm",
  vpmovzxwq: "66 0f38 w0 34 rm qvm",
  vpmovzxdq: "66 0f38 w0 35 rm hvm",
  vpmovwb: "f3 0f38 w0 30 mr hvm evex",
  vpmovdb: "f3 0f38 w0 31 mr qvm evex",
  vpmovqb: "f3 0f38 w0 32 mr ovm evex",
  vpmovdw: "f3 0f38 w0 33 mr hvm evex",
  vpmovqw: "f3 0f38 w0 34 mr qvm evex",
  vpmovqd: "f3 0f38 w0 35 mr hvm evex",
  vpmovsdb: "f3 0f38 w0 21 mr qvm evex",
  vpmovsdw: "f3 0f38 w0 23 mr hvm evex",
  vpmovsqd: "f3 0f38 w0 25 mr hvm evex",
  vpmovusdb: "f3 0f38 w0 11 mr qvm evex",
  vpmovusdw: "f3 0f38 w0 13 mr hvm evex",
  vpmovm2b: "f3 0f38 w0 28 rm:xk 0 evex",
  vpmovm2w: "f3 0f38 w1 28 rm:xk 0 evex",
  vpmovm2d: "f3 0f38 w0 38 rm:xk 0 evex",
  vpmovm2q: "f3 0f38 w1 38 rm:xk 0 evex",
  vpmovb2m: "f3 0f38 w0 29 rm:kx 0 evex",
  vpmovw2m: "f3 0f38 w1 29 rm:kx 0 evex",
  vpmovd2m: "f3 0f38 w0 39 rm:kx 0 evex",
  vpmovq2m: "f3 0f38 w1 39 rm:kx 0 evex",
  // packs, shuffles, permutations
  vpacksswb: "66 0f w0 63 rvm fvm",
  vpackuswb: "66 0f w0 67 rvm fvm",
  vpackssdw: "66 0f w0 6b rvm fv",
  vpackusdw: "66 0f38 w0 2b rvm fv",
  vpunpcklbw: "66 0f w0 60 rvm fvm",
  vpunpcklwd: "66 0f w0 61 rvm fvm",
  vpunpckldq: "66 0f w0 62 rvm fv",
  vpunpcklqdq: "66 0f wx 6c rvm fv",
  vpunpckhbw: "66 0f w0 68 rvm fvm",
  vpunpckhwd: "66 0f w0 69 rvm fvm",
  vpunpckhdq: "66 0f w0 6a rvm fv",
  vpunpckhqdq: "66 0f wx 6d rvm fv",
  ...packed("unpckl", "14"),
  ...packed("unpckh", "15"),
  ...packed("shuf", "c6", "rvmi"),
  vpshufb: "66 0f38 w0 00 rvm fvm",
  vpshufd: "66 0f w0 70 rmi fv",
  vpshuflw: "f2 0f w0 70 rmi fvm",
  vpshufhw: "f3 0f w0 70 rmi fvm",
  vpalignr: "66 0f3a w0 0f rvmi fvm",
  valignd: "66 0f3a w0 03 rvmi fv evex",
  valignq: "66 0f3a w1 03 rvmi fv evex",
  vperm2f128: "66 0f3a w0 06 rvmi 0 vex",
  vperm2i128: "66 0f3a w0 46 rvmi 0 vex",
  vpermps: "66 0f38 w0 16 rvm fv",
  vpermd: "66 0f38 w0 36 rvm fv",
  vpermpd: "66 0f3a w1 01 rmi fv | 66 0f38 w1 16 rvm fv evex",
  vpermq: "66 0f3a w1 00 rmi fv | 66 0f38 w1 36 rvm fv evex",
  vpermw: "66 0f38 w1 8d rvm fvm evex",
  vpermilps: "66 0f3a w0 04 rmi fv | 66 0f38 w0 0c rvm fv",
  vpermilpd: "66 0f3a wx 05 rmi fv | 66 0f38 wx 0d rvm fv",
  vpermt2ps: "66 0f38 w0 7f rvm fv evex",
  vpermt2pd: "66 0f38 w1 7f rvm fv evex",
  vpermt2d: "66 0f38 w0 7e rvm fv evex",
  vpermt2q: "66 0f38 w1 7e rvm fv evex",
  vpermt2w: "66 0f38 w1 7d rvm fvm evex",
  vpermi2ps: "66 0f38 w0 77 rvm fv evex",
  vpermi2pd: "66 0f38 w1 77 rvm fv evex",
  vpermi2d: "66 0f38 w0 76 rvm fv evex",
  vpermi2q: "66 0f38 w1 76 rvm fv evex",
  vshuff32x4: "66 0f3a w0 23 rvmi fv evex",
  vshuff64x2: "66 0f3a w1 23 rvmi fv evex",
  vshufi32x4: "66 0f3a w0 43 rvmi fv evex",
  vshufi64x2: "66 0f3a w1 43 rvmi fv evex",
  vinsertf128: "66 0f3a w0 18 rvmi 0 vex",
  vextractf128: "66 0f3a w0 19 mri 0 vex",
  vinserti128: "66 0f3a w0 38 rvmi 0 vex",
  vextracti128: "66 0f3a w0 39 mri 0 vex",
  vinsertf32x4: "66 0f3a w0 18 rvmi 16 evex",
  vextractf32x4: "66 0f3a w0 19 mri 16 evex",
  vinsertf64x2: "66 0f3a w1 18 rvmi 16 evex",
  vextractf64x2: "66 0f3a w1 19 mri 16 evex",
  vinsertf32x8: "66 0f3a w0 1a rvmi 32 evex",
  vextractf32x8: "66 0f3a w0 1b mri 32 evex",
  vinsertf64x4: "66 0f3a w1 1a rvmi 32 evex",
  vextractf64x4: "66 0f3a w1 1b mri 32 evex",
  vinserti32x4: "66 0f3a w0 38 rvmi 16 evex",
  vextracti32x4: "66 0f3a w0 39 mri 16 evex",
  vinserti64x4: "66 0f3a w1 3a rvmi 32 evex",
  vextracti64x4: "66 0f3a w1 3b mri 32 evex",
  vinsertps: "66 0f3a w0 21 rvmi 4 l0",
  vpextrb: "66 0f3a w0 14 mri:gxi 1 l0",
  vpextrw: "66 0f3a w0 15 mri:gxi 2 l0",
  vpextrd: "66 0f3a w0 16 mri:gxi 4 l0",
  vpextrq: "66 0f3a w1 16 mri:gxi 8 l0",
  vpinsrb: "66 0f3a w0 20 rvmi:xxgi 1 l0",
  vpinsrw: "66 0f w0 c4 rvmi:xxgi 2 l0",
  vpinsrd: "66 0f3a w0 22 rvmi:xxgi 4 l0",
  vpinsrq: "66 0f3a w1 22 rvmi:xxgi 8 l0",
  // gathers and scatters: with VEX the third operand is the mask vector (cleared as it goes), with EVEX the destination carries a mask
  vgatherdps: "66 0f38 w0 92 rmv 4 vex | 66 0f38 w0 92 rm:xM 4 evex",
  vgatherdpd: "66 0f38 w1 92 rmv 8 vex | 66 0f38 w1 92 rm:xM 8 evex",
  vgatherqps: "66 0f38 w0 93 rmv 4 vex | 66 0f38 w0 93 rm:xM 4 evex",
  vgatherqpd: "66 0f38 w1 93 rmv 8 vex | 66 0f38 w1 93 rm:xM 8 evex",
  vpgatherdd: "66 0f38 w0 90 rmv 4 vex | 66 0f38 w0 90 rm:xM 4 evex",
  vpgatherdq: "66 0f38 w1 90 rmv 8 vex | 66 0f38 w1 90 rm:xM 8 evex",
  vpgatherqd: "66 0f38 w0 91 rmv 4 vex | 66 0f38 w0 91 rm:xM 4 evex",
  vpgatherqq: "66 0f38 w1 91 rmv 8 vex | 66 0f38 w1 91 rm:xM 8 evex",
  vscatterdps: "66 0f38 w0 a2 mr:Mx 4 evex",
  vscatterdpd: "66 0f38 w1 a2 mr:Mx 8 evex",
  vscatterqps: "66 0f38 w0 a3 mr:Mx 4 evex",
  vscatterqpd: "66 0f38 w1 a3 mr:Mx 8 evex",
  vpscatterdd: "66 0f38 w0 a0 mr:Mx 4 evex",
  vpscatterdq: "66 0f38 w1 a0 mr:Mx 8 evex",
  vpscatterqd: "66 0f38 w0 a1 mr:Mx 4 evex",
  vpscatterqq: "66 0f38 w1 a1 mr:Mx 8 evex",
  // mask registers
  kmovb: kMove("66", "w0", "66", "w0"),
  kmovw: kMove("np", "w0", "np", "w0"),
  kmovd: kMove("66", "w1", "f2", "w0"),
  kmovq: kMove("np", "w1", "f2", "w1"),
  ...kLogic("kand", "41", "rvm:kkk", "l1"),
  ...kLogic("kandn", "42", "rvm:kkk", "l1"),
  ...kLogic("kor", "45", "rvm:kkk", "l1"),
  ...kLogic("kxnor", "46", "rvm:kkk", "l1"),
  ...kLogic("kxor", "47", "rvm:kkk", "l1"),
  ...kLogic("kadd", "4a", "rvm:kkk", "l1"),
  ...kLogic("knot", "44", "rm:kk", "l0"),
  ...kLogic("kortest", "98", "rm:kk", "l0"),
  ...kLogic("ktest", "99", "rm:kk", "l0"),
  kunpckbw: "66 0f w0 4b rvm:kkk 0 vex l1",
  kunpckwd: "np 0f w0 4b rvm:kkk 0 vex l1",
  kshiftlb: "66 0f3a w0 32 rmi:kki 0 vex l0",
  kshiftlw: "66 0f3a w1 32 rmi:kki 0 vex l0",
  kshiftld: "66 0f3a w0 33 rmi:kki 0 vex l0",
  kshiftlq: "66 0f3a w1 33 rmi:kki 0 vex l0",
  kshiftrb: "66 0f3a w0 30 rmi:kki 0 vex l0",
  kshiftrw: "66 0f3a w1 30 rmi:kki 0 vex l0",
  kshiftrd: "66 0f3a w0 31 rmi:kki 0 vex l0",
  kshiftrq: "66 0f3a w1 31 rmi:kki 0 vex l0",
  // general registers
  bzhi: "np 0f38 wg f5 rmv:ggg 0 vex l0",
  shlx: "66 0f38 wg f7 rmv:ggg 0 vex l0",
  sarx: "f3 0f38 wg f7 rmv:ggg 0 vex l0",
  shrx: "f2 0f38 wg f7 rmv:ggg 0 vex l0",
} as const satisfies Record<string, string>;

/** Name of an instruction of the table. */
export type InstructionName = keyof typeof table;

/** A parsed row. */
export interface Encoding {
  readonly prefix: 0 | 1 | 2 | 3;
  readonly map: 1 | 2 | 3;
  readonly w: "w0" | "w1" | "wx" | "wg";
  readonly opcode: number;
  readonly digit: number;
  readonly form: string;
  readonly classes: string;
  readonly tuple: string;
  readonly vex: boolean;
  readonly evex: boolean;
  /** The fixed length bit, or -1 when the operands decide. */
  readonly l: number;
  readonly narrow: boolean;
}

function parse(row: string): Encoding {
  const [prefix, map, w, opcode, form, tuple, ...flags] = row.trim().split(/\s+/) as string[] as [
    string,
    string,
    Encoding["w"],
    string,
    string,
    string,
  ];
  const [code, digit] = opcode.split("/");
  const [letters, classes] = form.split(":");
  return {
    prefix: ["np", "66", "f3", "f2"].indexOf(prefix) as Encoding["prefix"],
    map: (["0f", "0f38", "0f3a"].indexOf(map) + 1) as Encoding["map"],
    w,
    opcode: Number.parseInt(code!, 16),
    digit: digit === undefined ? 0 : Number(digit),
    form: letters!,
    classes: classes ?? letters!.replace(/[rvmR]/g, "x"),
    tuple,
    vex: !(flags as string[]).includes("evex"),
    evex: !(flags as string[]).includes("vex"),
    l: (flags as string[]).includes("l0") ? 0 : (flags as string[]).includes("l1") ? 1 : -1,
    narrow: (flags as string[]).includes("narrow"),
  };
}

const parsed = new Map<string, readonly Encoding[]>();

/** The encodings of an instruction, in order of preference. */
export function encodingsOf(name: InstructionName): readonly Encoding[] {
  let rows = parsed.get(name);
  if (rows === undefined) {
    rows = table[name].split("|").map(parse);
    parsed.set(name, rows);
  }
  return rows;
}

/** Every instruction of the table. */
export const instructionNames = Object.keys(table) as readonly InstructionName[];
