// How the switch is: what keeps it from being ready, its threads, its underlay and its paths.
import { duration, grouped } from "./format.ts";
import { useSwitch } from "./hooks.ts";

export function Health() {
  const { status, live } = useSwitch();
  if (status === null || live === null) return null;
  const workers = live.workers.map((count) => grouped(count)).join(" · ");
  return (
    <section class="card" id="health" aria-label="Health">
      <h2>Health</h2>
      {live.obstacles.map((obstacle) => (
        <p key={obstacle} class="trouble">
          ✕ {obstacle}
        </p>
      ))}
      {live.obstacles.length === 0 && <p class="good-text">✓ forwards on all ports</p>}
      <dl class="facts-list">
        <Fact name="underlay" text={status.underlay.io} note={status.underlay.reason} />
        <Fact name="datagrams received" text={grouped(live.underlay.rx_packets)} />
        <Fact
          name="overruns"
          text={grouped(live.underlay.rx_overruns)}
          loud={live.underlay.rx_overruns > 0}
        />
        <Fact name="path changes" text={grouped(live.underlay.path_changes)} />
        <Fact name="forwarding threads" text={`${live.workers.length}`} note={`${workers} frames received`} />
        <Fact
          name="restarts of threads"
          text={grouped(live.worker_restarts)}
          loud={live.worker_restarts > 0}
        />
        <Fact name="learning drops" text={grouped(live.learning_drops)} loud={live.learning_drops > 0} />
        {live.bridges.map(({ bridge, fdb_entries, fdb_moved, fdb_evicted, flood_copies }) => (
          <Fact
            key={bridge}
            name={`bridge ${bridge}`}
            text={`${grouped(fdb_entries)} addresses`}
            note={`${grouped(fdb_moved)} moved, ${grouped(fdb_evicted)} evicted, ${grouped(flood_copies)} flood copies`}
          />
        ))}
        {status.vteps.map(({ remote, local, dstport, path_mtu, overlay_mtu, vnis }) => (
          <Fact
            key={`${local} ${remote} ${dstport}`}
            name={`VTEP ${remote}`}
            text={`path MTU ${path_mtu ?? "–"}`}
            note={`inside ${overlay_mtu ?? "–"}, VNI ${vnis.join(", ")}`}
          />
        ))}
        {status.ports
          .filter((port) => port.quarantined_seconds_left > 0)
          .map((port) => (
            <Fact
              key={port.port}
              name={`port ${port.port}`}
              text={`quarantined, ${duration(port.quarantined_seconds_left)} left`}
              loud
            />
          ))}
      </dl>
    </section>
  );
}

interface FactProps {
  readonly name: string;
  readonly text: string;
  readonly note?: string;
  readonly loud?: boolean;
}

function Fact({ name, text, note = "", loud = false }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span class={loud ? "warn" : ""}>{text}</span> {note !== "" && <small>{note}</small>}
      </dd>
    </div>
  );
}
