// The running switch is changed under traffic by the ring: ports come and go at other addresses and UDP ports, at the very
// address of those that stay too, and these lose and double no frame.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BridgeConfig } from "../../src/control/lab/config.ts";
import { inUserNamespace } from "../../src/control/lab/privilege.ts";
import { scenarioClient } from "../../src/control/lab/topology.ts";
import { CLIENT1, CLIENT2, client, KernelLab, OWN_LEG } from "./harness/kernel-lab.ts";
import type { Peer, PeerScript } from "./harness/peer.ts";

const VNI = 4100;
const CLIENT3 = "192.168.0.3";
const CLIENT3_UNDERLAY = "10.122.4.3";
const OTHER_ADDRESS = "10.122.1.104";
const FLOW_PORT = 5002;
const FLOWS = 16;
const COUNT = 3000;
const EVERY_MS = 2;
const IDLE_MS = 3000;
const ALL_IN_ORDER = { flows: FLOWS, received: FLOWS * COUNT, overtaken: 0, repeated: 0 };

describe.skipIf(inUserNamespace()).each([1, 2])("with %d forwarding threads", (workers) => {
  let lab: KernelLab;
  beforeAll(async () => {
    lab = await KernelLab.start({
      clients: [client(1), client(2), scenarioClient(3)],
      configure: ({ underlay, bridges }) => {
        underlay.workers = workers;
        // The ports of client1 and client2 take what comes to any address of the host.
        delete underlay.local;
        delete bridges.br0.ports.client3;
      },
    });
    await lab.test.run("ip", "addr", "add", `${OTHER_ADDRESS}/16`, "dev", "eth0");
  });
  afterAll(() => lab?.end());

  test("reloads and commands under traffic take no frame from the ports that stay", async () => {
    expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
    const receivers = [await receive(lab.client1, CLIENT1.ipv4), await receive(lab.client2, CLIENT2.ipv4)];
    const sockets = await datagramsOfSockets();
    const senders = [send(lab.client1, CLIENT2.ipv4), send(lab.client2, CLIENT1.ipv4)];
    // Ports that go away stand in a bridge of their own, where no frame is: their counters go with them.
    const ports: BridgeConfig["ports"] = {};
    lab.config.bridges.br1 = { ports };

    // At another address, at another UDP port, and at the very address of those that stay, by a socket of its own.
    ports.elsewhere = { type: "vxlan", vni: VNI, remote: "10.122.4.7", local: OTHER_ADDRESS };
    ports.beside = { type: "vxlan", vni: VNI, remote: "10.122.4.8", dstport: 4790 };
    await lab.reloadUntilUp();
    ports.here = { type: "vxlan", vni: VNI, remote: "10.122.4.9", local: OWN_LEG.underlay };
    await lab.reloadUntilUp();
    // One out, one in, at one stroke: the socket of the one may get the number that the other's had.
    delete ports.here;
    ports.other = { type: "vxlan", vni: VNI, remote: "10.122.4.9", local: OTHER_ADDRESS, dstport: 4791 };
    await lab.reloadUntilUp();
    lab.config.bridges.br0.ports.client3 = {
      type: "vxlan",
      vni: VNI,
      remote: CLIENT3_UNDERLAY,
      local: OWN_LEG.underlay,
    };
    await lab.reloadUntilUp();
    expect(await lab.peer("client3").ping(CLIENT1.ipv4)).toBe(3);
    expect(await lab.client2.ping(CLIENT3)).toBe(3);
    await lab.vxswitch("port", "del", "br1", "beside");
    delete ports.beside;
    delete ports.elsewhere;
    await lab.reloadUntilUp();
    expect(await datagramsOfSockets()).toBe(sockets);

    for (const sender of senders) await sender.result();
    const seen = await Promise.all(receivers.map((receiver) => receiver.result()));
    expect(seen).toEqual([ALL_IN_ORDER, ALL_IN_ORDER]);
  });

  async function datagramsOfSockets(): Promise<number> {
    return Number(/InDatagrams\s+(\d+)/.exec(await lab.test.run("nstat", "-asz", "UdpInDatagrams"))?.[1]);
  }
});

function receive(peer: Peer, address: string): Promise<PeerScript> {
  return peer.script("flows.mjs", "receive", address, FLOW_PORT, IDLE_MS, FLOWS * COUNT).ready();
}

function send(peer: Peer, address: string): PeerScript {
  return peer.script("flows.mjs", "send", address, FLOW_PORT, FLOWS, COUNT, EVERY_MS);
}
