// What the kernel drops in front of a full receive queue is known from the socket itself.
import { createSocket } from "node:dgram";
import { expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import { FRAME_WORDS, FRAMES_MAX, SLOT_COUNT } from "../../src/dataplane/frames.ts";
import { mapArena, SLOT_BYTES } from "../../src/dataplane/io/arena.ts";
import { native } from "../../src/dataplane/io/native.ts";
import {
  closeUdpSockets,
  openUdpSockets,
  udpDrops,
  udpQueuedBytes,
} from "../../src/dataplane/io/udp-underlay.ts";

const PORT = 47_891;
const SENT = 200;

test("what found the receive queue full is counted: received and dropped are all that was sent", async () => {
  const sockets = openUdpSockets(false, parseAddress("127.0.0.1").words, PORT, 4096, []);
  const sender = createSocket("udp4");
  try {
    for (let i = 0; i < SENT; i++) await send(sender);
    expect(udpQueuedBytes(sockets)).toBeGreaterThan(1000);
    const received = receiveAll(sockets.receiver);
    expect(udpQueuedBytes(sockets)).toBe(0);
    expect(udpDrops(sockets)).toBeGreaterThan(0);
    expect(received + udpDrops(sockets)).toBe(SENT);
  } finally {
    sender.close();
    closeUdpSockets(sockets);
  }
});

function send(sender: ReturnType<typeof createSocket>): Promise<void> {
  return new Promise((resolve, reject) => {
    sender.send(Buffer.alloc(1000), PORT, "127.0.0.1", (error) => (error ? reject(error) : resolve()));
  });
}

function receiveAll(fd: number): number {
  const arena = mapArena();
  const frames = new Int32Array(FRAMES_MAX * FRAME_WORDS);
  let total = 0;
  for (;;) {
    const rows = native().udpReceive(fd, arena.bytes, frames, arena.slotBase, SLOT_BYTES, SLOT_COUNT, 0);
    if (rows <= 0) return total;
    total += rows;
  }
}
