/**
 * WGSL functions for 64-bit integers, which are `vec2<u32>`: low word, high word.
 */
export const integers = /* wgsl */ `
fn i32_div(a: i32, b: i32) -> i32 { return select(a / select(b, 1, b == 0), 0, b == 0); }
fn i32_rem(a: i32, b: i32) -> i32 { return select(a % select(b, 1, b == 0), 0, b == 0); }
fn i32_shl(a: i32, n: i32) -> i32 { return select(a << (u32(n) & 31u), 0, u32(n) > 31u); }
fn i32_shr(a: i32, n: i32) -> i32 { return a >> min(u32(n), 31u); }
fn i64_add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}
fn i64_sub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}
fn i64_neg(a: vec2<u32>) -> vec2<u32> { return vec2<u32>(0u - a.x, 0u - a.y - select(0u, 1u, a.x != 0u)); }
fn i64_negative(a: vec2<u32>) -> bool { return (a.y >> 31u) != 0u; }
fn i64_abs(a: vec2<u32>) -> vec2<u32> { return select(a, i64_neg(a), i64_negative(a)); }
fn i64_sign(a: vec2<u32>) -> vec2<u32> {
  return select(vec2<u32>(select(0u, 1u, any(a != vec2<u32>())), 0u), vec2<u32>(0xffffffffu), i64_negative(a));
}
fn u32_product(a: u32, b: u32) -> vec2<u32> {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let low = al * bl;
  let middle = ah * bl + (low >> 16u);
  let other = al * bh + (middle & 0xffffu);
  return vec2<u32>((other << 16u) | (low & 0xffffu), ah * bh + (middle >> 16u) + (other >> 16u));
}
fn i64_mul(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let p = u32_product(a.x, b.x);
  return vec2<u32>(p.x, p.y + a.x * b.y + a.y * b.x);
}
fn u64_lt(a: vec2<u32>, b: vec2<u32>) -> bool { return a.y < b.y || (a.y == b.y && a.x < b.x); }
fn i64_lt(a: vec2<u32>, b: vec2<u32>) -> bool { return u64_lt(a ^ vec2<u32>(0u, 0x80000000u), b ^ vec2<u32>(0u, 0x80000000u)); }
fn i64_eq(a: vec2<u32>, b: vec2<u32>) -> bool { return a.x == b.x && a.y == b.y; }
fn i64_max(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, i64_lt(a, b)); }
fn i64_min(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(b, a, i64_lt(a, b)); }
fn u64_shl(a: vec2<u32>, n: u32) -> vec2<u32> {
  let m = n & 31u;
  let carried = select(a.x >> (32u - m), 0u, m == 0u);
  return select(vec2<u32>(a.x << m, (a.y << m) | carried), vec2<u32>(0u, a.x << m), n > 31u);
}
fn u64_shr(a: vec2<u32>, n: u32) -> vec2<u32> {
  let m = n & 31u;
  let carried = select(a.y << (32u - m), 0u, m == 0u);
  return select(vec2<u32>((a.x >> m) | carried, a.y >> m), vec2<u32>(a.y >> m, 0u), n > 31u);
}
fn i64_shl(a: vec2<u32>, n: vec2<u32>) -> vec2<u32> { return select(u64_shl(a, n.x & 63u), vec2<u32>(), n.y != 0u || n.x > 63u); }
fn i64_shr(a: vec2<u32>, n: vec2<u32>) -> vec2<u32> {
  let fill = select(0u, 0xffffffffu, i64_negative(a));
  let flip = vec2<u32>(fill);
  return select(u64_shr(a ^ flip, n.x & 63u) ^ flip, flip, n.y != 0u || n.x > 63u);
}
fn u64_leading(a: vec2<u32>) -> u32 { return select(countLeadingZeros(a.y), 32u + countLeadingZeros(a.x), a.y == 0u); }
fn u64_divide(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
  if (a.y == 0u && b.y == 0u) { let q = a.x / b.x; return vec4<u32>(q, 0u, a.x - q * b.x, 0u); }
  var quotient = vec2<u32>();
  var rest = vec2<u32>();
  for (var k = 0; k < 64; k++) {
    let outgrown = rest.y >> 31u;
    rest = vec2<u32>((rest.x << 1u) | (u64_shr(a, 63u - u32(k)).x & 1u), (rest.y << 1u) | (rest.x >> 31u));
    quotient = u64_shl(quotient, 1u);
    if (outgrown != 0u || !u64_lt(rest, b)) { rest = i64_sub(rest, b); quotient.x |= 1u; }
  }
  return vec4<u32>(quotient, rest);
}
fn i64_div(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (b.x == 0u && b.y == 0u) { return vec2<u32>(); }
  let q = u64_divide(i64_abs(a), i64_abs(b)).xy;
  return select(q, i64_neg(q), i64_negative(a) != i64_negative(b));
}
fn i64_rem(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if (b.x == 0u && b.y == 0u) { return vec2<u32>(); }
  let r = u64_divide(i64_abs(a), i64_abs(b)).zw;
  return select(r, i64_neg(r), i64_negative(a));
}
fn i64_of_i32(a: i32) -> vec2<u32> { return vec2<u32>(u32(a), u32(a >> 31u)); }
fn i64_of_bool(a: bool) -> vec2<u32> { return vec2<u32>(select(0u, 1u, a), 0u); }
fn i64_of_f32(x: f32) -> vec2<u32> {
  let bits = bitcast<u32>(x);
  let e = i32((bits >> 23u) & 0xffu) - 150;
  let m = vec2<u32>((bits & 0x7fffffu) | 0x800000u, 0u);
  if (e >= 40) { return vec2<u32>(0u, 0x80000000u); }
  if (e <= -24) { return vec2<u32>(); }
  let whole = select(u64_shl(m, u32(e)), u64_shr(m, u32(-e)), e < 0);
  return select(whole, i64_neg(whole), (bits >> 31u) != 0u);
}
fn f32_of_i64(a: vec2<u32>) -> f32 {
  let size = i64_abs(a);
  let zeros = u64_leading(size);
  if (zeros >= 64u) { return 0.0; }
  let m = u64_shl(size, zeros);
  var top = m.y >> 8u;
  let rest = (m.y << 24u) | select(0u, 1u, m.x != 0u);
  top += select(0u, 1u, rest > 0x80000000u || (rest == 0x80000000u && (top & 1u) != 0u));
  return bitcast<f32>(((189u - zeros) << 23u) + top + (a.y & 0x80000000u));
}
`;
