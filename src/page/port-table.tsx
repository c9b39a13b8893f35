// Every port with its counters, exactly as `show ports` has them, and what passes it now.
import { useState } from "preact/hooks";
import type { PortView } from "../control/server/views.ts";
import { bitRate, grouped, packetRate } from "./format.ts";
import { useSwitch } from "./hooks.ts";
import { farEnd, stateOf } from "./port-words.ts";
import { type PortCounters, type PortRates, portKey, total } from "./rates.ts";
import { Rest, ROWS_MAX, TableCard } from "./table-card.tsx";

const COUNTER_COLUMNS = ["In", "Out", "Packets in", "Bytes in", "Packets out", "Bytes out", "Drops"];
/** So many are seen at a glance. */
const PORTS_WITHOUT_SEARCH = 12;

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
    <TableCard
      label="Ports"
      heading={
        <>
          Ports <small>{ports.length}</small>
        </>
      }
      search={
        ports.length > PORTS_WITHOUT_SEARCH
          ? { label: "search ports", placeholder: "name, address, VNI", onInput: setSearch }
          : null
      }
      columns={["Port", "State", "Far end", ...COUNTER_COLUMNS.map((number) => ({ number }))]}
      rows={found
        .slice(0, ROWS_MAX)
        .map((port) => (
          <Row
            key={portKey(port)}
            port={port}
            counters={counters.get(portKey(port))}
            rates={rates.get(portKey(port))}
            isSelected={portKey(port) === selected}
            onSelect={onSelect}
          />
        ))}
    >
      <Rest found={found.length} />
    </TableCard>
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
