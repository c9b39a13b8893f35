// Numbers as people read them. Counters are exact, grouped by thin spaces; rates have three digits and a prefix.

const PREFIXES = ["", "k", "M", "G", "T"];
/** U+202F: narrow, and does not break. */
const THIN_SPACE = "\u202f";

/** A counter, every digit of it: 12 345 678. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, THIN_SPACE);
}

/** A quantity in three digits: 0, 7, 812, 1.50 k, 23.4 M. */
export function scaled(value: number): string {
  if (!Number.isFinite(value)) return "–";
  let index = 0;
  // 999.6 would be written 1000.
  while (value >= 999.5 && index < PREFIXES.length - 1) {
    value /= 1000;
    index += 1;
  }
  return index === 0 ? small(value) : `${threeDigits(value)}${THIN_SPACE}${PREFIXES[index]}`;
}

function small(value: number): string {
  return value > 0 && value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
}

function threeDigits(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

/** Frames a second. */
export function packetRate(value: number): string {
  return withUnit(value, "pps");
}

/** Bytes a second as bits a second, which is how links are measured. */
export function bitRate(bytesPerSecond: number): string {
  return withUnit(bytesPerSecond * 8, "bit/s");
}

function withUnit(value: number, unit: string): string {
  const text = scaled(value);
  return /[a-zA-Z]$/.test(text) ? `${text}${unit}` : `${text}${THIN_SPACE}${unit}`;
}

/** Seconds in the largest two units: 42 s, 3 min 7 s, 2 h 5 min. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86_400), "d", Math.floor((whole % 86_400) / 3600), "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** The time of day of a Unix time in milliseconds, where the reader is. */
export function clock(timeMs: number): string {
  const at = new Date(timeMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}
