// Who talks with whom (GET /v1/talkers): asked for only while the card is open, since the switch then looks at frames.
import { useState } from "preact/hooks";
import type { TalkersView, TalkerView } from "../control/activity/talkers-view.ts";
import { bitRate, packetRate } from "./format.ts";
import { usePolled, useSwitch } from "./hooks.ts";
import { TableCard } from "./table-card.tsx";

const SHOWN = 20;
const EVERY_MS = 2000;

export function Talkers() {
  const [isOpen, setOpen] = useState(false);
  if (!useSwitch().routes.has("/v1/talkers")) return null;
  return isOpen ? <Table onClose={() => setOpen(false)} /> : <Closed onOpen={() => setOpen(true)} />;
}

function Closed({ onOpen }: { onOpen: () => void }) {
  return (
    <section class="card" aria-label="Talkers">
      <div class="head">
        <h2>Talkers</h2>
        <button type="button" onClick={onOpen}>
          show who talks with whom
        </button>
      </div>
    </section>
  );
}

function Table({ onClose }: { onClose: () => void }) {
  const { value } = usePolled<TalkersView>(`talkers?limit=${SHOWN}`, EVERY_MS);
  return (
    <TableCard
      label="Talkers"
      heading={
        <>
          Talkers <small>{value === undefined ? "" : basis(value)}</small>
        </>
      }
      search={null}
      columns={["From", "To", "VLAN", { number: "Frames" }, { number: "Bits" }]}
      rows={value?.talkers.map((talker) => (
        <Row key={`${talker.bridge} ${talker.vlan} ${talker.source} ${talker.destination}`} talker={talker} />
      ))}
    >
      <button type="button" onClick={onClose}>
        hide
      </button>
    </TableCard>
  );
}

/** What the figures stand on. */
function basis({ seconds, sampled_frames }: TalkersView): string {
  return `the last ${Math.round(seconds)} s, from ${sampled_frames} frames`;
}

function Row({ talker: { bridge, vlan, source, destination, packets, bytes } }: { talker: TalkerView }) {
  return (
    <tr>
      <th scope="row">
        <code>{source}</code> <small>{bridge}</small>
      </th>
      <td>
        <code>{destination}</code>
      </td>
      <td>{vlan === 0 ? "" : vlan}</td>
      <td class="number">{packetRate(packets)}</td>
      <td class="number">{bitRate(bytes)}</td>
    </tr>
  );
}
