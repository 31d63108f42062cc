/**
 * CRC-32 by tables, for platforms that have none.
 */

/** Eight tables of 256: `tables[k * 256 + b]` is the CRC of byte `b` followed by `k` zero bytes. */
const tables = new Int32Array(8 * 256);
for (let i = 0; i < 256; i++) {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  tables[i] = crc;
}
for (let i = 256; i < tables.length; i++) {
  const before = tables[i - 256]!;
  tables[i] = (before >>> 8) ^ tables[before & 255]!;
}

/** CRC-32 of bytes that follow others whose CRC is `crc`. */
export function crc32(bytes: Uint8Array, crc: number): number {
  return ~updateCrc(~crc, bytes) >>> 0;
}

/** The shift register after more bytes: what CRC-32 is the complement of. */
export function updateCrc(register: number, bytes: Uint8Array): number {
  const t = tables;
  let c = register;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    const low = c ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    c =
      t[1792 + (low & 255)]! ^
      t[1536 + ((low >>> 8) & 255)]! ^
      t[1280 + ((low >>> 16) & 255)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ t[(c ^ bytes[i]!) & 255]!;
  return c;
}
