// MAC addresses are two integers: the high 16 bits and the low 32 (signed, as an Int32Array holds them). Strings exist
// only where a person reads or writes one.

export interface Mac {
  readonly high: number;
  readonly low: number;
}

/** An address in its VLAN, 0 = untagged. */
export interface FdbAddress {
  readonly vlan: number;
  readonly macHigh: number;
  readonly macLow: number;
}

/** Parses `02:00:00:00:00:01`; throws on anything else. */
export function parseMac(text: string): Mac {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) throw new Error(`not a MAC address: ${text}`);
  const digits = text.replaceAll(":", "");
  return { high: Number.parseInt(digits.slice(0, 4), 16), low: Number.parseInt(digits.slice(4), 16) | 0 };
}

/** The same of an address in a VLAN. */
export function parseFdbAddress({ vlan, mac }: { readonly vlan: number; readonly mac: string }): FdbAddress {
  const { high, low } = parseMac(mac);
  return { vlan, macHigh: high, macLow: low };
}

export function formatMac(high: number, low: number): string {
  const digits = (high & 0xffff).toString(16).padStart(4, "0") + (low >>> 0).toString(16).padStart(8, "0");
  return (digits.match(/../g) as string[]).join(":");
}

/** The group bit of the first byte (802.3 clause 3.2.3). */
export function isMulticast(high: number): boolean {
  return (high & 0x100) !== 0;
}

/** 01:80:c2:00:00:00 to 0f (802.1Q table 8-1); `high` may have more above its 16 bits. */
export function isReserved(high: number, low: number): boolean {
  return (high & 0xffff) === 0x0180 && low >>> 4 === 0xc200000;
}

/** All ones; `high` may have more above its 16 bits. */
export function isBroadcast(high: number, low: number): boolean {
  return low === -1 && (high & 0xffff) === 0xffff;
}
