// A capture to download: so many frames of a port or of all, with what became of each, for who has the token.
import { useRef, useState } from "preact/hooks";
import { ask, sentence } from "./api.ts";
import { PortOptions, Trouble } from "./form-parts.tsx";
import { grouped } from "./format.ts";
import { useSwitch } from "./hooks.ts";
import { whyLocked } from "./locked.ts";

const FRAMES_USUAL = 1000;
const FRAMES_MAX = 100_000;
/** What a tab is to hold; the capture ends there. */
const BYTES_MAX = 64 * 1024 * 1024;

export function Capture() {
  const { rights } = useSwitch();
  const [progress, setProgress] = useState<string | null>(null);
  const [trouble, setTrouble] = useState("");
  const stop = useRef<AbortController | null>(null);
  const why = whyLocked(rights);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const words = new FormData(event.currentTarget as HTMLFormElement);
    stop.current = new AbortController();
    setTrouble("");
    setProgress("waits for frames");
    try {
      const chunks = await receive(query(words), stop.current.signal, (bytes) =>
        setProgress(`${grouped(bytes)} bytes`),
      );
      save(chunks);
    } catch (error) {
      setTrouble(sentence(error));
    }
    setProgress(null);
  };
  return (
    <section class="card" aria-label="Capture">
      <h2>Capture</h2>
      <form class="line-form" onSubmit={submit}>
        <fieldset disabled={why !== null || progress !== null} title={why ?? ""}>
          <select name="port" aria-label="what to capture">
            <option value="">all, drops included</option>
            <PortOptions />
          </select>
          <input name="filter" placeholder="filter, as for tcpdump" aria-label="capture filter" size={18} />
          <input
            name="count"
            type="number"
            aria-label="frames"
            min={1}
            max={FRAMES_MAX}
            value={FRAMES_USUAL}
            required
          />
          <button type="submit">Capture</button>
        </fieldset>
        {progress !== null && (
          <>
            <button type="button" onClick={() => stop.current?.abort()}>
              Stop and save
            </button>
            <output>{progress}</output>
          </>
        )}
      </form>
      {why !== null && <p class="quiet">{why}</p>}
      <Trouble text={trouble} />
    </section>
  );
}

function query(words: FormData): string {
  const pairs = ["port", "filter", "count"]
    .map((word): [string, string] => [word, String(words.get(word) ?? "").trim()])
    .filter(([, value]) => value !== "");
  return `capture?${new URLSearchParams(pairs)}`;
}

/** What came until the end, or until it was stopped. */
async function receive(
  path: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<BlobPart[]> {
  const chunks: BlobPart[] = [];
  let bytes = 0;
  try {
    const reader = (await ask(path, { signal })).body?.getReader();
    while (reader && bytes < BYTES_MAX) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      bytes += value.length;
      onBytes(bytes);
    }
    await reader?.cancel();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return chunks;
}

function save(chunks: BlobPart[]): void {
  const url = URL.createObjectURL(new Blob(chunks, { type: "application/x-pcapng" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "vxswitch.pcapng";
  link.click();
  URL.revokeObjectURL(url);
}
