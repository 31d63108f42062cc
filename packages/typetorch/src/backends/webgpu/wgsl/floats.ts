/**
 * WGSL functions for single precision. WGSL lets a device divide and take roots inexactly, reorder additions, and assume that there are no NaN and no infinities.
 * So what must not be guessed goes through the bits: tests for NaN, infinities, and `opaque`, which hides from the compiler that a value is what it is.
 */
export const floats = /* wgsl */ `
fn opaque(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ zero_bits()); }
fn f32_nan() -> f32 { return bitcast<f32>(0x7fc00000u ^ zero_bits()); }
fn f32_isnan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn f32_ne(a: f32, b: f32) -> bool { return a != b || f32_isnan(a) || f32_isnan(b); }
fn f32_nonzero(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) != 0u; }
fn f32_max(a: f32, b: f32) -> f32 { return select(select(b, a, a > b || f32_isnan(a)), b, f32_isnan(b)); }
fn f32_min(a: f32, b: f32) -> f32 { return select(select(b, a, a < b || f32_isnan(a)), b, f32_isnan(b)); }
fn f32_copysign(a: f32, b: f32) -> f32 { return bitcast<f32>((bitcast<u32>(a) & 0x7fffffffu) | (bitcast<u32>(b) & 0x80000000u)); }
fn f32_sign(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  return bitcast<f32>(select(0u, (bits & 0x80000000u) | 0x3f800000u, size != 0u && size <= 0x7f800000u));
}
fn i32_of_f32(x: f32) -> i32 {
  let inside = ((bitcast<u32>(x) >> 23u) & 0xffu) < 158u;
  return select(i32(-2147483648), i32(select(0.0, x, inside)), inside);
}
fn f32_head(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }
fn f32_product_error(a: f32, b: f32, p: f32) -> f32 {
  let ah = f32_head(a); let al = opaque(a - ah);
  let bh = f32_head(b); let bl = opaque(b - bh);
  return opaque(opaque(opaque(ah * bh - p) + ah * bl) + al * bh) + al * bl;
}
fn f32_div(a: f32, b: f32) -> f32 {
  let x = bitcast<u32>(a); let y = bitcast<u32>(b);
  let sign = (x ^ y) & 0x80000000u;
  let ea = i32((x >> 23u) & 0xffu); let eb = i32((y >> 23u) & 0xffu);
  let n = bitcast<f32>((x & 0x7fffffu) | 0x3f800000u);
  let d = bitcast<f32>((y & 0x7fffffu) | 0x3f800000u);
  let q = opaque(n / d);
  let p = opaque(q * d);
  let mended = bitcast<u32>(q + (opaque(n - p) - f32_product_error(q, d, p)) / d);
  let e = i32(mended >> 23u) + ea - eb;
  let m = (mended & 0x7fffffu) | 0x800000u;
  let down = u32(clamp(1 - e, 0, 31));
  let half = (1u << down) >> 1u;
  let small = select((m + half - 1u + ((m >> down) & 1u)) >> down, m, down == 0u);
  var bits = select((u32(e) << 23u) | (mended & 0x7fffffu), small, e <= 0);
  bits = select(bits, 0x7f800000u, e >= 255);
  let infinite = vec2<bool>(ea == 255, eb == 255);
  let zero = vec2<bool>(ea == 0, eb == 0);
  bits = select(bits, 0u, zero.x || infinite.y);
  bits = select(bits, 0x7f800000u, zero.y || infinite.x);
  bits = select(bits, 0x7fc00000u, all(zero) || all(infinite) || f32_isnan(a) || f32_isnan(b));
  return bitcast<f32>((bits | sign) ^ zero_bits());
}
fn f32_sqrt(a: f32) -> f32 {
  let x = bitcast<u32>(a);
  let e = i32((x >> 23u) & 0xffu);
  if (e == 0) { return bitcast<f32>(x & 0x80000000u); }
  if ((x >> 31u) != 0u || x > 0x7f800000u) { return f32_nan(); }
  if (e == 255) { return a; }
  let m = bitcast<f32>((x & 0x7fffffu) | select(0x40000000u, 0x3f800000u, (e & 1) == 1));
  let s = opaque(sqrt(m));
  let p = opaque(s * s);
  let mended = s + (opaque(m - p) - f32_product_error(s, s, p)) * 0.5 / s;
  return bitcast<f32>(bitcast<u32>(mended) + (u32((e - select(128, 127, (e & 1) == 1)) / 2) << 23u));
}
fn f32_rem(a: f32, b: f32) -> f32 {
  let sign = bitcast<u32>(a) & 0x80000000u;
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  if (x >= 0x7f800000u || y > 0x7f800000u || y == 0u) { return f32_nan(); }
  if (x < y) { return a; }
  let eb = max(y >> 23u, 1u);
  let d = (y & 0x7fffffu) | select(0u, 0x800000u, y > 0x7fffffu);
  var rest = ((x & 0x7fffffu) | select(0u, 0x800000u, x > 0x7fffffu)) % d;
  var left = max(x >> 23u, 1u) - eb;
  while (left > 0u) {
    let step = min(left, 8u);
    rest = (rest << step) % d;
    left -= step;
  }
  if (rest == 0u) { return bitcast<f32>(sign); }
  let shift = min(countLeadingZeros(rest) - 8u, eb - 1u);
  return bitcast<f32>(sign | (((eb - shift - 1u) << 23u) + (rest << shift)));
}
fn f32_to_half(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  let tiny = bitcast<u32>(opaque(bitcast<f32>(min(size, 0x38800000u)) + 0.5) - 0.5);
  var rounded = select((size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u, tiny, size < 0x38800000u);
  rounded = select(rounded, 0x7f800000u, rounded >= 0x47800000u);
  return bitcast<f32>((select(rounded, 0x7fc00000u, size > 0x7f800000u) | (bits & 0x80000000u)) ^ zero_bits());
}
fn f32_to_bfloat(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u;
  return bitcast<f32>(select(rounded, 0x7fc00000u, (bits & 0x7fffffffu) > 0x7f800000u) ^ zero_bits());
}
const two_over_pi = array<u32, 9>(
  0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu, 0xdebbc561u);
fn two_over_pi_word(k: u32) -> u32 { var words = two_over_pi; return words[k]; }
fn f32_angle(x: f32) -> vec2<u32> {
  // an angle as bits of r, |r| <= pi/4, and its number of quarter turns: the product with 2/pi modulo 4, in 96 bits
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  if (size <= 0x3f490fdau) { return vec2<u32>(bits, 0u); }
  if (size >= 0x7f800000u) { return vec2<u32>(0x7fc00000u, 0u); }
  let m = (bits & 0x7fffffu) | 0x800000u;
  let start = (size >> 23u) - 120u;
  let at = start >> 5u;
  let shift = start & 31u;
  let w0 = two_over_pi_word(at); let w1 = two_over_pi_word(at + 1u);
  let w2 = two_over_pi_word(at + 2u); let w3 = two_over_pi_word(at + 3u);
  let high = u64_shl(vec2<u32>(w1, w0), shift).y;
  let middle = u64_shl(vec2<u32>(w2, w1), shift).y;
  let low = u64_shl(vec2<u32>(w3, w2), shift).y;
  let pl = u32_product(low, m);
  let pm = i64_add(u32_product(middle, m), vec2<u32>(pl.y, 0u));
  let top = high * m + pm.y;
  var quarter = (top >> 30u) + ((top >> 29u) & 1u);
  let fraction = vec2<u32>((pm.x << 2u) | (pl.x >> 30u), (top << 2u) | (pm.x >> 30u));
  let distance = i64_abs(fraction);
  let zeros = u64_leading(distance);
  if (zeros > 63u) { return vec2<u32>(0u, quarter); }
  let digits = u64_shl(distance, zeros);
  let scale = bitcast<f32>((127u - zeros) << 23u);
  let h = f32(digits.y >> 8u) * 5.9604644775390625e-8 * scale;
  let l = f32(((digits.y & 0xffu) << 16u) | (digits.x >> 16u)) * 3.552713678800501e-15 * scale;
  let half_pi = 1.57079637050628662109375;
  let p = opaque(h * half_pi);
  let r = p + (f32_product_error(h, half_pi, p) + (l * half_pi - h * 4.37113900018624283e-8));
  let negative = (bits >> 31u) != ((fraction.y >> 31u));
  if ((bits >> 31u) != 0u) { quarter = 0u - quarter; }
  return vec2<u32>((bitcast<u32>(r) & 0x7fffffffu) | select(0u, 0x80000000u, negative), quarter);
}
fn f32_sine(r: f32) -> f32 {
  let z = r * r;
  return fma(z * r, fma(fma(fma(2.716583104573633e-6, z, -0.00019839180370501133), z, 0.008333329083575633), z, -0.166666666423651), r);
}
fn f32_cosine(r: f32) -> f32 {
  let z = r * r;
  let half = z * 0.5;
  let w = opaque(1.0 - half);
  let lost = opaque(1.0 - w) - half;
  return w + fma(z * z, fma(fma(2.4457094145044404e-5, z, -0.0013887604481312263), z, 0.04166665391505237), lost);
}
fn f32_sin(x: f32) -> f32 {
  let angle = f32_angle(x);
  let r = bitcast<f32>(angle.x ^ zero_bits());
  let y = select(f32_sine(r), f32_cosine(r), (angle.y & 1u) != 0u);
  return bitcast<f32>(bitcast<u32>(y) ^ ((angle.y & 2u) << 30u));
}
fn f32_cos(x: f32) -> f32 {
  let angle = f32_angle(x);
  let r = bitcast<f32>(angle.x ^ zero_bits());
  let y = select(f32_cosine(r), f32_sine(r), (angle.y & 1u) != 0u);
  return bitcast<f32>(bitcast<u32>(y) ^ (((angle.y + 1u) & 2u) << 30u));
}
fn f32_tan(x: f32) -> f32 {
  let angle = f32_angle(x);
  let r = bitcast<f32>(angle.x ^ zero_bits());
  let s = f32_sine(r);
  let c = f32_cosine(r);
  let odd = (angle.y & 1u) != 0u;
  return f32_div(select(s, -c, odd), select(c, s, odd));
}
`;
