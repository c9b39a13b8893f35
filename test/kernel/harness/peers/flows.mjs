// Several UDP flows side by side whose datagrams are numbered, so that the receiver knows what overtook and what is lost.
//    flows.mjs receive ADDRESS PORT IDLE_MS [COUNT]      prints ready, then {flows, received, overtaken, repeated} when told
//                                                        to end, IDLE_MS after the last datagram, or soon after COUNT
//    flows.mjs send ADDRESS PORT FLOWS COUNT EVERY_MS [BYTES]   one datagram of each flow, COUNT times; prints {sent}
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const BUFFER_BYTES = 8 * 1024 * 1024;
const DATAGRAM_BYTES = 64;
/** After the last one that is expected, for those that come twice. */
const REPEATED_MS = 500;

const [verb, address, port, ...numbers] = process.argv.slice(2);
const rest = numbers.map(Number);

function open(options) {
  return createSocket({ type: isIPv6(address) ? "udp6" : "udp4", ...options });
}

function receive(idleMs, count = Number.POSITIVE_INFINITY) {
  const socket = open({ recvBufferSize: BUFFER_BYTES });
  /** The next number of each flow, if nothing is lost. */
  const next = new Map();
  const counts = { received: 0, overtaken: 0, repeated: 0 };
  const end = () => {
    socket.close();
    clearTimeout(timer);
    console.log(JSON.stringify({ flows: next.size, ...counts }));
  };
  let timer = setTimeout(end, idleMs);
  const seen = new Set();
  process.on("SIGTERM", end);
  socket.on("message", (datagram) => {
    const [flow, number] = [datagram.readUInt32BE(0), datagram.readUInt32BE(4)];
    counts.received++;
    if (seen.has(flow * 2 ** 24 + number)) counts.repeated++;
    else if (number < (next.get(flow) ?? 0)) counts.overtaken++;
    seen.add(flow * 2 ** 24 + number);
    next.set(flow, Math.max(number + 1, next.get(flow) ?? 0));
    if (counts.received === count) {
      clearTimeout(timer);
      timer = setTimeout(end, REPEATED_MS);
    }
    timer.refresh();
  });
  socket.bind(Number(port), address, () => console.log("ready"));
}

async function send(flows, count, everyMs, bytes = DATAGRAM_BYTES) {
  const sockets = Array.from({ length: flows }, () => open({ sendBufferSize: BUFFER_BYTES }));
  const datagram = Buffer.alloc(bytes);
  const startedAt = performance.now();
  for (let number = 0; number < count; number++) {
    await Promise.all(sockets.map((socket, flow) => sendOne(socket, datagram, flow, number)));
    const aheadMs = (number + 1) * everyMs - (performance.now() - startedAt);
    if (aheadMs >= 1) await sleep(aheadMs);
  }
  for (const socket of sockets) socket.close();
  console.log(JSON.stringify({ sent: flows * count }));
}

function sendOne(socket, template, flow, number) {
  const datagram = Buffer.from(template);
  datagram.writeUInt32BE(flow, 0);
  datagram.writeUInt32BE(number, 4);
  return new Promise((resolve, reject) => {
    socket.send(datagram, Number(port), address, (error) => (error ? reject(error) : resolve()));
  });
}

if (verb === "receive") receive(...rest);
else await send(...rest);
