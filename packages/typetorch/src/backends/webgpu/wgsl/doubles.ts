/**
 * WGSL functions for double precision, which no GPU offers: `vec2<u32>` with the bits of a float64, computed in integers and rounded once, as IEEE 754 says.
 * Subnormal results are 0. Slow, but exact on every device, whatever its compiler thinks of floating-point arithmetic.
 */
export const doubles = /* wgsl */ `
fn f64_nan() -> vec2<u32> { return vec2<u32>(0u, 0x7ff80000u); }
fn f64_isnan(a: vec2<u32>) -> bool {
  let high = a.y & 0x7fffffffu;
  return high > 0x7ff00000u || (high == 0x7ff00000u && a.x != 0u);
}
fn f64_exponent(a: vec2<u32>) -> i32 { return i32((a.y >> 20u) & 0x7ffu); }
fn f64_significand(a: vec2<u32>) -> vec2<u32> {
  return select(vec2<u32>(a.x, (a.y & 0xfffffu) | 0x100000u), vec2<u32>(), (a.y & 0x7ff00000u) == 0u);
}
fn f64_round_pack(sign: u32, e: i32, m: vec2<u32>) -> vec2<u32> {
  if (e >= 0x7ff) { return vec2<u32>(0u, sign | 0x7ff00000u); }
  if (e <= 0) { return vec2<u32>(0u, sign); }
  let rest = m.x & 0x7ffu;
  var q = u64_shr(m, 11u);
  if (rest > 0x400u || (rest == 0x400u && (q.x & 1u) != 0u)) { q = i64_add(q, vec2<u32>(1u, 0u)); }
  return vec2<u32>(q.x, (q.y + (u32(e - 1) << 20u)) | sign);
}
fn f64_pack(sign: u32, e: i32, m: vec2<u32>) -> vec2<u32> {
  if (m.x == 0u && m.y == 0u) { return vec2<u32>(0u, sign); }
  let zeros = u64_leading(m);
  return f64_round_pack(sign, e - i32(zeros), u64_shl(m, zeros));
}
fn u64_shr_sticky(a: vec2<u32>, n: u32) -> vec2<u32> {
  if (n == 0u) { return a; }
  if (n > 63u) { return vec2<u32>(select(0u, 1u, (a.x | a.y) != 0u), 0u); }
  let lost = u64_shl(a, 64u - n);
  let kept = u64_shr(a, n);
  return vec2<u32>(kept.x | select(0u, 1u, (lost.x | lost.y) != 0u), kept.y);
}
fn f64_add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let swapped = u64_lt(vec2<u32>(a.x, a.y & 0x7fffffffu), vec2<u32>(b.x, b.y & 0x7fffffffu));
  let big = select(a, b, swapped);
  let small = select(b, a, swapped);
  let e = f64_exponent(big);
  let apart = ((big.y ^ small.y) >> 31u) != 0u;
  let sign = big.y & 0x80000000u;
  if (e == 0x7ff) {
    if (f64_isnan(big) || (apart && f64_exponent(small) == 0x7ff)) { return f64_nan(); }
    return big;
  }
  if (f64_exponent(small) == 0) {
    if (e == 0) { return vec2<u32>(0u, a.y & b.y & 0x80000000u); }
    return big;
  }
  let m = u64_shl(f64_significand(big), 10u);
  let n = u64_shr_sticky(u64_shl(f64_significand(small), 10u), u32(e - f64_exponent(small)));
  let sum = select(i64_add(m, n), i64_sub(m, n), apart);
  if (sum.x == 0u && sum.y == 0u) { return sum; }
  return f64_pack(sign, e + 1, sum);
}
fn f64_neg(a: vec2<u32>) -> vec2<u32> { return a ^ vec2<u32>(0u, 0x80000000u); }
fn f64_abs(a: vec2<u32>) -> vec2<u32> { return a & vec2<u32>(0xffffffffu, 0x7fffffffu); }
fn f64_sub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return f64_add(a, f64_neg(b)); }
fn u64_product(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
  let ll = u32_product(a.x, b.x);
  let lh = u32_product(a.x, b.y);
  let hl = u32_product(a.y, b.x);
  let middle = i64_add(i64_add(lh, vec2<u32>(ll.y, 0u)), vec2<u32>(hl.x, 0u));
  let high = i64_add(i64_add(u32_product(a.y, b.y), vec2<u32>(middle.y, 0u)), vec2<u32>(hl.y, 0u));
  return vec4<u32>(ll.x, middle.x, high);
}
fn f64_mul(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let sign = (a.y ^ b.y) & 0x80000000u;
  let ea = f64_exponent(a);
  let eb = f64_exponent(b);
  if (ea == 0x7ff || eb == 0x7ff) {
    if (f64_isnan(a) || f64_isnan(b) || ea == 0 || eb == 0) { return f64_nan(); }
    return vec2<u32>(0u, sign | 0x7ff00000u);
  }
  if (ea == 0 || eb == 0) { return vec2<u32>(0u, sign); }
  let p = u64_product(u64_shl(f64_significand(a), 11u), u64_shl(f64_significand(b), 11u));
  return f64_pack(sign, ea + eb - 1022, vec2<u32>(p.z | select(0u, 1u, (p.x | p.y) != 0u), p.w));
}
fn f64_div(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let sign = (a.y ^ b.y) & 0x80000000u;
  let ea = f64_exponent(a);
  let eb = f64_exponent(b);
  if (f64_isnan(a) || f64_isnan(b) || (ea == 0x7ff && eb == 0x7ff) || (ea == 0 && eb == 0)) { return f64_nan(); }
  if (ea == 0x7ff || eb == 0) { return vec2<u32>(0u, sign | 0x7ff00000u); }
  if (ea == 0 || eb == 0x7ff) { return vec2<u32>(0u, sign); }
  let d = f64_significand(b);
  var rest = f64_significand(a);
  var q = vec2<u32>();
  for (var k = 0; k < 56; k++) {
    q = vec2<u32>(q.x << 1u, (q.y << 1u) | (q.x >> 31u));
    if (!u64_lt(rest, d)) { rest = i64_sub(rest, d); q.x |= 1u; }
    rest = vec2<u32>(rest.x << 1u, (rest.y << 1u) | (rest.x >> 31u));
  }
  return f64_pack(sign, ea - eb + 1031, vec2<u32>(q.x | select(0u, 1u, (rest.x | rest.y) != 0u), q.y));
}
fn f64_rem(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let ea = f64_exponent(a);
  let eb = f64_exponent(b);
  if (f64_isnan(a) || f64_isnan(b) || ea == 0x7ff || eb == 0) { return f64_nan(); }
  if (eb == 0x7ff || ea == 0 || u64_lt(f64_abs(a), f64_abs(b))) { return a; }
  let d = f64_significand(b);
  var rest = f64_significand(a);
  for (var k = ea - eb; k >= 0; k--) {
    if (!u64_lt(rest, d)) { rest = i64_sub(rest, d); }
    if (k > 0) { rest = u64_shl(rest, 1u); }
  }
  return f64_pack(a.y & 0x80000000u, eb + 11, rest);
}
fn f64_sqrt(a: vec2<u32>) -> vec2<u32> {
  let e = f64_exponent(a);
  if (e == 0) { return vec2<u32>(0u, a.y & 0x80000000u); }
  if (f64_isnan(a) || (a.y >> 31u) != 0u) { return f64_nan(); }
  if (e == 0x7ff) { return a; }
  // an even power of two: m * 2^(2 half), 1 <= m < 4; two bits of m for each bit of the root
  let odd = (e & 1) == 0;
  var m = u64_shl(f64_significand(a), select(10u, 11u, odd));
  var root = vec2<u32>();
  var rest = vec2<u32>();
  for (var k = 0; k < 56; k++) {
    rest = u64_shl(rest, 2u);
    rest.x |= m.y >> 30u;
    m = u64_shl(m, 2u);
    let trial = vec2<u32>((root.x << 2u) | 1u, (root.y << 2u) | (root.x >> 30u));
    root = u64_shl(root, 1u);
    if (!u64_lt(rest, trial)) { rest = i64_sub(rest, trial); root.x |= 1u; }
  }
  let half = (e - select(1023, 1024, odd)) / 2;
  return f64_pack(0u, half + 1031, vec2<u32>(root.x | select(0u, 1u, (rest.x | rest.y) != 0u), root.y));
}
fn u128_shr_sticky(a: vec4<u32>, n: u32) -> vec4<u32> {
  if (n == 0u) { return a; }
  let low = a.xy; let high = a.zw;
  if (n > 127u) { return vec4<u32>(select(0u, 1u, any(a != vec4<u32>())), 0u, 0u, 0u); }
  if (n > 63u) {
    let kept = u64_shr_sticky(high, n - 64u);
    return vec4<u32>(kept.x | select(0u, 1u, (low.x | low.y) != 0u), kept.y, 0u, 0u);
  }
  let lost = u64_shl(low, 64u - n);
  let kept = u64_shr(low, n) | u64_shl(high, 64u - n);
  return vec4<u32>(kept.x | select(0u, 1u, (lost.x | lost.y) != 0u), kept.y, u64_shr(high, n));
}
fn f64_fma(a: vec2<u32>, b: vec2<u32>, c: vec2<u32>) -> vec2<u32> {
  let ea = f64_exponent(a);
  let eb = f64_exponent(b);
  let ec = f64_exponent(c);
  if (ea == 0 || eb == 0 || ec == 0 || ea == 0x7ff || eb == 0x7ff || ec == 0x7ff) { return f64_add(f64_mul(a, b), c); }
  let sign = (a.y ^ b.y) & 0x80000000u;
  let apart = ((sign ^ c.y) >> 31u) != 0u;
  // both with their leading bit near bit 124 of 128
  var p = u64_product(u64_shl(f64_significand(a), 10u), u64_shl(f64_significand(b), 10u));
  var q = vec4<u32>(0u, 0u, u64_shl(f64_significand(c), 8u));
  let ep = ea + eb - 1023;
  let shift = ep - ec;
  if (shift >= 0) { q = u128_shr_sticky(q, u32(shift)); } else { p = u128_shr_sticky(p, u32(-shift)); }
  var negative = sign;
  var low: vec2<u32>;
  var high: vec2<u32>;
  if (apart) {
    let less = u64_lt(p.zw, q.zw) || (p.z == q.z && p.w == q.w && u64_lt(p.xy, q.xy));
    let big = select(p, q, less);
    let small = select(q, p, less);
    negative = select(sign, c.y & 0x80000000u, less);
    low = i64_sub(big.xy, small.xy);
    high = i64_sub(i64_sub(big.zw, small.zw), vec2<u32>(select(0u, 1u, u64_lt(big.xy, small.xy)), 0u));
  } else {
    low = i64_add(p.xy, q.xy);
    high = i64_add(i64_add(p.zw, q.zw), vec2<u32>(select(0u, 1u, u64_lt(low, p.xy)), 0u));
  }
  var e = max(ep, ec) + 3;
  if (high.x == 0u && high.y == 0u) {
    if (low.x == 0u && low.y == 0u) { return low; }
    return f64_pack(negative, e - 64, low);
  }
  let zeros = u64_leading(high);
  let top = u64_shl(high, zeros) | select(u64_shr(low, 64u - zeros), vec2<u32>(), zeros == 0u);
  let lost = u64_shl(low, zeros);
  return f64_round_pack(negative, e - i32(zeros), vec2<u32>(top.x | select(0u, 1u, (lost.x | lost.y) != 0u), top.y));
}
fn f64_key(a: vec2<u32>) -> vec2<u32> {
  // order of values as order of unsigned integers; both zeros are one
  let size = f64_abs(a);
  let zero = (a.y & 0x7ff00000u) == 0u;
  let key = select(a ^ vec2<u32>(0u, 0x80000000u), ~a, (a.y >> 31u) != 0u);
  return select(key, vec2<u32>(0u, 0x80000000u), zero || (size.x == 0u && size.y == 0u));
}
fn f64_lt(a: vec2<u32>, b: vec2<u32>) -> bool { return !f64_isnan(a) && !f64_isnan(b) && u64_lt(f64_key(a), f64_key(b)); }
fn f64_le(a: vec2<u32>, b: vec2<u32>) -> bool { return !f64_isnan(a) && !f64_isnan(b) && !u64_lt(f64_key(b), f64_key(a)); }
fn f64_eq(a: vec2<u32>, b: vec2<u32>) -> bool { return !f64_isnan(a) && !f64_isnan(b) && i64_eq(f64_key(a), f64_key(b)); }
fn f64_max(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (f64_isnan(a) || f64_isnan(b)) { return f64_nan(); }
  return select(a, b, u64_lt(f64_key(a), f64_key(b)));
}
fn f64_min(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (f64_isnan(a) || f64_isnan(b)) { return f64_nan(); }
  return select(b, a, u64_lt(f64_key(a), f64_key(b)));
}
fn f64_copysign(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return vec2<u32>(a.x, (a.y & 0x7fffffffu) | (b.y & 0x80000000u)); }
fn f64_sign(a: vec2<u32>) -> vec2<u32> {
  return select(vec2<u32>(0u, (a.y & 0x80000000u) | 0x3ff00000u), vec2<u32>(), f64_isnan(a) || f64_exponent(a) == 0);
}
fn f64_trunc(a: vec2<u32>) -> vec2<u32> {
  let e = f64_exponent(a);
  if (e >= 1075) { return a; }
  if (e < 1023) { return vec2<u32>(0u, a.y & 0x80000000u); }
  return a & u64_shl(vec2<u32>(0xffffffffu), u32(1075 - e));
}
fn f64_floor(a: vec2<u32>) -> vec2<u32> {
  let t = f64_trunc(a);
  let below = (a.y >> 31u) != 0u && !f64_eq(t, a) && !f64_isnan(a);
  return select(t, f64_add(t, vec2<u32>(0u, 0xbff00000u)), below);
}
fn f64_ceil(a: vec2<u32>) -> vec2<u32> { return f64_neg(f64_floor(f64_neg(a))); }
fn f64_rint(a: vec2<u32>) -> vec2<u32> {
  if (f64_exponent(a) >= 1075) { return a; }
  let big = vec2<u32>(0u, 0x43300000u);
  return f64_copysign(f64_sub(f64_add(f64_abs(a), big), big), a);
}
fn f64_of_f32(x: f32) -> vec2<u32> {
  let bits = bitcast<u32>(x);
  let sign = bits & 0x80000000u;
  let e = (bits >> 23u) & 0xffu;
  let m = bits & 0x7fffffu;
  if (e == 0u) {
    if (m == 0u) { return vec2<u32>(0u, sign); }
    return f64_pack(sign, 937, vec2<u32>(m, 0u));
  }
  if (e == 0xffu) { return vec2<u32>(0u, sign | 0x7ff00000u | select(0u, 0x80000u, m != 0u)); }
  return vec2<u32>(m << 29u, sign | ((e + 896u) << 20u) | (m >> 3u));
}
fn f32_of_f64(a: vec2<u32>) -> f32 {
  let sign = a.y & 0x80000000u;
  if (f64_isnan(a)) { return bitcast<f32>((sign | 0x7fc00000u) ^ zero_bits()); }
  let e = f64_exponent(a) - 896;
  if (e >= 255) { return bitcast<f32>((sign | 0x7f800000u) ^ zero_bits()); }
  if (e < -24) { return bitcast<f32>(sign); }
  // 24 bits and what follows; fewer for a subnormal result
  let m = u64_shr_sticky(f64_significand(a), 26u + u32(max(1 - e, 0))).x;
  let q = m >> 3u;
  let rest = m & 7u;
  let up = select(0u, 1u, rest > 4u || (rest == 4u && (q & 1u) != 0u));
  return bitcast<f32>((sign | ((q + up) + (u32(max(e, 1) - 1) << 23u))) ^ zero_bits());
}
fn f64_of_i64(a: vec2<u32>) -> vec2<u32> { return f64_pack(a.y & 0x80000000u, 1086, i64_abs(a)); }
fn f64_of_i32(a: i32) -> vec2<u32> { return f64_of_i64(i64_of_i32(a)); }
fn f64_of_bool(a: bool) -> vec2<u32> { return vec2<u32>(0u, select(0u, 0x3ff00000u, a)); }
fn i64_of_f64(a: vec2<u32>) -> vec2<u32> {
  let e = f64_exponent(a);
  if (e >= 1086) { return vec2<u32>(0u, 0x80000000u); }
  if (e < 1023) { return vec2<u32>(); }
  let m = f64_significand(a);
  let whole = select(u64_shl(m, u32(max(e - 1075, 0))), u64_shr(m, u32(max(1075 - e, 0))), e < 1075);
  return select(whole, i64_neg(whole), (a.y >> 31u) != 0u);
}
fn i32_of_f64(a: vec2<u32>) -> i32 {
  let whole = i64_of_f64(a);
  let fits = i64_eq(i64_of_i32(i32(whole.x)), whole) && f64_exponent(a) < 1086;
  return select(i32(-2147483648), i32(whole.x), fits);
}
fn f64_nonzero(a: vec2<u32>) -> bool { return a.x != 0u || (a.y & 0x7fffffffu) != 0u; }
`;
