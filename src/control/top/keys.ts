// What a terminal sends when keys are pressed -> their names. Pure.

const SEQUENCES: Readonly<Record<string, string>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "\x1b[5~": "pageup",
  "\x1b[6~": "pagedown",
  "\x1b[H": "home",
  "\x1bOH": "home",
  "\x1b[1~": "home",
  "\x1b[F": "end",
  "\x1bOF": "end",
  "\x1b[4~": "end",
  "\x1b": "escape",
  "\r": "enter",
  "\n": "enter",
  " ": "space",
  "\x03": "ctrl-c",
  "\x1a": "ctrl-z",
  "\x0c": "ctrl-l",
};

const ESCAPE = "\x1b";
const PARTS = new RegExp(`${ESCAPE}(?:\\[[0-9;?]*[ -/]*[@-~]|O.)|[\\s\\S]`, "g");

/** The keys in what arrived at once. A sequence that is none of ours is nothing, above all not its letters. */
export function keysIn(text: string): string[] {
  const parts = text.match(PARTS) ?? [];
  return parts.flatMap((part) => SEQUENCES[part] ?? (/^[!-~]$/.test(part) ? part : []));
}
