// What the steps of the demo share: the lab, the switch once it is started, and how a step says that something is wrong.
import { Refusal } from "../refusal.ts";
import type { Lab } from "./lab.ts";
import type { SwitchProcess } from "./switch-process.ts";
import { addressOf } from "./topology.ts";

export interface DemoScene {
  readonly lab: Lab;
  /** Holds the files of the switch, and is removed after the demo. */
  readonly directory: string;
  readonly startSwitch: () => SwitchProcess;
  /** null before the switch is started. */
  running: SwitchProcess | null;
}

export interface DemoStep {
  readonly title: string;
  /** The lines that a reader is to see; rejects with a Refusal if what the title claims is not so. */
  readonly show: (scene: DemoScene) => Promise<string[]>;
}

export function theSwitch({ running }: DemoScene): SwitchProcess {
  if (running === null) throw new Error("no step needs the switch before it is started");
  return running;
}

/** Refuses with `otherwise` unless the condition holds. */
export function need(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Refusal(otherwise);
}

/** The overlay address of a client by its index. */
export function overlayAddress(lab: Lab, clientIndex: number): string {
  return addressOf(lab.clients[clientIndex].spec.cables[0].addresses[0]);
}

/** The lines of a text that hold anything, indented. */
export function lines(text: string, indent = ""): string[] {
  const filled = text.split("\n").filter((line) => line.trim() !== "");
  return filled.map((line) => indent + line);
}
