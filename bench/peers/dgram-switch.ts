// The switch that one writes first: Node's dgram, a Map, one datagram at a time. Arguments: the local address, then
// REMOTE=VNI for each port. Learns who is where, sends to one port or floods, and counts nothing.

import { createSocket } from "node:dgram";

const VXLAN_PORT = 4789;
const VXLAN_BYTES = 8;
const VALID_VNI = 0x08;
const BUFFER_BYTES = 4 << 20;

interface Port {
  readonly remote: string;
  readonly vni: number;
}

const [local, ...words] = process.argv.slice(2);
const ports: Port[] = words.map((word) => {
  const [remote, vni] = word.split("=");
  return { remote, vni: Number(vni) };
});
const fdb = new Map<string, Port>();
const socket = createSocket("udp4");

socket.on("message", (datagram, { address }) => {
  if (datagram.length < VXLAN_BYTES + 14 || (datagram[0] & VALID_VNI) === 0) return;
  const vni = datagram.readUIntBE(4, 3);
  const from = ports.find((port) => port.remote === address && port.vni === vni);
  if (from === undefined) return;
  const destination = datagram.toString("hex", 8, 14);
  const source = datagram.toString("hex", 14, 20);
  if ((datagram[14] & 1) === 0) fdb.set(source, from);
  const known = fdb.get(destination);
  if (known === from) return;
  const targets = known === undefined ? ports.filter((port) => port !== from) : [known];
  for (const port of targets) forward(datagram, port, targets.length > 1);
});

/** Each copy of a flood has a VNI of its own, so each needs its own bytes: sending is not done when `send` returns. */
function forward(datagram: Buffer, port: Port, isFlood: boolean): void {
  const copy = isFlood ? Buffer.from(datagram) : datagram;
  copy.writeUIntBE(port.vni, 4, 3);
  // What the system has no room for is lost, as on any wire; an error must not end the switch.
  socket.send(copy, VXLAN_PORT, port.remote, () => undefined);
}

process.on("SIGTERM", () => process.exit(0));
socket.bind(VXLAN_PORT, local, () => {
  socket.setRecvBufferSize(BUFFER_BYTES);
  process.stdout.write("ready\n");
});
