// Every port with its counters, exactly as `show ports` has them, and what passes it now.
import { useState } from "preact/hooks";
import type { PortView } from "../control/server/views.ts";
import { bitRate, grouped, packetRate } from "./format.ts";
import { useSwitch } from "./hooks.ts";
import { farEnd, stateOf } from "./port-words.ts";
import { type PortCounters, type PortRates, portKey, total } from "./rates.ts";

/** Rows that are shown at once. */
const ROWS_MAX = 200;

interface Props {
  readonly selected: string | null;
  readonly onSelect: (key: string) => void;
}

export function PortTable({ selected, onSelect }: Props) {
  const { status, live, rates } = useSwitch();
  const [search, setSearch] = useState("");
  const counters = new Map(live?.ports.map((row) => [portKey(row), row]));
  const ports = status?.ports ?? [];
  const wanted = search.trim().toLowerCase();
  const found = ports.filter((port) => `${portKey(port)} ${farEnd(port)}`.toLowerCase().includes(wanted));
  return (
    <section class="card" aria-label="Ports">
      <div class="head">
        <h2>
          Ports <small>{ports.length}</small>
        </h2>
        {ports.length > 12 && (
          <input
            type="search"
            aria-label="search ports"
            placeholder="name, address, VNI"
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        )}
      </div>
      <div class="scroll tall">
        <table>
          <thead>
            <tr>
              <th>Port</th>
              <th>State</th>
              <th>Far end</th>
              <th class="number">In</th>
              <th class="number">Out</th>
              <th class="number">Packets in</th>
              <th class="number">Bytes in</th>
              <th class="number">Packets out</th>
              <th class="number">Bytes out</th>
              <th class="number">Drops</th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, ROWS_MAX).map((port) => (
              <Row
                key={portKey(port)}
                port={port}
                counters={counters.get(portKey(port))}
                rates={rates.get(portKey(port))}
                isSelected={portKey(port) === selected}
                onSelect={onSelect}
              />
            ))}
          </tbody>
        </table>
      </div>
      {found.length > ROWS_MAX && (
        <p class="quiet">{found.length - ROWS_MAX} more; search narrows them down.</p>
      )}
    </section>
  );
}

interface RowProps {
  readonly port: PortView;
  readonly counters: PortCounters | undefined;
  readonly rates: PortRates | undefined;
  readonly isSelected: boolean;
  readonly onSelect: (key: string) => void;
}

function Row({ port, counters, rates, isSelected, onSelect }: RowProps) {
  const state = stateOf(port);
  const count = (name: "rx_packets" | "rx_bytes" | "tx_packets" | "tx_bytes") => (
    <td class="number" data-counter={name}>
      {grouped(counters?.[name] ?? 0)}
    </td>
  );
  return (
    <tr class={isSelected ? "selected" : ""} data-port={portKey(port)}>
      <th scope="row">
        <button type="button" class="link" onClick={() => onSelect(portKey(port))}>
          {port.port}
        </button>{" "}
        <small>{port.bridge}</small>
      </th>
      <td class={state === "up" ? "good-text" : "trouble"} title={port.reason}>
        {state === "up" ? "✓ up" : `✕ ${state}`}
      </td>
      <td>{farEnd(port)}</td>
      <td class="number">
        {packetRate(rates?.rxPackets ?? 0)} <small>{bitRate(rates?.rxBytes ?? 0)}</small>
      </td>
      <td class="number">
        {packetRate(rates?.txPackets ?? 0)} <small>{bitRate(rates?.txBytes ?? 0)}</small>
      </td>
      {count("rx_packets")}
      {count("rx_bytes")}
      {count("tx_packets")}
      {count("tx_bytes")}
      <td class="number" data-counter="drops">
        {grouped(total(counters?.drops ?? {}))}
      </td>
    </tr>
  );
}
