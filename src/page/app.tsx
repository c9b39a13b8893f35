// The page: what the switch is and how it is, its drawing beside the plots of one port, then tables.
import { useState } from "preact/hooks";
import { BridgeDrawing } from "./bridge-drawing.tsx";
import { Capture } from "./capture.tsx";
import { Drops } from "./drops.tsx";
import { Events } from "./events.tsx";
import { Fdb } from "./fdb.tsx";
import { Header } from "./header.tsx";
import { Health } from "./health.tsx";
import { useScheme, useSwitch } from "./hooks.ts";
import { Hosts } from "./hosts.tsx";
import { Mirrors } from "./mirrors.tsx";
import { PortPanel } from "./port-panel.tsx";
import { PortTable } from "./port-table.tsx";
import { portKey } from "./rates.ts";
import { Talkers } from "./talkers.tsx";

export function App() {
  const { link, status } = useSwitch();
  const { scheme, turn } = useScheme();
  const [chosen, setChosen] = useState<string | null>(null);
  const ports = status?.ports ?? [];
  const selected = ports.find((port) => portKey(port) === chosen) ?? ports[0] ?? null;
  const select = (key: string) => setChosen(key);
  return (
    <div class={link === "live" ? "app" : "app stale"}>
      <Header scheme={scheme} onTurn={turn} />
      {status !== null && (
        <main>
          <div class="stage">
            <section class="card drawing" aria-label="The switch">
              {status.bridges.map(({ bridge }) => (
                <BridgeDrawing
                  key={bridge}
                  bridge={bridge}
                  selected={selected && portKey(selected)}
                  onSelect={select}
                />
              ))}
            </section>
            {selected !== null && <PortPanel key={portKey(selected)} port={selected} scheme={scheme} />}
          </div>
          <PortTable selected={selected && portKey(selected)} onSelect={select} />
          <div class="columns">
            <Drops />
            <Health />
          </div>
          <Talkers />
          <Mirrors />
          <Capture />
          <Fdb />
          <Hosts />
          <Events />
        </main>
      )}
    </div>
  );
}
