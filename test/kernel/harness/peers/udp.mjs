// One end of a stream of numbered datagrams whose contents follow from their number, so that the receiver knows each byte.
//    udp.mjs receive ADDRESS PORT COUNT IDLE_MS          prints ready, then {intact, corrupt} after COUNT intact ones or
//                                                        IDLE_MS without one
//    udp.mjs send ADDRESS PORT BYTES COUNT INTERVAL_MS   prints {sent}
//    udp.mjs raw ADDRESS PORT HEX…                       sends each as it is, prints {sent}
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const NUMBER_BYTES = 4;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

const [verb, address, port, ...rest] = process.argv.slice(2);
const socket = createSocket({
  type: isIPv6(address) ? "udp6" : "udp4",
  recvBufferSize: RECEIVE_BUFFER_BYTES,
});

/** Datagram `number`: its number, then bytes that depend on the number and their place (as in udp-gso.c). */
function contents(number, bytes) {
  const buffer = Buffer.alloc(bytes);
  for (let index = NUMBER_BYTES; index < bytes; index++)
    buffer[index] = number * 31 + index * 7 + (index >> 8);
  buffer.writeUInt32BE(number);
  return buffer;
}

function send(datagram) {
  return new Promise((resolve, reject) => {
    socket.send(datagram, Number(port), address, (error) => (error ? reject(error) : resolve()));
  });
}

function receive(count, idleMs) {
  const seen = new Set();
  let corrupt = 0;
  const end = () => {
    socket.close();
    clearTimeout(timer);
    console.log(JSON.stringify({ intact: seen.size, corrupt }));
  };
  const timer = setTimeout(end, idleMs);
  process.on("SIGTERM", end);
  socket.on("message", (datagram) => {
    const number = datagram.readUInt32BE();
    if (datagram.equals(contents(number, datagram.length))) seen.add(number);
    else corrupt += 1;
    timer.refresh();
    // What is not of the stream (a kernel VTEP talks by itself) must not take the place of what is.
    if (seen.size === count) end();
  });
  socket.bind(Number(port), address, () => console.log("ready"));
}

async function sendAll(datagrams, intervalMs) {
  let sent = 0;
  const startedAt = performance.now();
  for (const datagram of datagrams) {
    await send(datagram);
    sent += 1;
    // Against the clock rather than a pause after each, so that a late timer is made up for.
    const aheadMs = sent * intervalMs - (performance.now() - startedAt);
    if (aheadMs >= 1) await sleep(aheadMs);
  }
  socket.close();
  console.log(JSON.stringify({ sent }));
}

if (verb === "receive") {
  receive(Number(rest[0]), Number(rest[1]));
} else if (verb === "send") {
  const [bytes, count, intervalMs] = rest.map(Number);
  await sendAll(
    Array.from({ length: count }, (_, number) => contents(number, bytes)),
    intervalMs,
  );
} else {
  await sendAll(
    rest.map((hex) => Buffer.from(hex, "hex")),
    0,
  );
}
