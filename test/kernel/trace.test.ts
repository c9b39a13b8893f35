// Traces of the running switch against what it then does, with real endpoints; and that asking changes nothing.
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLIENT1, CLIENT2, KernelLab } from "./harness/kernel-lab.ts";
import type { FdbRow, PortRow } from "./harness/rows.ts";

const STRANGER = "02:00:00:00:0c:09";

interface Copy {
  readonly port: string;
  readonly drop: string | null;
}
interface Trace {
  readonly port: string | null;
  readonly drop: { readonly reason: string } | null;
  readonly copies: readonly Copy[];
  readonly steps: readonly { readonly stage: string; readonly text: string }[];
  readonly verdict: string;
}

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
  // Nobody sends of his own accord while states are compared.
  for (const peer of [lab.client1, lab.client2, lab.test])
    await peer.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1");
  for (const [peer, other, { ipv4 }] of [
    [lab.client1, lab.client2, CLIENT2],
    [lab.client2, lab.client1, CLIENT1],
  ] as const)
    await peer.run("ip", "neigh", "replace", ipv4, "lladdr", await other.mac("vxlan0"), "dev", "vxlan0");
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
});
afterAll(() => lab?.end());

async function trace(...words: string[]): Promise<Trace> {
  const [answer] = JSON.parse(await lab.vxswitch("trace", "--json", ...words)) as Trace[];
  return answer;
}

/** All that a frame would change. */
async function state() {
  const fdb = (await lab.show<FdbRow>("fdb")).map(({ mac, port, vlan }) => `${vlan} ${mac} ${port}`).sort();
  const ports = (await lab.show<PortRow & { drops: unknown }>("ports")).map(
    ({ port, rx_packets: rx, tx_packets: tx, drops }) => {
      return { port, rx, tx, drops };
    },
  );
  return { fdb, ports };
}

test("a frame to a known station goes where the trace says, and is told by its VTEP, VNI and source port", async () => {
  const [from, to] = [await lab.client1.mac("vxlan0"), await lab.client2.mac("vxlan0")];
  const before = await state();
  const answer = await trace(
    "in",
    "client1",
    "src",
    from,
    "dst",
    to,
    "sip",
    CLIENT1.ipv4,
    "dip",
    CLIENT2.ipv4,
  );
  expect(answer.copies).toMatchObject([{ port: "client2", remote: CLIENT2.underlay, drop: null }]);
  expect(answer.verdict).toBe(`leaves by client2 (${CLIENT2.underlay})`);
  expect(await state()).toEqual(before);
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
  const { ports } = await state();
  const sent = (name: string, of: typeof ports) => of.find(({ port }) => port === name)?.tx ?? 0;
  expect(sent("client2", ports) - sent("client2", before.ports)).toBeGreaterThanOrEqual(3);
});

test("a stranger's frame to nobody is flooded, and teaches the switch nothing", async () => {
  const before = await state();
  const answer = await trace("in", "client1", "src", STRANGER, "dst", "02:00:00:00:0c:0a");
  const ports = before.ports.map(({ port }) => port).filter((port) => port !== "client1");
  expect(answer.copies.map(({ port }) => port).sort()).toEqual(ports.sort());
  expect(answer.steps.find(({ stage }) => stage === "learn")?.text).toContain(`${STRANGER} is new`);
  expect((await state()).fdb).toEqual(before.fdb);
});

test("a VTEP that nobody knows, a VNI that it has not, and a frame that does not fit are dropped for that", async () => {
  const frame = ["src", STRANGER, "dst", await lab.client2.mac("vxlan0")];
  expect((await trace("from", "10.122.9.9", "vni", "4100", ...frame)).drop?.reason).toBe("vtep_unknown");
  const { drop } = await trace("from", CLIENT1.underlay, "vni", "77", ...frame);
  expect(drop?.reason).toBe("vni_unknown");
  expect((await trace("from", CLIENT1.underlay, "vni", "4100", ...frame)).port).toBe("client1");
  const { copies } = await trace("in", "client1", ...frame, "length", "9000");
  expect(copies).toMatchObject([{ port: "client2", drop: "too_big" }]);
});

test("a locked port refuses in a trace whom it would refuse", async () => {
  await lab.vxswitch("port", "set", "br0", "client1", "locked=true");
  const { drop, steps } = await trace("in", "client1", "src", STRANGER, "dst", "ff:ff:ff:ff:ff:ff");
  expect(drop?.reason).toBe("locked");
  expect(steps.at(-1)?.text).toContain("dropped, locked");
  await lab.vxswitch("port", "set", "br0", "client1", "locked=");
});
