/**
 * Functions of real numbers that `Math` lacks, in double precision, with C's conventions for NaN, infinities and signed zeros. Errors are about one unit in the
 * last place unless stated.
 */

const bits64 = new BigInt64Array(1);
const float64 = new Float64Array(bits64.buffer);
const bits32 = new Int32Array(1);
const float32 = new Float32Array(bits32.buffer);

/** Nearest integer, halves to even. */
export function roundHalfEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

/** -1, 0 or 1; NaN and both zeros give 0, as `torch.sign`. */
export function signOf(x: number): number {
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/** The magnitude of `x` with the sign of `y`. */
export function copysign(x: number, y: number): number {
  const negative = y < 0 || Object.is(y, -0) || (y !== y && signBit(y));
  return negative ? -Math.abs(x) : Math.abs(x);
}

function signBit(y: number): boolean {
  float64[0] = y;
  return bits64[0]! < 0n;
}

/** `x` to the power `y` with C's conventions: 1 to any power and (-1) to an infinite one are 1. */
export function power(x: number, y: number): number {
  if (x === 1 || (x === -1 && (y === Infinity || y === -Infinity))) return 1;
  return x ** y;
}

/** The next double after `x` toward `y`. */
export function nextafter64(x: number, y: number): number {
  if (x !== x || y !== y) return NaN;
  if (x === y) return y;
  if (x === 0) return y > 0 ? 5e-324 : -5e-324;
  float64[0] = x;
  bits64[0] = bits64[0]! + (x < y === x > 0 ? 1n : -1n);
  return float64[0]!;
}

/** The next float32 after `x` toward `y`. */
export function nextafter32(x: number, y: number): number {
  if (x !== x || y !== y) return NaN;
  if (x === y) return y;
  if (x === 0) return y > 0 ? 2 ** -149 : -(2 ** -149);
  float32[0] = x;
  bits32[0] = bits32[0]! + (x < y === x > 0 ? 1 : -1);
  return float32[0]!;
}

/** The integer as a float32, rounded once. */
export function int64ToFloat32(x: bigint): number {
  const n = Number(x);
  if (n >= -9007199254740992 && n <= 9007199254740992) return Math.fround(n);
  const sticky = (x & 2047n) !== 0n ? 1n : 0n;
  return Math.fround(Number((x >> 11n) | sticky) * 2048);
}

/** C's conversion to a 32-bit integer on x86: toward zero; NaN and what is out of range give -2^31. */
export function floatToInt32(x: number): number {
  return x > -2147483649 && x < 2147483648 ? x | 0 : -2147483648;
}

/** C's conversion to a 64-bit integer on x86: toward zero; NaN and what is out of range give -2^63. */
export function floatToInt64(x: number): bigint {
  return x >= -9223372036854775808 && x < 9223372036854775808 ? BigInt(Math.trunc(x)) : -9223372036854775808n;
}

export function float32Bits(x: number): number {
  float32[0] = x;
  return bits32[0]!;
}
export function bitsToFloat32(x: number): number {
  bits32[0] = x;
  return float32[0]!;
}
export function float64Bits(x: number): bigint {
  float64[0] = x;
  return bits64[0]!;
}
export function bitsToFloat64(x: bigint): number {
  bits64[0] = x;
  return float64[0]!;
}

/** c[0] + c[1] x + c[2] x^2 + … */
function polynomial(x: number, c: readonly number[]): number {
  let y = 0;
  for (let i = c.length - 1; i >= 0; i--) y = y * x + c[i]!;
  return y;
}

// Error function: the rational approximations of FreeBSD's s_erf.c (Sun Microsystems, 1993).
const erfP = [
  1.28379167095512558561e-1, -3.2504210724700149937e-1, -2.84817495755985104766e-2, -5.77027029648944159157e-3,
  -2.37630166566501626084e-5,
];
const erfQ = [
  1, 3.97917223959155352819e-1, 6.50222499887672944485e-2, 5.08130628187576562776e-3, 1.32494738004321644526e-4,
  -3.9602282787753681232e-6,
];
const erfPa = [
  -2.36211856075265944077e-3, 4.14856118683748331666e-1, -3.72207876035701323847e-1, 3.18346619901161753674e-1,
  -1.10894694282396677476e-1, 3.54783043256182359371e-2, -2.166375594868790843e-3,
];
const erfQa = [
  1, 1.06420880400844228286e-1, 5.40397917702171048937e-1, 7.18286544141962662868e-2, 1.26171219808761642112e-1,
  1.36370839120290507362e-2, 1.1984499846799107417e-2,
];
const erfRa = [
  -9.86494403484714822705e-3, -6.93858572707181764372e-1, -1.05586262253232909814e1, -6.23753324503260060396e1,
  -1.62396669462573470355e2, -1.84605092906711035994e2, -8.12874355063065934246e1, -9.81432934416914548592,
];
const erfSa = [
  1, 1.96512716674392571292e1, 1.376577541435190426e2, 4.34565877475229228821e2, 6.45387271733267880336e2,
  4.29008140027567833386e2, 1.08635005541779435134e2, 6.57024977031928170135, -6.04244152148580987438e-2,
];
const erfRb = [
  -9.86494292470009928597e-3, -7.99283237680523006574e-1, -1.77579549177547519889e1, -1.60636384855821916062e2,
  -6.37566443368389627722e2, -1.02509513161107724954e3, -4.83519191608651397019e2,
];
const erfSb = [
  1, 3.03380607434824582924e1, 3.25792512996573918826e2, 1.53672958608443695994e3, 3.19985821950859553908e3,
  2.55305040643316442583e3, 4.74528541206955367215e2, -2.24409524465858183362e1,
];
const erx = 8.45062911510467529297e-1;

/** erfc(a) for a >= 0.84375. */
function erfcTail(a: number): number {
  if (a < 1.25) return 1 - erx - polynomial(a - 1, erfPa) / polynomial(a - 1, erfQa);
  if (a > 28) return 0;
  const s = 1 / (a * a);
  const ratio = a < 1 / 0.35 ? polynomial(s, erfRa) / polynomial(s, erfSa) : polynomial(s, erfRb) / polynomial(s, erfSb);
  float64[0] = a;
  bits64[0] = bits64[0]! & ~0xffffffffn; // a with a short fraction, so that its square is exact
  const z = float64[0]!;
  return (Math.exp(-z * z - 0.5625) * Math.exp((z - a) * (z + a) + ratio)) / a;
}

/** The error function. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 0.84375) {
    if (a < 2 ** -28) return a < 1e-300 ? (8 * x + 1.02703333676410069053 * x) / 8 : x + 1.28379167095512586316e-1 * x;
    const z = x * x;
    return x + x * (polynomial(z, erfP) / polynomial(z, erfQ));
  }
  if (x !== x) return NaN;
  const tail = a < 1.25 ? erx + polynomial(a - 1, erfPa) / polynomial(a - 1, erfQa) : a < 6 ? 1 - erfcTail(a) : 1;
  return x < 0 ? -tail : tail;
}

/** 1 - erf(x), accurate where that is small. */
export function erfc(x: number): number {
  const a = Math.abs(x);
  if (a < 0.84375) {
    const z = x * x;
    const y = polynomial(z, erfP) / polynomial(z, erfQ);
    return x < 0.25 ? 1 - (x + x * y) : 0.5 - (x - 0.5 + x * y);
  }
  if (x !== x) return NaN;
  return x < 0 ? (a > 6 ? 2 : 2 - erfcTail(a)) : erfcTail(a);
}

/** The inverse of {@link erf}: a rational start and two Newton steps. NaN outside of [-1, 1]. */
export function erfinv(y: number): number {
  const a = Math.abs(y);
  if (!(a <= 1)) return NaN;
  if (a === 1) return y * Infinity;
  let x: number;
  if (a <= 0.7) {
    const z = y * y;
    x =
      (y * polynomial(z, [0.886226899, -1.645349621, 0.914624893, -0.140543331])) /
      polynomial(z, [1, -2.118377725, 1.442710462, -0.329097515, 0.012229801]);
  } else {
    const z = Math.sqrt(-Math.log((1 - a) / 2));
    const w = polynomial(z, [-1.970840454, -1.624906493, 3.429567803, 1.641345311]) / polynomial(z, [1, 3.5438892, 1.6370678]);
    x = y < 0 ? -w : w;
  }
  for (let i = 0; i < 2; i++) {
    const error = a < 0.7 ? erf(x) - y : y > 0 ? 1 - y - erfc(x) : erfc(-x) - (1 + y);
    x -= error / ((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x));
  }
  return x;
}

// Logarithm of the gamma function: the approximations of FreeBSD's e_lgamma_r.c (Sun Microsystems, 1993).
const lgA = [
  7.72156649015328655494e-2, 6.73523010531292681824e-2, 7.38555086081402883957e-3, 1.19270763183362067845e-3,
  2.20862790713908385557e-4, 2.52144565451257326939e-5,
];
const lgB = [
  3.22467033424113591611e-1, 2.05808084325167332806e-2, 2.89051383673415629091e-3, 5.10069792153511336608e-4,
  1.08011567247583939954e-4, 4.4864094961891516015e-5,
];
const lgT = [
  4.83836122723810047042e-1, -1.47587722994593911752e-1, 6.46249402391333854778e-2, -3.27885410759859649565e-2,
  1.79706750811820387126e-2, -1.0314224129834143745e-2, 6.10053870246291332635e-3, -3.6845201678113825676e-3,
  2.2596478090061247225e-3, -1.40346469989232843813e-3, 8.81081882437654011382e-4, -5.38595305356740546715e-4,
  3.15632070903625950361e-4, -3.12754168375120860518e-4, 3.35529192635519073543e-4,
];
const lgU = [
  -7.72156649015328655494e-2, 6.32827064025093366517e-1, 1.45492250137234768737, 9.77717527963372745603e-1,
  2.28963728064692451092e-1, 1.33810918536787660377e-2,
];
const lgV = [
  1, 2.45597793713041134822, 2.12848976379893395361, 7.69285150456672783825e-1, 1.04222645593369134254e-1,
  3.2170924228242391181e-3,
];
const lgS = [
  -7.72156649015328655494e-2, 2.14982415960608852501e-1, 3.25778796408930981787e-1, 1.46350472652464452805e-1,
  2.6642270303363860956e-2, 1.84028451407337715652e-3, 3.19475326584100867617e-5,
];
const lgR = [
  1, 1.39200533467621045958, 7.21935547567138069525e-1, 1.71933865632803078993e-1, 1.86459191715652901344e-2,
  7.77942496381893596434e-4, 7.32668430744625636189e-6,
];
const lgW0 = 4.18938533204672725052e-1;
const lgW = [
  8.33333333333329678849e-2, -2.7777777772877553647e-3, 7.936505586430195585e-4, -5.95187557450339963135e-4,
  8.36339918996282139126e-4, -1.63092934096575273989e-3,
];
const lgTc = 1.46163214496836224576;
const lgTf = -1.21486290535849611461e-1;
const lgTt = -3.63867699703950536541e-18;

/** sin(pi x), exact at integers. */
function sinPi(x: number): number {
  const r = x - 2 * Math.floor(x / 2); // in [0, 2)
  if (r < 0.25) return Math.sin(Math.PI * r);
  if (r < 0.75) return Math.cos(Math.PI * (0.5 - r));
  if (r < 1.25) return Math.sin(Math.PI * (1 - r));
  if (r < 1.75) return -Math.cos(Math.PI * (1.5 - r));
  return Math.sin(Math.PI * (r - 2));
}

/** log |gamma(x)|; infinite at 0 and the negative integers. */
export function lgamma(x: number): number {
  if (x !== x) return NaN;
  if (x === Infinity || x === -Infinity) return Infinity;
  const a = Math.abs(x);
  if (a < 2 ** -70) return -Math.log(a);
  if (x < 0) {
    const t = sinPi(a);
    return t === 0 ? Infinity : Math.log(Math.PI / Math.abs(t * a)) - lgammaPositive(a);
  }
  return lgammaPositive(a);
}

function lgammaPositive(x: number): number {
  if (x === 1 || x === 2) return 0;
  if (x < 2) {
    let r = 0;
    let y: number;
    let which: number;
    if (x <= 0.9) {
      r = -Math.log(x);
      if (x >= 0.7316) [y, which] = [1 - x, 0];
      else if (x >= 0.23164) [y, which] = [x - (lgTc - 1), 1];
      else [y, which] = [x, 2];
    } else if (x >= 1.7316) [y, which] = [2 - x, 0];
    else if (x >= 1.23) [y, which] = [x - lgTc, 1];
    else [y, which] = [x - 1, 2];
    if (which === 0) {
      const z = y * y;
      return r + (y * polynomial(z, lgA) + z * polynomial(z, lgB) - 0.5 * y);
    }
    if (which === 1) {
      const z = y * y;
      const p = z * polynomial(y, lgT) - lgTt;
      return r + (lgTf + p);
    }
    return r + (-0.5 * y + (y * polynomial(y, lgU)) / polynomial(y, lgV));
  }
  if (x < 8) {
    const i = Math.floor(x);
    const y = x - i;
    let r = 0.5 * y + (y * polynomial(y, lgS)) / polynomial(y, lgR);
    let z = 1;
    for (let k = i - 1; k >= 2; k--) z *= y + k;
    r += Math.log(z);
    return r;
  }
  if (x < 2 ** 58) {
    const t = Math.log(x);
    const z = 1 / x;
    const y = z * z;
    const w = lgW0 + z * polynomial(y, lgW);
    return (x - 0.5) * (t - 1) + w;
  }
  return x * (Math.log(x) - 1);
}

const digammaA = [
  8.33333333333333333333e-2, -8.33333333333333333333e-3, 3.96825396825396825397e-3, -4.16666666666666666667e-3,
  7.57575757575757575758e-3, -2.10927960927960927961e-2, 8.33333333333333333333e-2,
];

/** The derivative of log gamma: recurrence up to 10, then the asymptotic series (Cephes). Infinite at 0, NaN at the negative integers. */
export function digamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Infinity : -Infinity;
  if (x === -Infinity) return NaN;
  let result = 0;
  if (x < 0) {
    if (Number.isInteger(x)) return NaN;
    result = -Math.PI / Math.tan(Math.PI * (x % 1));
    x = 1 - x;
  }
  while (x < 10) {
    result -= 1 / x;
    x += 1;
  }
  if (x === 10) return result + 2.25175258906672110764;
  let y = 0;
  if (x < 1e17) {
    const z = 1 / (x * x);
    y = z * polynomial(z, digammaA);
  }
  return result + Math.log(x) - 0.5 / x - y;
}
