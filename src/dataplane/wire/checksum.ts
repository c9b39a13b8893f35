// The Internet checksum (RFC 1071) over bytes of the arena, for headers that are written now and then: frames by the
// thousand are summed in the addon (native/checksum.h).

/** The sum of the 16-bit words of so many bytes, added to `sum`, not folded; an odd last byte is padded with zero. */
export function sumOfWords(view: DataView, at: number, bytes: number, sum = 0): number {
  for (let byte = 0; byte + 1 < bytes; byte += 2) sum += view.getUint16(at + byte);
  return bytes % 2 === 0 ? sum : sum + (view.getUint8(at + bytes - 1) << 8);
}

/** To 16 bits, carries added in, not complemented. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** What stands in a header for such a sum. */
export function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}
