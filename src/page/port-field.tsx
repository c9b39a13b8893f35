// A bridge with too many ports for a drawing: one cell a port, darker the more frames pass, with a mark where it is down.
import type { PortView } from "../control/server/views.ts";
import { packetRate } from "./format.ts";
import { farEnd, stateOf } from "./port-words.ts";
import { type PortRates, portKey } from "./rates.ts";
import { weightOf } from "./weight.ts";

interface Props {
  readonly ports: readonly PortView[];
  readonly rates: ReadonlyMap<string, PortRates>;
  readonly selected: string | null;
  readonly onSelect: (key: string) => void;
}

export function PortField({ ports, rates, selected, onSelect }: Props) {
  return (
    <div class="field">
      {ports.map((port) => {
        const key = portKey(port);
        const { rxPackets = 0, txPackets = 0 } = rates.get(key) ?? {};
        const label = `${port.port}, ${stateOf(port)}, ${farEnd(port)}: in ${packetRate(rxPackets)}, out ${packetRate(txPackets)}`;
        return (
          <button
            type="button"
            key={key}
            class={`cell ${stateOf(port)}`}
            aria-pressed={key === selected}
            aria-label={label}
            title={label}
            onClick={() => onSelect(key)}
            style={{ "--weight": weightOf(rxPackets + txPackets).toFixed(2) }}
          >
            {stateOf(port) === "up" ? "" : "✕"}
          </button>
        );
      })}
    </div>
  );
}
