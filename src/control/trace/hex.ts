// Frames as hexadecimal digits, as they are copied from tcpdump -xx, Wireshark or a log: blanks, colons and line breaks between
// them are passed over.
import { Refusal } from "../refusal.ts";

/** The bytes; throws a Refusal that says what is wrong where. */
export function bytesOfHex(text: string): Uint8Array {
  const digits = text.replace(/^\s*0x/i, "").replace(/[\s:.-]/g, "");
  const wrong = /[^0-9a-f]/i.exec(digits);
  if (wrong !== null)
    throw new Refusal(
      `expected hexadecimal digits, got ${JSON.stringify(wrong[0])} as digit ${wrong.index + 1}`,
    );
  if (digits.length % 2 === 1)
    throw new Refusal(`expected two hexadecimal digits a byte, got ${digits.length} digits: one is missing`);
  return Uint8Array.from(Buffer.from(digits, "hex"));
}
