// Rulesets as `nft -j list ruleset` prints them, and what they do to VXLAN.
import { describe, expect, test } from "vitest";
import { type Drop, dropsOf } from "../../src/control/doctor/firewall/judge.ts";
import { NftRuleset } from "../../src/control/doctor/firewall/nft.ts";
import { questionsOf } from "../../src/control/doctor/firewall/questions.ts";
import { chainsOf } from "../../src/control/doctor/firewall/rulesets.ts";

const AT = { family: "inet", table: "f" };
const PEER = { remote: "10.0.0.2", local: "10.0.0.1", dstport: 4789, device: null };

interface More {
  readonly hook?: string;
  readonly policy?: string;
  readonly objects?: readonly unknown[];
  readonly remote?: string;
  readonly local?: string | null;
  readonly device?: string | null;
}

/** Drops of a chain of these rules. */
function drops(rules: readonly (readonly unknown[])[], more: More = {}): Drop[] {
  const { hook = "input", policy = "accept", objects = [], device = "eth0", ...peer } = more;
  const text = JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6" } },
      { table: { family: "inet", name: "f" } },
      { chain: { ...AT, name: "in", hook, policy } },
      ...objects,
      ...rules.map((expr) => ({ rule: { ...AT, chain: "in", expr } })),
    ],
  });
  const questions = questionsOf([{ ...PEER, ...peer }], () => device);
  return dropsOf(chainsOf(new NftRuleset(text), [], []), questions);
}

const DROP = { drop: null };
const COUNTED = [{ counter: { packets: 7, bytes: 700 } }, DROP];
const FOUND = {
  hook: "input",
  where: "nft inet f in",
  action: "drop",
  packets: 7,
  isCertain: true,
  peers: [],
};

function equals(left: unknown, right: unknown, op = "==") {
  return { match: { op, left, right } };
}
function payload(protocol: string, field: string) {
  return { payload: { protocol, field } };
}
function dport(right: unknown, op = "==", protocol = "udp") {
  return equals(payload(protocol, "dport"), right, op);
}
const saddr = (right: unknown, op = "==", protocol = "ip") => equals(payload(protocol, "saddr"), right, op);
const meta = (key: string, right: unknown, op = "==") => equals({ meta: { key } }, right, op);
const state = (right: unknown, op = "in") => equals({ ct: { key: "state" } }, right, op);
const fib = (result: string, flags: unknown, right: unknown) => equals({ fib: { result, flags } }, right);

const PREFIX = { prefix: { addr: "10.0.0.0", len: 8 } };
const OTHER_PREFIX = { prefix: { addr: "192.0.2.0", len: 24 } };
const PORT_AND_ADDRESS = { concat: [payload("ip", "saddr"), payload("udp", "dport")] };

const MATCHES: readonly [string, unknown, "yes" | "no" | "unknown"][] = [
  ["the port", dport(4789), "yes"],
  ["another port", dport(53), "no"],
  ["all but the port", dport(4789, "!="), "no"],
  ["all but another", dport(53, "!="), "yes"],
  ["a range with it", dport({ range: [4000, 5000] }), "yes"],
  ["a range without it", dport({ range: [1, 4788] }), "no"],
  ["a set with it", dport({ set: [53, { range: [4789, 4790] }] }), "yes"],
  ["a set without it", dport({ set: [53, 54] }), "no"],
  ["the port of any transport", dport(4789, "==", "th"), "yes"],
  ["a TCP port", dport(4789, "==", "tcp"), "no"],
  ["all but a TCP port", dport(22, "!=", "tcp"), "no"],
  ["ports above", dport(4788, ">"), "yes"],
  ["ports from", dport(4790, ">="), "no"],
  ["ports below", dport(4789, "<"), "no"],
  ["ports up to", dport(4789, "<="), "yes"],
  ["a source port", equals(payload("udp", "sport"), 4789), "unknown"],
  ["an inner port", equals({ payload: { tunnel: "vxlan", protocol: "udp", field: "dport" } }, 53), "unknown"],
  ["a type of ICMP", equals(payload("icmp", "type"), "echo-request"), "no"],
  ["the remote", saddr("10.0.0.2"), "yes"],
  ["another address", saddr("10.0.0.3"), "no"],
  ["all but the remote", saddr("10.0.0.2", "!="), "no"],
  ["a prefix with it", saddr(PREFIX), "yes"],
  ["a prefix without it", saddr(OTHER_PREFIX), "no"],
  ["a range of addresses", saddr({ range: ["10.0.0.1", "10.0.0.9"] }), "yes"],
  ["a set of single addresses", saddr({ set: ["10.0.0.3", "10.0.0.2"] }), "yes"],
  ["a set of other single addresses", saddr({ set: ["10.0.0.3", "10.0.0.4"] }), "no"],
  ["something that is no address", saddr("somewhere"), "unknown"],
  ["a set of addresses", saddr({ set: [OTHER_PREFIX, "10.0.0.2"] }), "yes"],
  ["all but a set of addresses", saddr({ set: [OTHER_PREFIX, "10.0.0.3"] }, "!="), "yes"],
  ["an address of the other family", saddr("fd00::1", "==", "ip6"), "no"],
  ["all but an address of the other family", saddr("fd00::1", "!=", "ip6"), "no"],
  ["our address", equals(payload("ip", "daddr"), "10.0.0.1"), "yes"],
  ["another field of IP", equals(payload("ip", "ttl"), 64), "unknown"],
  ["a field that is masked", equals({ "&": [payload("ip", "frag-off"), 8191] }, 0, "!="), "unknown"],
  ["an Ethernet address", equals(payload("ether", "saddr"), "02:00:00:00:00:01"), "unknown"],
  ["UDP, by IPv4", equals(payload("ip", "protocol"), "udp"), "yes"],
  ["UDP, by IPv6", equals(payload("ip6", "nexthdr"), "udp"), "no"],
  ["UDP, by its number", meta("l4proto", 17), "yes"],
  ["some transports", meta("l4proto", { set: ["tcp", "udp"] }), "yes"],
  ["other transports", meta("l4proto", { set: ["icmp", "ipv6-icmp"] }), "no"],
  ["the family", meta("nfproto", "ipv4"), "yes"],
  ["the other family", meta("nfproto", "ipv6"), "no"],
  ["the type of frame", meta("protocol", "ip"), "yes"],
  ["a mark", meta("mark", 1), "unknown"],
  ["packets to this host", meta("pkttype", "host"), "yes"],
  ["packets to groups", meta("pkttype", "multicast"), "no"],
  ["the device", meta("iifname", "eth0"), "yes"],
  ["devices that begin so", meta("iifname", "eth*"), "yes"],
  ["another device", meta("iif", "lo"), "no"],
  ["all but another device", meta("iifname", "lo", "!="), "yes"],
  ["some devices", meta("iifname", { set: ["eth1", "eth0"] }), "yes"],
  ["a device of departure", meta("oifname", "eth0"), "no"],
  ["flows that were answered", state(["established", "related"]), "no"],
  ["new flows", state("new"), "yes"],
  ["flows that are not new", state("new", "!="), "no"],
  ["new flows and untracked ones", state({ set: ["new", "untracked"] }, "=="), "yes"],
  ["untracked flows, where nothing exempts", state("untracked"), "no"],
  ["flows that are invalid", state("invalid"), "no"],
  ["flows whose address was rewritten", equals({ ct: { key: "status" } }, "dnat", "in"), "no"],
  ["the first direction", equals({ ct: { key: "direction" } }, "original"), "yes"],
  ["a mark of the flow", equals({ ct: { key: "mark" } }, 1), "unknown"],
  ["senders to whom no way leads back", fib("oif", ["saddr", "iif"], false), "no"],
  ["the same in older words", fib("oif", ["saddr", "mark", "iif"], "0"), "no"],
  ["senders to whom a way leads back", fib("oif", ["saddr", "iif"], true), "yes"],
  ["our addresses", fib("type", "daddr", "local"), "yes"],
  ["addresses not ours", fib("type", ["daddr"], { set: ["broadcast", "multicast"] }), "no"],
  [
    "address and port",
    equals(PORT_AND_ADDRESS, { set: [{ concat: [PREFIX, { range: [4700, 4800] }] }] }),
    "yes",
  ],
  ["address and other port", equals(PORT_AND_ADDRESS, { set: [{ concat: ["10.0.0.2", 53] }] }), "no"],
  ["a set that is not there", dport("@lost"), "unknown"],
  ["an operator of another day", dport(4789, "~"), "unknown"],
  ["a rate", { limit: { rate: 5, burst: 5, per: "second" } }, "unknown"],
  ["a log and a mark that is set", { log: { prefix: "x" }, mangle: {} }, "yes"],
  ["a set that is added to", { set: { op: "add", elem: payload("ip", "saddr"), set: "@s" } }, "yes"],
  ["a set with a rate", { set: { op: "update", set: "@s", stmt: [{ limit: {} }] } }, "unknown"],
  ["a match of iptables", { xt: { type: "match", name: "conntrack" } }, "unknown"],
  ["a comment of iptables", { xt: { type: "match", name: "comment" } }, "yes"],
  ["a statement of another day", { strange: {} }, "unknown"],
];
test.each(MATCHES)("a rule for %s", (_, match, truth) => {
  const expected = { yes: [FOUND], no: [], unknown: [{ ...FOUND, isCertain: false }] };
  expect(drops([[match, ...COUNTED]])).toEqual(expected[truth]);
});

const UNKNOWNS: readonly [string, unknown, More][] = [
  ["a remote that is not known", saddr(PREFIX), { remote: "239.1.1.1" }],
  ["an own address that is not known", equals(payload("ip", "daddr"), "10.0.0.1"), { local: null }],
  ["a device that is not known", meta("iifname", "eth0"), { device: null }],
];
test.each(UNKNOWNS)("a rule that asks for %s may match", (_, match, more) => {
  expect(drops([[match, DROP]], more)).toMatchObject([{ isCertain: false }]);
});

test("a device that is not known is not the loopback", () => {
  expect(drops([[meta("iifname", "lo"), DROP]], { device: null })).toEqual([]);
});

test("rules count by hook and verdict, with a counter or without", () => {
  const rules = (rest: readonly unknown[], hook: string) => drops([[dport(4789), ...rest]], { hook });
  expect(rules([{ reject: { type: "icmpx" } }], "output")).toEqual([
    { ...FOUND, hook: "output", action: "reject", packets: null },
  ]);
  expect(rules([{ accept: null }], "input")).toEqual([]);
  expect(rules(COUNTED, "forward")).toEqual([]);
  expect(rules(COUNTED, "prerouting")).toEqual([FOUND]);
  expect(rules(COUNTED, "postrouting")).toEqual([{ ...FOUND, hook: "output" }]);
  expect(rules([{ xt: { type: "target", name: "REJECT" } }], "input")).toMatchObject([{ action: "reject" }]);
  expect(rules([{ xt: { type: "target", name: "LOG" } }, DROP], "input")).toMatchObject([
    { isCertain: true },
  ]);
});

test("a target of iptables that is not known may end the way", () => {
  const strange = [{ xt: { type: "target", name: "DELUDE" } }];
  expect(drops([strange, [DROP]])).toMatchObject([{ isCertain: false }]);
});

test("an empty ruleset drops nothing, and tables of other layers are not asked", () => {
  const chains = (text: unknown) => chainsOf(new NftRuleset(JSON.stringify(text)), [], []);
  expect(chains({})).toEqual([]);
  for (const family of ["bridge", "arp", "netdev"])
    expect(chains({ nftables: [{ chain: { family, table: "f", name: "in", hook: "input" } }] })).toEqual([]);
});

describe("a policy", () => {
  const USER = [
    { chain: { ...AT, name: "user" } },
    { rule: { ...AT, chain: "user", expr: [dport(22, "==", "tcp"), { accept: null }] } },
    {
      rule: {
        ...AT,
        chain: "user",
        expr: [equals(payload("icmp", "type"), "echo-request"), { accept: null }],
      },
    },
  ];
  const JUMP = [state({ set: ["new", "untracked"] }, "=="), { jump: { target: "user" } }];
  const ESTABLISHED = [state(["established", "related"]), { accept: null }];
  const POLICY = { ...FOUND, action: "policy drop", packets: null };

  test("that drops counts, if other things are accepted, here or in a chain of the user's", () => {
    expect(drops([ESTABLISHED, JUMP], { policy: "drop", objects: USER })).toEqual([POLICY]);
  });

  test("is not reached by what a rule accepts, by port or from the remote or of any kind", () => {
    for (const match of [dport(4789), saddr(PREFIX), meta("l4proto", "udp"), dport("@ports")]) {
      const objects = [...USER, { set: { ...AT, name: "ports", elem: [53, { range: [4000, 5000] }] } }];
      expect(drops([JUMP, [match, { accept: null }]], { policy: "drop", objects })).toEqual([]);
    }
  });

  test("may be reached after a rule that may accept", () => {
    const accept = [dport(4789), { limit: { rate: 5, per: "second" } }, { accept: null }];
    expect(drops([accept], { policy: "drop" })).toEqual([{ ...POLICY, isCertain: false }]);
  });

  test("of a table of one family concerns its peers alone", () => {
    const text = JSON.stringify({
      nftables: [{ chain: { family: "ip6", table: "f", name: "in", hook: "input", policy: "drop" } }],
    });
    const peers = [PEER, { ...PEER, remote: "fd00::2", local: null }];
    expect(
      dropsOf(
        chainsOf(new NftRuleset(text), [], []),
        questionsOf(peers, () => null),
      ),
    ).toEqual([{ ...POLICY, where: "nft ip6 f in", peers: ["fd00::2"] }]);
  });
});

describe("a verdict map", () => {
  const vmap = (key: unknown, data: unknown) => [{ vmap: { key, data } }];
  const port = payload("udp", "dport");
  const found = { ...FOUND, packets: null };

  test("decides by the element that the datagram has", () => {
    expect(
      drops([
        vmap(port, {
          set: [
            [53, { accept: null }],
            [4789, DROP],
          ],
        }),
      ]),
    ).toEqual([found]);
    expect(
      drops([
        vmap(port, {
          set: [
            [53, DROP],
            [{ elem: { val: 4789 } }, { accept: null }],
          ],
        }),
        [DROP],
      ]),
    ).toEqual([]);
    expect(drops([vmap(port, { set: [[53, DROP]] })])).toEqual([]);
  });

  test("has a verdict for all others", () => {
    expect(
      drops([
        vmap(port, {
          set: [
            [53, { accept: null }],
            ["*", DROP],
          ],
        }),
      ]),
    ).toEqual([found]);
    expect(
      drops([
        vmap(port, {
          set: [
            [4789, { continue: null }],
            ["*", { accept: null }],
          ],
        }),
        [DROP],
      ]),
    ).toEqual([found]);
  });

  test("may have a name, and lead to chains", () => {
    const map = { map: { ...AT, name: "m", map: "verdict", elem: [[4789, { jump: { target: "user" } }]] } };
    const user = { chain: { ...AT, name: "user" } };
    const rule = { rule: { ...AT, chain: "user", expr: COUNTED } };
    expect(drops([vmap(port, "@m")], { objects: [user, map, rule] })).toEqual([
      { ...FOUND, where: "nft inet f user" },
    ]);
    expect(drops([vmap(port, "@lost"), [DROP]])).toEqual([{ ...found, isCertain: false }]);
  });

  test("goes by the state of the flow, and by several things at once", () => {
    const states = {
      set: [
        ["established", { accept: null }],
        ["invalid", DROP],
        [{ "|": ["new", "related"] }, DROP],
      ],
    };
    expect(drops([vmap({ ct: { key: "state" } }, states)])).toEqual([found]);
    const both = {
      set: [
        [{ concat: ["10.0.0.1", 4789] }, { accept: null }],
        [{ concat: [PREFIX, 4789] }, DROP],
      ],
    };
    expect(drops([vmap(PORT_AND_ADDRESS, both)])).toEqual([found]);
  });
});

test("where a rule exempts from tracking, a flow may be new or untracked", () => {
  const exempt = [dport(4789), { notrack: null }];
  const perhaps = [dport(4789), { xt: { type: "target", name: "CT" } }];
  const accept = (states: unknown) => [state(states, "=="), { accept: null }];
  const direction = equals({ ct: { key: "direction" } }, "original");
  expect(drops([exempt, [direction, DROP]])).toMatchObject([{ isCertain: false }]);
  for (const rule of [exempt, perhaps])
    expect(drops([rule, accept("new"), [DROP]])).toMatchObject([{ isCertain: false }]);
  expect(drops([exempt, accept({ set: ["new", "untracked"] }), [DROP]])).toEqual([]);
});

describe("beside iptables", () => {
  const ip = (expr: readonly unknown[]) => ({
    rule: { family: "ip", table: "filter", chain: "INPUT", expr },
  });
  const chain = { chain: { family: "ip", table: "filter", name: "INPUT", hook: "input", policy: "drop" } };
  const accept = ip([dport(4789), { xt: { type: "match", name: "conntrack" } }, { accept: null }]);
  const shown = `*filter
:INPUT DROP [9:900]
[0:0] -A INPUT -p udp -m udp --dport 4789 -m conntrack --ctstate ESTABLISHED -j ACCEPT
COMMIT
`;
  const judged = (objects: readonly unknown[]) => {
    const ruleset = new NftRuleset(JSON.stringify({ nftables: objects }));
    const chains = chainsOf(ruleset, [{ tool: "iptables", text: shown }], []);
    return dropsOf(
      chains,
      questionsOf([PEER], () => null),
    ).map(({ where, isCertain }) => ({ where, isCertain }));
  };

  test("its rules are read in its words, since nft cannot show them whole", () => {
    expect(judged([chain, accept])).toEqual([{ where: "iptables INPUT", isCertain: true }]);
  });

  test("a table that also has rules of nft's own stays as nft has it", () => {
    const own = ip([{ vmap: { key: payload("udp", "dport"), data: { set: [[53, DROP]] } } }]);
    expect(judged([chain, accept, own])).toEqual([{ where: "nft ip filter INPUT", isCertain: false }]);
  });

  test("a table that nft shows whole stays as it is", () => {
    const where = "nft ip filter INPUT";
    expect(judged([chain, ip([dport(53), { accept: null }])])).toEqual([{ where, isCertain: true }]);
  });

  test("the tables of its older make are asked as well", () => {
    const text = "*filter\n:INPUT DROP [3:300]\nCOMMIT\n";
    const chains = chainsOf(new NftRuleset("{}"), [], [{ tool: "ip6tables-legacy", text }]);
    const six = { ...PEER, remote: "fd00::2", local: null };
    expect(
      dropsOf(
        chains,
        questionsOf([six], () => null),
      ),
    ).toMatchObject([
      { where: "ip6tables-legacy INPUT", action: "policy drop", packets: 3, isCertain: true },
    ]);
  });
});
