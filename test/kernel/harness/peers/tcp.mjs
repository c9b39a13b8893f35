// One end of a TCP transfer whose bytes are known: what one end hashes while sending, the other hashes while receiving.
//    tcp.mjs receive ADDRESS PORT            prints ready, then {bytes, sha256} of the first connection
//    tcp.mjs send ADDRESS PORT BYTES [MS]    prints {bytes, sha256}; a pause of MS after every 64 KB
import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const CHUNK_BYTES = 64 * 1024;
const [verb, address, port, bytes, pauseMs] = process.argv.slice(2);
const hash = createHash("sha256");
let total = 0;

function take(chunk) {
  hash.update(chunk);
  total += chunk.length;
}

function report() {
  console.log(JSON.stringify({ bytes: total, sha256: hash.digest("hex") }));
}

if (verb === "receive") {
  const server = createServer((connection) => {
    server.close();
    connection.on("data", take);
    connection.on("end", () => {
      connection.end();
      report();
    });
  });
  server.listen(Number(port), address, () => console.log("ready"));
} else {
  // A key stream: bytes that no fault of a switch turns into one another.
  const stream = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16));
  const connection = connect(Number(port), address);
  await once(connection, "connect");
  while (total < Number(bytes)) {
    const chunk = stream.update(Buffer.alloc(Math.min(CHUNK_BYTES, Number(bytes) - total)));
    take(chunk);
    if (!connection.write(chunk)) await once(connection, "drain");
    if (pauseMs !== undefined) await sleep(Number(pauseMs));
  }
  connection.end();
  connection.resume();
  await once(connection, "close");
  report();
}
