// A limit on everything an operator can ask for. The data plane allocates at start, so these bound its tables;
// the rest bound what one reading of a file or of a request may cost.
import * as tables from "../../dataplane/limits.ts";

export const BRIDGES_MAX = tables.BRIDGES_MAX;
/** Over all bridges, TAP ports included; one row of the table is the underlay's. */
export const PORTS_MAX = tables.PORTS_MAX - 1;
/** Over all bridges: the mirrors of a frame are the bits of one small integer. */
export const MIRRORS_MAX = tables.MIRRORS_MAX;

export const FDB_ENTRIES_DEFAULT = 65_536;
export const FDB_ENTRIES_MAX = tables.ADDRESSES_MAX;
/** Over all bridges: as many bridges as there can be, at the default size. */
export const FDB_ENTRIES_TOTAL_MAX = BRIDGES_MAX * FDB_ENTRIES_DEFAULT;

export const WORKERS_MAX = tables.WORKERS_MAX;

export const AGEING_SECONDS_DEFAULT = 300;
export const AGEING_SECONDS_MAX = 86_400 * 30;

export const VNI_MAX = 2 ** 24 - 1;
export const VXLAN_DSTPORT_DEFAULT = 4789;
export const VXLAN_SRCPORT_DEFAULT = `${tables.DYNAMIC_PORTS.min}-${tables.DYNAMIC_PORTS.max}`;
export const VLAN_MAX = 4094;
/** As with the kernel's vxlan: no router passes it on. */
export const GROUP_TTL_DEFAULT = 1;
/** Of one port with a list of them. */
export const REMOTES_MAX = 1024;
/** Networks in a list of who is allowed. */
export const ALLOW_MAX = 256;
/** Ports in the place of one hub. */
export const VTEPS_DEFAULT = 256;
export const VTEPS_MAX = PORTS_MAX;
export const IDLE_SECONDS_DEFAULT = 300;

/** Linux: IFNAMSIZ 16, the closing zero included. */
export const DEVICE_NAME_CHARACTERS_MAX = 15;
export const NAME_CHARACTERS_MAX = 63;
/** RFC 791 section 3.2: what every IPv4 hop must carry. */
export const MTU_BYTES_MIN = 68;
/** Linux: 65,535 less an Ethernet header. */
export const MTU_BYTES_MAX = 65_521;
export const TAP_ADDRESSES_MAX = 16;
/** Buckets count bits and thousandths of frames, in 31 bits (meters.ts). */
export const POLICING_KBIT_MAX = 1_000_000_000;
export const POLICING_KBIT_BURST_MAX = 2_000_000;
export const POLICING_KPKTS_MAX = 1_000_000;
export const POLICING_KPKTS_BURST_MAX = 2000;
export const STORM_FRAMES_MAX = 2_000_000;
export const IMPAIR_DELAY_US_MAX = 10_000_000;
export const IMPAIR_RATE_BITS_MIN = 1000;
export const IMPAIR_RATE_BITS_MAX = 100e9;
/** Fewer than a forwarding thread can hold at all (HELD_FRAMES_MAX of frames.ts). */
export const IMPAIR_LIMIT_MAX = 100_000;
export const IMPAIR_SEED_MAX = 2 ** 32 - 1;
/** In the file, of one port. */
export const BOUND_ADDRESSES_MAX = 1024;

/** As in the OVS schema: less than an Ethernet header tells nothing. */
export const SNAPLEN_BYTES_MIN = 14;
export const SNAPLEN_BYTES_MAX = 65_535;
/** Several times what libpcap makes 4096 instructions of. */
export const FILTER_CHARACTERS_MAX = 16_384;
/** Beyond, a busy mirror would be silent for minutes. */
export const SAMPLE_MAX = 1_000_000;
/** ERSPAN type II: 10 bits, 20 bits. */
export const ERSPAN_SESSION_MAX = 1023;
export const ERSPAN_INDEX_MAX = 2 ** 20 - 1;
export const ROTATE_BYTES_MIN = 4096;
export const ROTATE_FILES_DEFAULT = 5;
export const ROTATE_FILES_MAX = 1000;
export const SELECT_LIST_MAX = PORTS_MAX;

/** Linux: sun_path, the closing zero included, is 108 bytes. */
export const SOCKET_PATH_BYTES_MAX = 107;
export const FILE_PATH_BYTES_MAX = 4095;

/** A file with every port and mirror that can be is an eighth of this. */
export const CONFIG_FILE_BYTES_MAX = 4 * 1024 * 1024;
/** Beyond these, a file is a different kind of file; the rest of the faults would help nobody. */
export const FAULTS_SHOWN_MAX = 100;
