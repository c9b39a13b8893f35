// What is measured: suites of measures, each a section of the results. A measure that two suites share is run once. Idle
// comes last in its suite, so that it sees a switch that has worked.

import { ALTERNATING, cpuPerFrame, frames, IMIX, LARGEST_FRAME } from "./measures/frames.ts";
import { garbage } from "./measures/garbage.ts";
import { growAddresses, growFlood, growPorts } from "./measures/growth.ts";
import { hostTcp, hostUdp } from "./measures/host.ts";
import { idle } from "./measures/idle.ts";
import type { Measure } from "./measures/measure.ts";
import { mirrored, mirrorLosses } from "./measures/mirrored.ts";
import { addressCapacity, broadcast, learningRate, throughput } from "./measures/rfc.ts";
import { roundTrip, roundTripAt, roundTripUnderHalfLoad } from "./measures/round-trip.ts";
import { tcp } from "./measures/tcp.ts";
import { udp } from "./measures/udp.ts";
import { watched } from "./measures/watched.ts";
import type { Samples } from "./samples.ts";

export interface Suite {
  /** Also the name of its section in the results. */
  readonly name: string;
  readonly title: string;
  /** What the reader of its table must know. */
  readonly about: string;
  /** Run only where asked for by name. */
  readonly optional?: boolean;
  /** The peers that it compares, unless others are asked for by name; left out: all. */
  readonly peers?: readonly string[];
  readonly measures: readonly Measure[];
  /** What follows from its samples, in Markdown. */
  conclusion?(peers: readonly string[], samples: Samples): string;
}

const small = frames(64, 1);
const smallMixed = frames(64, 64);
const largeMixed = frames(1400, 64);
const stream = tcp(1);
const throughputs = [small, smallMixed, largeMixed, stream];
const cpu = cpuPerFrame(64, 64, 100_000);

export const SUITES: readonly Suite[] = [
  {
    name: "end-to-end",
    title: "End to end",
    about: `Frames are inner Ethernet frames; a second's are those delivered into the receiving client's own vxlan device while
the generator offers more than the switch forwards. Where sizes are mixed, each frame is of another flow than the one
before, and the largest is ${LARGEST_FRAME} bytes: with its outer headers it fills an MTU of 1500. iperf3 sends UDP as fast as it can, 1400
bytes a datagram. Half load is half of the 64-byte frames that the same switch delivers when overloaded; 150 kpps is half of
what Open vSwitch delivers by AF_XDP. c-loop is vxswitch-ring on one thread with what it does to each frame between
receiving and transmitting in C, for comparison alone.`,
    measures: [
      small,
      smallMixed,
      frames(1400, 1),
      largeMixed,
      frames(ALTERNATING, 64),
      frames(IMIX, 64),
      stream,
      tcp(1, "back"),
      tcp(1, "both"),
      tcp(8),
      tcp(8, "back"),
      tcp(8, "both"),
      udp(1),
      udp(8),
      roundTrip,
      roundTripUnderHalfLoad,
      roundTripAt(150_000),
      cpu,
      idle,
    ],
  },
  {
    name: "mirror",
    title: "With a mirror",
    about: `The same measures without and with a mirror of every frame received to a device of the switch's host on which
nobody listens.`,
    peers: ["kernel-bridge", "ovs-afxdp", "vxswitch-ring"],
    measures: [...throughputs, cpu, idle].flatMap((measure) => [measure, mirrored(measure)]),
    conclusion: (peers, samples) => mirrorLosses(throughputs, peers, samples),
  },
  {
    name: "growth",
    title: "Growth",
    about: `64-byte frames in 64 flows under overload, while the switch has more ports, knows more addresses or copies a frame
to more ports. Addresses: half of them send to the other half, in scattered order, when all are learnt. Floods: copies
delivered a second, all ports together, and how long the switch is busy with one frame. Further VTEPs are addresses of
the second client; the kernel has them as remotes of one vxlan device.`,
    peers: ["kernel-bridge", "vxswitch-ring"],
    measures: [
      ...[2, 10, 100, 1000].map(growPorts),
      ...[2, 4096, 65_536, 1_000_000].map(growAddresses),
      ...[2, 10, 100].map(growFlood),
    ],
  },
  {
    name: "garbage",
    title: "Garbage",
    about:
      "What V8 collects while 64-byte frames in 64 flows are offered beyond what the switch forwards, warmed up.",
    peers: ["vxswitch-ring"],
    measures: [garbage],
  },
  {
    name: "watched",
    title: "Watched",
    about: `By turns, six times: everybody watches, and then nobody: an open page (what a browser asks for, without the browser),
three scrapes of the metrics a second, and \`vxswitch top\` in a terminal. They run on the same two cores that generate and
forward.`,
    peers: ["vxswitch-udp", "vxswitch-ring"],
    measures: [watched],
  },
  {
    name: "host",
    title: "Other traffic of the host",
    about: `From the first client to an address of the switch's host, without VXLAN, by a device from which the switch receives
VXLAN too; there is no other traffic. The kernel's bridge has nothing to do with it.`,
    optional: true,
    peers: ["kernel-bridge", "vxswitch-udp", "vxswitch-ring"],
    measures: [hostTcp, hostUdp],
  },
  {
    name: "rfc",
    title: "RFC 2544 and RFC 2889",
    about: `Highest rates without a single lost frame, by binary search down to 1/64 of what the generator can offer; a trial
that fails is tried once more. What waits in a receive buffer at a trial's end counts as forwarded, for it is; trials last
as long as measurements. Frame sizes are without checksum, 64 flows. Addresses are learnt at one port and asked for
from another while a third counts what is flooded; capacity is searched to within 1/128 of the most that are tried, with
the table size that the switch comes with, learning with room for 65,536. New addresses that a receive buffer holds count
as accepted.`,
    optional: true,
    measures: [
      ...[64, 128, 256, 512, 1024, 1280, LARGEST_FRAME].map(throughput),
      broadcast,
      addressCapacity,
      learningRate,
    ],
  },
];
