// Somebody else's program on what a device receives (tcx), for as long as this runs: it drops the UDP datagrams to one
// address and port.
//    foreign-tcx.mjs ADDON IFINDEX ADDRESS PORT          prints ready
import { createRequire } from "node:module";

const [addonPath, ifindex, address, port] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(addonPath);
const map = addon.classifierOpen();
const words = new Int32Array(4);
Buffer.from(words.buffer).set([0xff, 0xff, ...address.split(".").map(Number)], 10);
addon.classifierSet(map, words, Number(ifindex), Number(port), 1);
// Nobody reads it: what it takes is gone.
addon.ringLink(map, addon.ringStateOpen(), Int32Array.of(addon.ringOpen(4096)), Number(ifindex));
console.log("ready");
setInterval(() => {}, 1 << 30);
