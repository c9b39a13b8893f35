// The drawing of one bridge: ports on both sides with their far ends, frames as moving weight on the lines to it, mirrors
// as taps below. A bridge with very many ports is a field of cells.
import type { PortView } from "../control/server/views.ts";
import { bitRate, grouped, packetRate } from "./format.ts";
import { useSwitch, useWidth } from "./hooks.ts";
import { DRAWN_PORTS_MAX, type PlacedMirror, type PlacedPort, place, shortened } from "./layout.ts";
import { Line } from "./line.tsx";
import { PortField } from "./port-field.tsx";
import { farEnd, stateOf } from "./port-words.ts";
import { type PortRates, portKey, total } from "./rates.ts";
import type { State } from "./store.ts";

interface Props {
  readonly bridge: string;
  readonly selected: string | null;
  readonly onSelect: (key: string) => void;
}

type MirrorRow = NonNullable<State["status"]>["mirrors"][number];

export function BridgeDrawing({ bridge, selected, onSelect }: Props) {
  const { status, rates, live } = useSwitch();
  const { ref, width } = useWidth();
  const ports = status?.ports.filter((port) => port.bridge === bridge) ?? [];
  const mirrors = status?.mirrors.filter((mirror) => mirror.bridge === bridge) ?? [];
  const counters = live?.bridges.find((row) => row.bridge === bridge);
  const isField = ports.length > DRAWN_PORTS_MAX;
  const drawing = place(Math.max(width, 280), isField ? [] : ports, mirrors);
  return (
    <div ref={ref}>
      {isField && <PortField ports={ports} rates={rates} selected={selected} onSelect={onSelect} />}
      {width > 0 && !isField && (
        <svg
          width={drawing.width}
          height={drawing.height}
          role="group"
          aria-label={`Bridge ${bridge} and its ports`}
        >
          {drawing.ports.map((placed) => (
            <PortLine key={portKey(placed.port)} placed={placed} rates={rates.get(portKey(placed.port))} />
          ))}
          {drawing.mirrors.map((placed) => (
            <MirrorTap key={placed.mirror.mirror} placed={placed} />
          ))}
          <rect class="bridge" rx="8" {...drawing.bridge} />
          <text class="bridge-name" x={drawing.bridge.x + drawing.bridge.width / 2} y={drawing.bridge.y + 24}>
            {shortened(bridge, 10)}
          </text>
          <text class="bridge-note" x={drawing.bridge.x + drawing.bridge.width / 2} y={drawing.bridge.y + 42}>
            FDB {grouped(counters?.fdb_entries ?? 0)}
          </text>
          {drawing.ports.map((placed) => (
            <PortBox
              key={portKey(placed.port)}
              placed={placed}
              rates={rates.get(portKey(placed.port))}
              isSelected={portKey(placed.port) === selected}
              onSelect={onSelect}
            />
          ))}
        </svg>
      )}
    </div>
  );
}

function PortLine({ placed, rates }: { placed: PlacedPort<PortView>; rates: PortRates | undefined }) {
  const isDown = placed.port.state === "down";
  return (
    <g>
      <path class={isDown ? "cable down" : "cable"} d={placed.path} />
      <Line path={placed.path} packets={isDown ? 0 : (rates?.rxPackets ?? 0)} kind="rx" />
      <Line path={placed.path} packets={isDown ? 0 : (rates?.txPackets ?? 0)} kind="tx" />
    </g>
  );
}

interface BoxProps {
  readonly placed: PlacedPort<PortView>;
  readonly rates: PortRates | undefined;
  readonly isSelected: boolean;
  readonly onSelect: (key: string) => void;
}

function PortBox({ placed: { port, box }, rates, isSelected, onSelect }: BoxProps) {
  const key = portKey(port);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onSelect(key);
  };
  const drops = total(rates?.drops ?? {});
  const charactersMax = Math.floor((box.width - 30) / 7.4);
  return (
    // An SVG has no buttons.
    <g
      class={`port ${stateOf(port)}${isSelected ? " selected" : ""}`}
      role="button"
      tabindex={0}
      aria-pressed={isSelected}
      aria-label={`Port ${port.port}, ${stateOf(port)}, ${farEnd(port)}; in ${packetRate(rates?.rxPackets ?? 0)}, out ${packetRate(rates?.txPackets ?? 0)}`}
      onClick={() => onSelect(key)}
      onKeyDown={onKeyDown}
      data-port={key}
    >
      <title>{`${key} · ${farEnd(port)}\nin ${packetRate(rates?.rxPackets ?? 0)}, ${bitRate(rates?.rxBytes ?? 0)}\nout ${packetRate(rates?.txPackets ?? 0)}, ${bitRate(rates?.txBytes ?? 0)}${port.reason && `\n${port.reason}`}`}</title>
      <rect rx="6" {...box} />
      <StateMark port={port} x={box.x + 14} y={box.y + 15} />
      <text x={box.x + 25} y={box.y + 19} class="port-name">
        {shortened(port.port, charactersMax)}
      </text>
      <text x={box.x + 10} y={box.y + 35} class="port-note">
        {shortened(farEnd(port), Math.floor((box.width - 18) / 6.1))}
      </text>
      {drops > 0 && (
        <text x={box.x + box.width - 8} y={box.y + 19} class="port-drops">
          ▾{packetRate(drops)}
        </text>
      )}
    </g>
  );
}

/** Told by form as well as by colour: a disc, a cross, a ring. */
function StateMark({ port, x, y }: { port: PortView; x: number; y: number }) {
  const state = stateOf(port);
  if (state === "down") return <path class="mark" d={`M${x - 4} ${y - 4}l8 8m0-8l-8 8`} />;
  if (state === "quarantined") return <circle class="mark ring" cx={x} cy={y} r="4" />;
  return <circle class="mark" cx={x} cy={y} r="4" />;
}

function MirrorTap({ placed: { mirror, box, path } }: { placed: PlacedMirror<MirrorRow> }) {
  const width = Math.floor((box.width - 16) / 6.4);
  return (
    <g class={`mirror ${mirror.state}`}>
      <title>{`mirror ${mirror.mirror} to ${mirror.output}, ${mirror.state}${mirror.reason && `: ${mirror.reason}`}`}</title>
      <path class="tap" d={path} />
      <rect rx="6" {...box} />
      <text x={box.x + 10} y={box.y + 19}>
        {shortened(`mirror ${mirror.mirror} → ${mirror.output}`, width)}
      </text>
    </g>
  );
}
