// What was dropped, where and why: each reason with the sentence that explains it.
import type { DropView } from "../control/server/views.ts";
import { grouped, packetRate } from "./format.ts";
import { usePolled, useSwitch } from "./hooks.ts";
import { portKey } from "./rates.ts";

const ROWS_MAX = 100;

export function Drops() {
  const { live, rates } = useSwitch();
  const { value } = usePolled<DropView[]>("drops", 3000);
  const counted = new Map(live?.ports.map((row) => [portKey(row), row.drops]));
  const rows = (value ?? []).map((row) => {
    const drops =
      row.port === "underlay" && row.bridge === "" ? live?.underlay.drops : counted.get(portKey(row));
    return {
      ...row,
      count: drops?.[row.reason] ?? row.count,
      rate: rates.get(portKey(row))?.drops[row.reason] ?? 0,
    };
  });
  rows.sort((left, right) => right.rate - left.rate || right.count - left.count);
  return (
    <section class="card" aria-label="Drops">
      <h2>Drops</h2>
      {rows.length === 0 ? (
        <p class="quiet">Nothing has been dropped.</p>
      ) : (
        <ul class="rows">
          {rows.slice(0, ROWS_MAX).map(({ bridge, port, reason, count, rate, text }) => (
            <li key={`${bridge}/${port} ${reason}`}>
              <div class="row-head">
                <code>{reason}</code>
                <span class="quiet">{bridge === "" ? "before a port was known" : `${port} (${bridge})`}</span>
                <span class="number">
                  {grouped(count)} {rate > 0 && <b class="warn">{packetRate(rate)}</b>}
                </span>
              </div>
              <p class="quiet">{text}</p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
