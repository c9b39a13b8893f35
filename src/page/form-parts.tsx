// What the forms of the page share.
import { useSwitch } from "./hooks.ts";

/** An option for each port, whose value is its bridge and name. */
export function PortOptions() {
  const { status } = useSwitch();
  return (
    <>
      {status?.ports.map(({ bridge, port }) => (
        <option key={`${bridge}/${port}`} value={`${bridge}/${port}`}>
          port {port} ({bridge})
        </option>
      ))}
    </>
  );
}

/** Why the last change failed; nothing where it did not. */
export function Trouble({ text }: { text: string }) {
  if (text === "") return null;
  return (
    <p class="trouble" role="alert">
      {text}
    </p>
  );
}
