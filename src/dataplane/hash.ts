// The hash by which tables of IP addresses are searched and their slots checked: one word after the other is mixed in.

export function mixed(hash: number, word: number): number {
  hash = Math.imul(hash ^ word, 0x9e3779b1);
  return hash ^ (hash >>> 15);
}
