// The terminal while `vxswitch top` has it: the alternate screen, keys one by one, no cursor. However the program ends (a key, a
// signal, an error of its own, a terminal that is gone), it gives back what it found.
import { writeSync } from "node:fs";
import { keysIn } from "./keys.ts";
import type { Size } from "./render.ts";

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l";
/** When a terminal does not tell its size. */
const USUAL: Size = { columns: 80, rows: 24 };

export interface TerminalStreams {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream & { readonly fd: number };
}

export interface TerminalListener {
  onKey(key: string): void;
  onResize(): void;
}

export class Terminal {
  private readonly streams: TerminalStreams;
  private readonly listener: TerminalListener;
  private isEntered = false;

  constructor(streams: TerminalStreams, listener: TerminalListener) {
    this.streams = streams;
    this.listener = listener;
  }

  enter(): void {
    const { input, output } = this.streams;
    input.setRawMode(true);
    input.setEncoding("latin1");
    input.on("data", this.onData);
    input.resume();
    output.on("resize", this.listener.onResize);
    // Whatever else ends the process, this is run.
    process.on("exit", this.restore);
    process.on("SIGCONT", this.onContinue);
    this.isEntered = true;
    output.write(ENTER);
  }

  get size(): Size {
    const { columns = USUAL.columns, rows = USUAL.rows } = this.streams.output;
    return columns > 0 && rows > 0 ? { columns, rows } : USUAL;
  }

  draw(text: string): void {
    if (this.isEntered) this.streams.output.write(text);
  }

  leave(): void {
    const { input, output } = this.streams;
    this.restore();
    input.off("data", this.onData);
    input.pause();
    output.off("resize", this.listener.onResize);
    process.off("exit", this.restore);
    process.off("SIGCONT", this.onContinue);
  }

  /** Written at once: at the end of a process nothing is written later. */
  private readonly restore = (): void => {
    if (!this.isEntered) return;
    this.isEntered = false;
    const { input, output } = this.streams;
    try {
      input.setRawMode(false);
      writeSync(output.fd, LEAVE);
    } catch {
      // The terminal is gone: there is nothing to give back.
    }
  };

  private readonly onData = (text: string): void => {
    for (const key of keysIn(text)) {
      if (key === "ctrl-z") this.suspend();
      else this.listener.onKey(key);
    }
  };

  private suspend(): void {
    this.restore();
    process.kill(process.pid, "SIGTSTP");
  }

  private readonly onContinue = (): void => {
    if (this.isEntered) return;
    this.isEntered = true;
    this.streams.input.setRawMode(true);
    this.streams.output.write(ENTER);
    this.listener.onResize();
  };
}
