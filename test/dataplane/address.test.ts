// Addresses as four words, against a library that knows them as texts.
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { formatAddress, isWithin, parseAddress } from "../../src/dataplane/address.ts";

const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !ipaddr.IPv6.parse(text).isIPv4MappedAddress()),
);

test("an address is the same after it was words", () => {
  fc.assert(
    fc.property(address, (text) => {
      expect(formatAddress(parseAddress(text).words)).toBe(ipaddr.parse(text).toString());
    }),
  );
});

test("an address lies in a network of its first bits, and not in one that differs in one of them", () => {
  fc.assert(
    fc.property(address, fc.nat(128), fc.nat(127), (text, length, changed) => {
      const bytes = ipaddr.parse(text).toByteArray();
      const prefix = length % (bytes.length * 8 + 1);
      const bit = changed % (bytes.length * 8);
      bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
      const other = ipaddr.fromByteArray(bytes).toString();
      const { words } = parseAddress(text);
      expect(isWithin(words, `${text}/${prefix}`)).toBe(true);
      expect(isWithin(words, `${other}/${prefix}`)).toBe(bit >= prefix);
    }),
  );
});

test("no IPv4 address lies in a network of the other family", () => {
  expect(isWithin(parseAddress("10.0.0.1").words, "fd00::/8")).toBe(false);
  expect(isWithin(parseAddress("fd00::1").words, "10.0.0.0/8")).toBe(false);
});
