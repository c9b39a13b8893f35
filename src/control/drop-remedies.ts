// Why frames are dropped, from the operator's side: the likely cause of each reason and what to do about it. The sentences
// that say what happened are the data plane's (drop-reason.ts); these name commands, and so are here.
import type { DropReasonName } from "../dataplane/drop-reason.ts";

/** For `show drops`: one to three sentences, commands last. Words in capitals stand for those of the case. */
export const DROP_REMEDIES: Readonly<Record<DropReasonName, string>> = {
  vxlan_short:
    "Something other than VXLAN is sent to this port, or a device cuts datagrams short. See who: " +
    "tcpdump -nni DEV udp port 4789.",
  vxlan_flags:
    "The sender speaks another protocol at this port (GENEVE, a scan), or is misconfigured. See who: " +
    "tcpdump -nni DEV -xx udp port 4789.",
  vtep_unknown:
    "A client uses an address that the file does not name, or NAT stands between. If it belongs here: " +
    "vxswitch port add BRIDGE NAME type=vxlan vni=VNI remote=ADDRESS, or a hub (remote=any).",
  vni_unknown:
    "The client has another VNI than its port, or the port is missing. Compare 'ip -d link show' at the " +
    "client with 'vxswitch show vteps'; then vxswitch port set BRIDGE PORT vni=VNI.",
  datagram_truncated:
    "A client sends frames larger than the switch can hold, which no MTU asks for. Lower the MTU of its " +
    "vxlan device: ip link set vxlan0 mtu 1450.",
  source_mac_invalid:
    "A traffic generator or a broken driver makes such frames; no station has this address. Correct the " +
    "sender's address: ip link set DEV address MAC.",
  inner_malformed:
    "The sender makes broken packets, or something on the way has changed them. A capture at the client " +
    "tells which: tcpdump -nnvvi vxlan0.",
  offload_invalid:
    "A program writes wrong virtio headers to its TAP, or a driver has a fault. At the sender, switch " +
    "offloads off: ethtool -K DEV tx off tso off gso off.",
  static_moved:
    "Two stations share an address, or one has moved although it is bound. See who: vxswitch show fdb; " +
    "set it free: vxswitch fdb del BRIDGE MAC, or vxswitch port set BRIDGE PORT sticky=false.",
  split_horizon:
    "Usual in small numbers: both stations are behind the same VTEP and reach each other there. If they " +
    "do not, give each a port of its own.",
  no_destination:
    "Usual while other ports are missing or down. Otherwise the flood, bcast_flood or mcast_flood of " +
    "the other ports is false: vxswitch port set BRIDGE PORT flood=true.",
  port_down:
    "Its device, address or route is gone. 'vxswitch show' tells why; the switch brings the port up by " +
    "itself once that is mended.",
  too_big:
    "The client's MTU is larger than the path allows. Lower it there to the overlay mtu of 'vxswitch " +
    "show vteps': ip link set vxlan0 mtu 1450; or raise that of the underlay.",
  queue_full:
    "More is sent than the device carries. If it happens with bursts only, lengthen its queue: ip link " +
    "set DEV txqueuelen 10000; see also: tc -s qdisc show dev DEV.",
  unreachable:
    "Try: ip route get REMOTE, and ping it. Look for the rule that refuses UDP to port 4789: nft list " +
    "ruleset, iptables-save -c. 'vxswitch doctor' tries all of this.",
  transmit_failed:
    "The device may be down, full or out of memory: ip -s link show DEV, dmesg. If the counter goes on, " +
    "report it with the output of 'vxswitch doctor'.",
  outer_malformed:
    "Damage on the way, or offload or NAT that writes wrong checksums. At the sender: ethtool -K DEV tx " +
    "off. Over IPv6 without checksums: vxswitch port set BRIDGE PORT udp6zerocsumrx=true.",
  isolated: "As configured. If the two are to talk: vxswitch port set BRIDGE PORT isolated=false.",
  locked:
    "An unknown station sends here. If it may: vxswitch fdb add BRIDGE MAC PORT, or vxswitch port set " +
    "BRIDGE PORT locked=false.",
  policed:
    "As configured. If the bound is too tight: vxswitch port set BRIDGE PORT " +
    "ingress_policing_rate=KBIT.",
  storm:
    "A loop, a scan or a broken station, or a bound too tight. See what is flooded: vxswitch mirror " +
    "add; raise the bound: vxswitch port set BRIDGE PORT storm_control=FRAMES.",
  bpdu:
    "As configured; bridges and LLDP speakers send these by themselves. If they are to pass, set " +
    "forward_bpdu: true of the bridge and reload.",
  loop:
    "Two ports lead to the same network, for example two clients that are bridged together. Find the " +
    "pair with 'vxswitch show fdb' and remove one; 'show ports --json' keeps the frame.",
  quarantined:
    "Remove the loop: two ports lead to the same network. The port is back by itself after the time " +
    "that loop_guard says.",
  vlan_refused:
    "The client's tag and the port's VLANs differ. Compare 'ip -d link show' there with tag, trunks and " +
    "vlan_mode here: vxswitch port set BRIDGE PORT trunks=VID.",
  impair_loss:
    "As configured, part of the experiment. To stop it: vxswitch port set BRIDGE PORT impair_in.loss= " +
    "impair_out.loss=.",
  impair_limit:
    "More is sent than the cable's rate and delay can hold. If that is not the experiment: vxswitch " +
    "port set BRIDGE PORT impair_in.limit=FRAMES (or impair_out.limit).",
  ecn_invalid:
    "A congested router on the underlay marks frames that could not answer to it. Relieve that path, or " +
    "use ECN at the senders: sysctl -w net.ipv4.tcp_ecn=1.",
  neigh_suppressed:
    "Usual: the switch has answered, or the asked is behind the same port. If an answer is missing: " +
    "vxswitch port set BRIDGE PORT neigh_suppress=false.",
  vtep_unadmitted:
    "The first datagram of each VTEP is usual. If the counter goes on, the daemon's log names the VTEP; " +
    "widen allow or max_vteps: vxswitch port set BRIDGE HUB allow=NETWORK.",
  no_listener:
    "Usual while nobody has joined. If receivers exist that send no IGMP or MLD reports, set " +
    "mcast_snooping: false of the bridge and reload.",
};
