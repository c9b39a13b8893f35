// Mirrors: what each selects, where it goes and what it lost; started and stopped by who has the token.
import { useState } from "preact/hooks";
import { ask, sentence } from "./api.ts";
import { PortOptions, Trouble } from "./form-parts.tsx";
import { grouped } from "./format.ts";
import { useStore, useSwitch } from "./hooks.ts";
import { LOCKED, whyLocked } from "./locked.ts";

export function Mirrors() {
  const store = useStore();
  const { status, live, rights } = useSwitch();
  const [trouble, setTrouble] = useState("");
  const counters = new Map(live?.mirrors.map((row) => [`${row.bridge}/${row.mirror}`, row]));
  const why = whyLocked(rights);
  const change = async (path: string, init: RequestInit) => {
    try {
      const outcome = (await (await ask(path, init)).json()) as { warnings: string[] };
      setTrouble(outcome.warnings.join(" "));
      await store.refresh();
      return true;
    } catch (error) {
      setTrouble(sentence(error));
      return false;
    }
  };
  return (
    <section class="card" aria-label="Mirrors">
      <h2>Mirrors</h2>
      <div class="scroll">
        <table>
          <tbody>
            {status?.mirrors.map((mirror) => {
              const counted = counters.get(`${mirror.bridge}/${mirror.mirror}`);
              const path = mirrorPath(mirror.bridge, mirror.mirror);
              return (
                <tr key={path} data-mirror={`${mirror.bridge}/${mirror.mirror}`}>
                  <th scope="row">
                    {mirror.mirror} <small>{mirror.bridge}</small>
                  </th>
                  <td class={mirror.state === "up" ? "good-text" : "trouble"} title={mirror.reason}>
                    {mirror.state === "up" ? "✓ up" : "✕ down"}
                  </td>
                  <td>
                    {Object.entries(mirror.select)
                      .map(([word, value]) => `${word}=${value}`)
                      .join(" ")}
                  </td>
                  <td>→ {mirror.output}</td>
                  <td class="number">{grouped(counted?.packets ?? 0)} packets</td>
                  <td class="number">
                    <span class={counted?.drops ? "warn" : ""}>{grouped(counted?.drops ?? 0)} lost</span>
                  </td>
                  <td>
                    <button
                      type="button"
                      disabled={why !== null}
                      title={why ?? ""}
                      onClick={() => change(path, { method: "DELETE" })}
                    >
                      Stop
                    </button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <MirrorForm onStart={(bridge, name, words) => change(mirrorPath(bridge, name), put(words))} why={why} />
      {why !== null && (
        <p class="quiet" data-testid={LOCKED}>
          {why}
        </p>
      )}
      <Trouble text={trouble} />
    </section>
  );
}

function mirrorPath(bridge: string, name: string): string {
  return `bridges/${encodeURIComponent(bridge)}/mirrors/${encodeURIComponent(name)}`;
}

function put(words: object): RequestInit {
  return { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(words) };
}

interface FormProps {
  readonly why: string | null;
  readonly onStart: (bridge: string, name: string, words: object) => Promise<boolean>;
}

/** A mirror to a TAP of the switch's machine, of all frames or those of one port. */
function MirrorForm({ why, onStart }: FormProps) {
  const { status } = useSwitch();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const word = (name: string) => String(data.get(name) ?? "").trim();
    const [bridge, port] = word("what").split("/") as [string, string | undefined];
    const selection = port ? { select_src_port: [port], select_dst_port: [port] } : { select_all: true };
    const filter = word("filter") === "" ? {} : { filter: word("filter") };
    const output = { tap: word("tap") };
    if (await onStart(bridge, word("name"), { ...selection, ...filter, output })) form.reset();
  };
  return (
    <form class="line-form" onSubmit={submit}>
      <fieldset disabled={why !== null} title={why ?? ""}>
        <input name="name" placeholder="name" aria-label="name of the mirror" required size={8} />
        <select name="what" aria-label="what it selects">
          {status?.bridges.map(({ bridge }) => (
            <option key={bridge} value={bridge}>
              all of {bridge}
            </option>
          ))}
          <PortOptions />
        </select>
        <input name="filter" placeholder="filter, as for tcpdump" aria-label="filter" size={18} />
        <input name="tap" placeholder="TAP device" aria-label="TAP device" required size={11} />
        <button type="submit">Start</button>
      </fieldset>
    </form>
  );
}
