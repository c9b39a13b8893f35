// Rules that drop VXLAN, as nft and iptables print them.
import { expect, test } from "vitest";
import { iptablesDropRules, nftDropRules } from "../../src/control/doctor/firewall.ts";

/** A ruleset with one chain at a hook and one rule in it. */
function nft(match: unknown, rest: readonly unknown[], hook: string | undefined = "input"): string {
  const at = { family: "inet", table: "f" };
  return JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6" } },
      { table: { family: "inet", name: "f" } },
      { chain: { ...at, name: "in", hook } },
      { rule: { ...at, chain: "in", expr: [{ match }, ...rest] } },
    ],
  });
}

function dport(right: unknown, op = "==", protocol = "udp") {
  return { op, left: { payload: { protocol, field: "dport" } }, right };
}

const DROP = [{ counter: { packets: 7, bytes: 700 } }, { drop: null }];
const FOUND = { hook: "input", where: "nft inet f in", action: "drop", packets: 7 };

const MATCHES: readonly [string, unknown, boolean][] = [
  ["the port", dport(4789), true],
  ["another port", dport(53), false],
  ["all but the port", dport(4789, "!="), false],
  ["all but another", dport(53, "!="), true],
  ["a range with it", dport({ range: [4000, 5000] }), true],
  ["a range without it", dport({ range: [1, 4788] }), false],
  ["a set with it", dport({ set: [53, { range: [4789, 4790] }] }), true],
  ["a set without it", dport({ set: [53, 54] }), false],
  ["the port of any transport", dport(4789, "==", "th"), true],
  ["a TCP port", dport(4789, "==", "tcp"), false],
  ["a source port", { op: "==", left: { payload: { protocol: "udp", field: "sport" } }, right: 4789 }, false],
  ["something else", { op: "==", left: { meta: { key: "iifname" } }, right: "eth0" }, false],
];
test.each(MATCHES)("nft: a rule for %s", (_, match, isFound) => {
  expect(nftDropRules(nft(match, DROP), 4789)).toEqual(isFound ? [FOUND] : []);
});

test("nft: by hook and verdict, with a counter or without", () => {
  const rules = (rest: readonly unknown[], hook?: string) => nftDropRules(nft(dport(4789), rest, hook), 4789);
  expect(rules([{ reject: { type: "icmpx" } }], "output")).toEqual([
    { ...FOUND, hook: "output", action: "reject", packets: null },
  ]);
  expect(rules([{ accept: null }])).toEqual([]);
  expect(rules(DROP, "forward")).toEqual([]);
  expect(nftDropRules(JSON.stringify({ nftables: [] }), 4789)).toEqual([]);
});

test("iptables: rules of INPUT and OUTPUT that name the UDP port", () => {
  const saved = `*filter
:INPUT ACCEPT [0:0]
[3:300] -A INPUT -p udp -m udp --dport 4789 -j DROP
[4:400] -A INPUT -p udp -m multiport --dports 53,4700:4800 -j REJECT --reject-with icmp-port-unreachable
[5:500] -A INPUT -p tcp -m tcp --dport 4789 -j DROP
[6:600] -A INPUT -p udp -m udp --dport 4789 -j ACCEPT
[7:700] -A FORWARD -p udp -m udp --dport 4789 -j DROP
[8:800] -A OUTPUT -p udp -m udp --dport 4789 -j DROP
[9:900] -A INPUT -p udp -j DROP
COMMIT
`;
  expect(iptablesDropRules(saved, 4789)).toEqual([
    { hook: "input", where: "iptables INPUT", action: "drop", packets: 3 },
    { hook: "input", where: "iptables INPUT", action: "reject", packets: 4 },
    { hook: "output", where: "iptables OUTPUT", action: "drop", packets: 8 },
  ]);
});
