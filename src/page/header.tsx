// The line at the top: which switch this is, whether it is ready, what passes it in all, and how the connection is.
import { useState } from "preact/hooks";
import { sentence } from "./api.ts";
import { bitRate, clock, packetRate } from "./format.ts";
import { useStore, useSwitch } from "./hooks.ts";
import { total } from "./rates.ts";
import type { State } from "./store.ts";

export function Header({ scheme, onTurn }: { scheme: string; onTurn: () => void }) {
  const state = useSwitch();
  const { status, live } = state;
  return (
    <header>
      <h1>
        vxswitch <small>{status?.version}</small>
      </h1>
      <Readiness state={state} />
      <Totals state={state} />
      <div class="tools">
        {live !== null && status !== null && (
          <span class="quiet">
            underlay <b>{status.underlay.io}</b>
          </span>
        )}
        <TokenButton />
        <button
          type="button"
          onClick={onTurn}
          aria-label={`change to ${scheme === "dark" ? "light" : "dark"} colours`}
        >
          {scheme === "dark" ? "☀ light" : "☾ dark"}
        </button>
      </div>
      <Connection state={state} />
    </header>
  );
}

function Readiness({ state: { live } }: { state: State }) {
  if (live === null) return null;
  const count = live.obstacles.length;
  return count === 0 ? (
    <span class="badge good" data-testid="ready">
      ✓ ready
    </span>
  ) : (
    <a class="badge bad" href="#health" data-testid="ready">
      ✕ {count} {count === 1 ? "obstacle" : "obstacles"}
    </a>
  );
}

function Totals({ state: { rates } }: { state: State }) {
  let packets = 0;
  let bytes = 0;
  let drops = 0;
  for (const rate of rates.values()) {
    packets += rate.rxPackets;
    bytes += rate.rxBytes;
    drops += total(rate.drops);
  }
  return (
    <dl class="totals">
      <Figure name="received" text={packetRate(packets)} />
      <Figure name="" text={bitRate(bytes)} />
      <Figure name="dropped" text={packetRate(drops)} loud={drops > 0} />
    </dl>
  );
}

function Figure({ name, text, loud = false }: { name: string; text: string; loud?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={loud ? "warn" : ""}>{text}</dd>
    </div>
  );
}

function Connection({ state: { link, live, trouble } }: { state: State }) {
  const last = live === null ? "" : ` What is shown is of ${clock(live.time_ms)}.`;
  return (
    <p class="connection" role="status" data-link={link} hidden={link === "live"}>
      {link === "lost" ? `No connection: ${trouble}.${last} Trying again.` : "Connecting…"}
    </p>
  );
}

function TokenButton() {
  const store = useStore();
  const { rights } = useSwitch();
  const [open, setOpen] = useState(false);
  const [trouble, setTrouble] = useState("");
  if (!rights.token) return null;
  if (rights.changes) {
    return (
      <button type="button" onClick={() => store.leave()} data-testid="lock">
        Lock
      </button>
    );
  }
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const value = String(new FormData(form).get("token")).trim();
    try {
      await store.enter(value);
      setOpen(false);
      setTrouble("");
    } catch (error) {
      setTrouble(sentence(error));
    }
  };
  if (!open) {
    return (
      <button type="button" onClick={() => setOpen(true)} data-testid="unlock">
        Unlock
      </button>
    );
  }
  return (
    <form class="token" onSubmit={submit}>
      <input
        name="token"
        type="password"
        autocomplete="off"
        aria-label="token"
        placeholder="token"
        required
      />
      <button type="submit">OK</button>
      <button type="button" onClick={() => setOpen(false)}>
        Cancel
      </button>
      {trouble !== "" && <span class="trouble">{trouble}</span>}
    </form>
  );
}
