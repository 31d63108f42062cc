/**
 * Bessel functions of the first and second kind, of order 0 and 1. Below 5 a series in x^2 with the first two zeros taken out; above it the phase form
 * `J = sqrt(2 / (pi x)) (P cos c - Q sin c)`, `Y = sqrt(2 / (pi x)) (P sin c + Q cos c)`, where c is x - pi/4 or x - 3 pi/4. All series are Chebyshev's; the
 * tables were computed with 40 digits. The error is a few units in the last place of the largest value nearby.
 */
import { constant, type Expr } from "../expr.ts";
import { chebyshev, select } from "./base.ts";

/** J0(x) / ((x^2 - a^2)(x^2 - b^2)) for its first two zeros a and b, by x^2 in [0, 25]. */
const J0_SMALL = [
  0.003433775195443006, -0.001974794511586004, 0.0002472802343211527, -1.7951655945298798e-5, 8.614299472476033e-7,
  -2.9521425632684864e-8, 7.609233569353203e-10, -1.531306324653633e-11, 2.475309497955091e-13, -3.2866707304697332e-15,
  3.6501313955036886e-17, -3.4418858692258494e-19,
];
/** J1(x) / (x (x^2 - a^2)(x^2 - b^2)), the same. */
const J1_SMALL = [
  0.0004546530983912736, -0.00021348093861811067, 2.2341253121436404e-5, -1.38767402387634e-6, 5.806885161405081e-8,
  -1.7621593742140618e-9, 4.072176387317086e-11, -7.422794511260187e-13, 1.096138032866157e-14, -1.3392526677386197e-16,
  1.3771260961669168e-18,
];
/** Y0(x) - 2/pi log(x) J0(x), by x^2 in [0, 25]. */
const Y0_SMALL = [
  0.20605257634092228, -0.13017522381095709, -0.291894720865317, 0.10268287966073635, -0.014279159901781987,
  0.0011164629864165486, -5.677525113380376e-5, 2.0406703657627165e-6, -5.476431029755533e-8, 1.141220652090372e-9,
  -1.9021689490013906e-11, 2.5954970583106197e-13, -2.9540707750193604e-15, 2.848154182311252e-17,
];
/** (Y1(x) - 2/pi (log(x) J1(x) - 1/x)) / x, the same. */
const Y1_SMALL = [
  0.0531074450560213, 0.14189450894667655, -0.08834328868289824, 0.017111109934210778, -0.0017057852565133666,
  0.000105257530278434, -4.44507526565354e-6, 1.3699277670028168e-7, -3.222883768023259e-9, 5.984534092223177e-11,
  -9.000965667133812e-13, 1.1194186560306676e-14, -1.1707921590181557e-16,
];
/** P0, by 25/x^2 in [0, 1]. */
const P0 = [
  0.9986523398776954, -0.00132937162125028, 1.761305551290559e-5, -6.319367118733069e-7, 3.948825587093808e-8,
  -3.5409678948019087e-9, 4.103246366872386e-10, -5.765747662655223e-11, 9.423105578391987e-12, -1.7401405706283885e-12,
  3.5557750052411783e-13, -7.914641501338115e-14, 1.8959456362961828e-14, -4.841483019175697e-15, 1.3078555195901338e-15,
  -3.714050821413154e-16, 1.103023177871277e-16, -3.410936210498114e-17,
];
/** x/5 Q0, the same. */
const Q0 = [
  -0.024729405164334986, 0.00026380388099845215, -6.43759824253235e-6, 3.247418641128558e-7, -2.548657948406561e-8,
  2.7026065526268818e-9, -3.5701518102394104e-10, 5.5817142695807205e-11, -9.977816055305666e-12, 1.990142733561329e-12,
  -4.3502412086017667e-13, 1.0280254324855211e-13, -2.5986485312118355e-14, 6.967527155377957e-15, -1.9680115145087463e-15,
  5.8230549837184e-16, -1.7964302342606689e-16, 5.755537813115849e-17, -1.9085810023462685e-17, 6.5316323887296735e-18,
  -2.301036357065232e-18, 8.32640853075718e-19,
];
/** P1, the same. */
const P1 = [
  1.00226762068534, 0.0022437352958079985, -2.3071018862548286e-5, 7.639181732533905e-7, -4.589685232343401e-8,
  4.020515478419001e-9, -4.586773977170972e-10, 6.373158962859246e-11, -1.0327344567640412e-11, 1.8943274995111034e-12,
  -3.849703387824105e-13, 8.529914525779044e-14, -2.03544697865723e-14, 5.180421738900549e-15, -1.3953502148258493e-15,
  3.9523601713314257e-16, -1.171117080126803e-16, 3.614078564738109e-17,
];
/** x/5 Q1, the same. */
const Q1 = [
  0.07461746924293727, -0.00037410379362102955, 8.01139890409206e-6, -3.828805678171264e-7, 2.917633021484398e-8,
  -3.036679728934633e-9, 3.9598445211790335e-10, -6.131962898875392e-11, 1.0880467184119506e-11, -2.1573304385076937e-12,
  4.692705663517787e-13, -1.1044093713083652e-13, 2.781945696278766e-14, -7.436303350432923e-15, 2.0948126235658333e-15,
  -6.183568405835825e-16, 1.9036103662163e-16, -6.087290133410104e-17, 2.0150975159994986e-17, -6.885261323962649e-18,
  2.4221007940443373e-18,
];

/** The first two zeros, squared. */
const ZEROS = [
  [5.783185962946784, 30.471262343662087],
  [14.681970642123893, 49.2184563216946],
] as const;

/** For x in [0, 5]. */
function firstKindBelow5(order: 0 | 1, x: Expr): Expr {
  const square = x.mul(x);
  const [a, b] = ZEROS[order];
  const series = chebyshev(square.mul(2 / 25).sub(1), order === 0 ? J0_SMALL : J1_SMALL);
  const value = square.sub(a).mul(square.sub(b)).mul(series);
  return order === 0 ? value : value.mul(x);
}

/** P, Q and the sine and cosine of the phase, both times sqrt(2), for x above 5. */
function phaseForm(order: 0 | 1, x: Expr): { p: Expr; q: Expr; sin: Expr; cos: Expr } {
  const z = constant(5, x.type).div(x);
  const t = z.mul(z).mul(2).sub(1);
  const [sin, cos] = [x.sin(), x.cos()];
  const [sum, difference] = [sin.add(cos), sin.sub(cos)];
  const even = chebyshev(t, order === 0 ? P0 : P1);
  const odd = chebyshev(t, order === 0 ? Q0 : Q1).mul(z);
  return order === 0 ? { p: even, q: odd, sin: difference, cos: sum } : { p: even, q: odd, sin: sum.neg(), cos: difference };
}

const amplitude = (x: Expr): Expr => constant(1, x.type).div(x.mul(Math.PI).sqrt());

/** J0 or J1; NaN at infinity, as PyTorch has it. */
export function besselJ(order: 0 | 1, x: Expr): Expr {
  const size = x.abs();
  const { p, q, sin, cos } = phaseForm(order, size);
  const large = p.mul(cos).sub(q.mul(sin)).mul(amplitude(size));
  const value = select(size.le(5), firstKindBelow5(order, size), large);
  return order === 0 ? value : select(x.lt(0), value.neg(), select(x.eq(0), x, value));
}

/** Y0 or Y1: -inf at 0, NaN below. */
export function besselY(order: 0 | 1, x: Expr): Expr {
  const { p, q, sin, cos } = phaseForm(order, x);
  const large = p.mul(sin).add(q.mul(cos)).mul(amplitude(x));
  const t = x
    .mul(x)
    .mul(2 / 25)
    .sub(1);
  const logarithm = x.log().mul(firstKindBelow5(order, x));
  const small =
    order === 0
      ? logarithm.mul(2 / Math.PI).add(chebyshev(t, Y0_SMALL))
      : logarithm
          .sub(constant(1, x.type).div(x))
          .mul(2 / Math.PI)
          .add(chebyshev(t, Y1_SMALL).mul(x));
  return select(x.eq(0), constant(-Infinity, x.type), select(x.le(5), small, large));
}
