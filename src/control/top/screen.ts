// The text of a whole screen -> what a terminal is sent. A line has one look, so that it can be cut anywhere. Pure.

export type Look = "plain" | "bold" | "pointed" | "warning" | "alarm";

export interface Line {
  readonly text: string;
  readonly look: Look;
}

const LOOKS: Readonly<Record<Look, string>> = {
  plain: "",
  bold: "\x1b[1m",
  pointed: "\x1b[7m",
  warning: "\x1b[33m",
  alarm: "\x1b[31m",
};
/** Without colours, what stands out is bold. */
const COLOURLESS: Readonly<Record<Look, string>> = { ...LOOKS, warning: "\x1b[1m", alarm: "\x1b[1m" };

export function line(text: string, look: Look = "plain"): Line {
  return { text, look };
}

/** Draws over what stands there, each line to its end, without a moment of emptiness. */
export function paint(lines: readonly Line[], hasColours: boolean): string {
  const looks = hasColours ? LOOKS : COLOURLESS;
  const painted = lines.map(
    ({ text, look }) => `${looks[look]}${text}${look === "plain" ? "" : "\x1b[0m"}\x1b[K`,
  );
  return `\x1b[H${painted.join("\r\n")}\x1b[J`;
}
