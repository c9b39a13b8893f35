// The switch that npm's packet packages allow: `cap` captures VXLAN datagrams on the uplinks, `raw-socket` sends them on,
// one call and one callback a frame. Arguments: the local address, the uplinks with a comma between them, then
// REMOTE=VNI for each port. Learns who is where, sends to one port or floods, and counts nothing.

import cap from "cap";
import raw from "raw-socket";

const VXLAN_PORT = 4789;
const CAPTURE_BYTES = 65_535;
const QUEUED_MAX = 1000;
const KERNEL_BUFFER_BYTES = 4 << 20;
/** Ethernet 14 | IPv4 20 | UDP 8 | VXLAN 8 | inner Ethernet 14 | … */
const SOURCE_ADDRESS = 26;
const UDP = 34;
const VXLAN = 42;
const INNER = 50;
const VALID_VNI = 0x08;
/** From the UDP header on, which is where a raw socket begins. */
const CHECKSUM_IN_UDP = 6;
const VNI_IN_UDP = 12;

const [local, uplinks, ...words] = process.argv.slice(2);
const ports = words.map((word) => {
  const [remote, vni] = word.split("=");
  return { remote, vni: Number(vni) };
});
const fdb = new Map();
let queued = 0;
const socket = raw.createSocket({ protocol: raw.Protocol.UDP });
socket.pauseRecv(); // cap receives; this socket would get a copy of everything
socket.on("error", () => undefined);

/** Called for each captured frame, whose bytes are in `frame` until it returns. */
function receive(frame, length) {
  if (length < INNER + 14 || (frame[VXLAN] & VALID_VNI) === 0) return;
  const address = frame.subarray(SOURCE_ADDRESS, SOURCE_ADDRESS + 4).join(".");
  const vni = frame.readUIntBE(VXLAN + 4, 3);
  const from = ports.find((port) => port.remote === address && port.vni === vni);
  if (from === undefined) return;
  const destination = frame.toString("hex", INNER, INNER + 6);
  const source = frame.toString("hex", INNER + 6, INNER + 12);
  if ((frame[INNER + 6] & 1) === 0) fdb.set(source, from);
  const known = fdb.get(destination);
  if (known === from) return;
  for (const port of known === undefined ? ports.filter((port) => port !== from) : [known]) {
    forward(Buffer.from(frame.subarray(UDP, length)), port);
  }
}

/** Over IPv4 a datagram may go without checksum. raw-socket queues without end what it is given: the bound is ours. */
function forward(datagram, port) {
  if (queued === QUEUED_MAX) return;
  datagram.writeUInt16BE(0, CHECKSUM_IN_UDP);
  datagram.writeUIntBE(port.vni, VNI_IN_UDP, 3);
  queued++;
  // What the system has no room for is lost, as on any wire.
  socket.send(datagram, 0, datagram.length, port.remote, () => {
    queued--;
  });
}

for (const device of uplinks.split(",")) {
  const frame = Buffer.alloc(CAPTURE_BYTES);
  const capture = new cap.Cap();
  capture.open(device, `udp dst port ${VXLAN_PORT} and dst host ${local}`, KERNEL_BUFFER_BYTES, frame);
  capture.setMinBytes?.(0);
  capture.on("packet", (length) => receive(frame, length));
}
process.on("SIGTERM", () => process.exit(0));
process.stdout.write("ready\n");
