// How the lab reads metrics: the account it makes of them is what the demo and the kernel tests rely on.
import { expect, test } from "vitest";
import { balances, isBalanced, parseScrape, sum } from "../../src/control/lab/scrape.ts";

const SCRAPE = `
# HELP vxswitch_port_receive_packets_total Frames received from this port.
# TYPE vxswitch_port_receive_packets_total counter
vxswitch_port_receive_packets_total{bridge="br0",port="client1"} 10
vxswitch_port_receive_packets_total{bridge="br0",port="client2"} 4
vxswitch_port_receive_packets_total{bridge="br1",port="other"} 0
vxswitch_flood_copies_total{bridge="br0"} 3
vxswitch_port_too_big_replies_total{bridge="br0",port="client1"} 2
vxswitch_port_impair_duplicates_total{bridge="br0",port="client2"} 5
vxswitch_port_impair_held{bridge="br0",port="client2"} 4
vxswitch_port_transmit_packets_total{bridge="br0",port="client2"} 19
vxswitch_drops_total{bridge="br0",port="client1",reason="split_horizon"} 1
vxswitch_drops_total{bridge="",port="underlay",reason="vtep_unknown"} 7
vxswitch_underlay_receive_overruns_total 2
`;

test("a metric is summed over the labels that are not asked for", () => {
  const samples = parseScrape(SCRAPE);
  expect(sum(samples, "vxswitch_port_receive_packets_total")).toBe(14);
  expect(sum(samples, "vxswitch_port_receive_packets_total", { port: "client2" })).toBe(4);
  expect(sum(samples, "vxswitch_underlay_receive_overruns_total")).toBe(2);
  expect(sum(samples, "vxswitch_unheard_of")).toBe(0);
});

test("the account of a bridge balances if every frame was delivered or dropped, or is held", () => {
  const [br0, br1] = balances(parseScrape(SCRAPE));
  expect(br0).toEqual({
    bridge: "br0",
    received: 14,
    copies: 3,
    replies: 2,
    duplicates: 5,
    delivered: 19,
    dropped: 1,
    held: 4,
  });
  expect([br0, br1].map(isBalanced)).toEqual([true, true]);
  expect(isBalanced({ ...br0, delivered: 18 })).toBe(false);
});
