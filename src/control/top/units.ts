// Figures with units for people. Pure.

/** Bytes a second as bits, as links are named: `9.87 Gb/s`. */
export function bitsText(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  if (bits >= 1e9) return `${(bits / 1e9).toFixed(2)} Gb/s`;
  if (bits >= 1e6) return `${(bits / 1e6).toFixed(2)} Mb/s`;
  return `${(bits / 1e3).toFixed(2)} kb/s`;
}

/** `4.0 MiB` */
export function sizeText(bytes: number): string {
  if (bytes >= 1 << 20) return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  return bytes >= 1 << 10 ? `${(bytes / (1 << 10)).toFixed(1)} KiB` : `${bytes} B`;
}

/** `1d 02:03:04` */
export function uptimeText(seconds: number): string {
  const two = (value: number) => String(Math.floor(value) % 60).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  const hours = String(Math.floor((seconds % 86_400) / 3600)).padStart(2, "0");
  return `${days > 0 ? `${days}d ` : ""}${hours}:${two(seconds / 60)}:${two(seconds)}`;
}
