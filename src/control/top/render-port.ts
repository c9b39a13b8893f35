// One port of `vxswitch top`, looked at closely: what it is, its last minute, what it drops and why, who is behind it. Pure.
import type { PortView } from "../server/views.ts";
import { UNDERLAY } from "./rows.ts";
import { type Line, line } from "./screen.ts";
import { chart, maxOf, type Values } from "./sparkline.ts";
import type { PortDetail, TopState } from "./state.ts";
import { bitsText } from "./units.ts";

const CHART_HEIGHT = 4;
const CHART_WIDTH_MAX = 60;
const ADDRESSES_MAX = 10;

/** The lines below the header. */
export function renderPort({ look, selected }: TopState, width: number, isUnicode: boolean): Line[] {
  if (look === null || selected === null) return [];
  const { rates } = look;
  const row = rates.ports.find(({ bridge, port }) => `${bridge}/${port}` === selected);
  if (selected !== UNDERLAY && row === undefined)
    return [line(""), line(`${selected} is there no longer`, "warning")];
  const detail = look.detail?.key === selected ? look.detail : null;
  const minute = rates.sparklines?.find(({ bridge, port }) => `${bridge}/${port}` === selected);
  const speed = row?.speed_bits_per_second;
  const device = row?.device ? `, by ${row.device}${speed ? ` at ${bitsText(speed / 8)}` : ""}` : "";
  const isDown = row?.state === "down";
  return [
    line(""),
    line(`${selected}${device}${isDown ? ` is down: ${row.reason}` : ""}`, isDown ? "alarm" : "bold"),
    ...(detail?.port ? [line(wordsOf(detail.port))] : []),
    ...(row ? [line(`received ${rateText(row.rates.rx_packets, row.rates.rx_bytes)}`)] : []),
    ...(minute ? chartLines(minute.rx_packets, width, isUnicode) : []),
    ...(row ? [line(`delivered ${rateText(row.rates.tx_packets, row.rates.tx_bytes)}`)] : []),
    ...(minute ? chartLines(minute.tx_packets, width, isUnicode) : []),
    ...dropLines((row ?? rates.underlay).drops),
    ...(detail ? addressLines(detail) : []),
  ];
}

function wordsOf({ type, vni, remote, local, dstport, mtu, impair_held: held }: PortView): string {
  const words = { type, vni, remote, local, dstport, mtu, held: held === 0 ? null : held };
  const known = Object.entries(words).filter(([, value]) => value !== null);
  return known.map(([word, value]) => `${word} ${value}`).join("  ");
}

function rateText(packets: number | null, bytes: number | null): string {
  return packets === null || bytes === null ? "-" : `${packets.toFixed(2)} pck/s, ${bitsText(bytes)}`;
}

function chartLines(values: Values, width: number, isUnicode: boolean): Line[] {
  const scale = maxOf(values).toFixed(0);
  const chartWidth = Math.max(1, Math.min(CHART_WIDTH_MAX, width - scale.length - 3));
  return chart(values, chartWidth, CHART_HEIGHT, isUnicode).map((text, i) =>
    line(`${(i === 0 ? scale : i === CHART_HEIGHT - 1 ? "0" : "").padStart(scale.length)} |${text}`),
  );
}

function dropLines(drops: Readonly<Record<string, number | null>>): Line[] {
  const rows = Object.entries(drops).sort(([, one], [, other]) => (other ?? 0) - (one ?? 0));
  if (rows.length === 0) return [line("no drops")];
  return [
    line("DROP REASON                 drop/s", "bold"),
    ...rows.map(([reason, rate]) =>
      line(
        `${reason.padEnd(24)}${(rate === null ? "-" : rate.toFixed(2)).padStart(10)}`,
        rate ? "warning" : "plain",
      ),
    ),
  ];
}

function addressLines({ addresses }: PortDetail): Line[] {
  if (addresses.length === 0) return [];
  return [
    line("ADDRESS            VLAN  AGE     REMOTE", "bold"),
    ...addresses.slice(0, ADDRESSES_MAX).map(({ mac, vlan, age_seconds: age, static: isStatic, remote }) => {
      const when = isStatic ? "static" : `${age}s`;
      return line(`${mac}  ${String(vlan).padStart(4)}  ${when.padEnd(6)}  ${remote ?? "-"}`);
    }),
    ...(addresses.length > ADDRESSES_MAX ? [line("and more: vxswitch show fdb")] : []),
  ];
}
