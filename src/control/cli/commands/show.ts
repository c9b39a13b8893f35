// `vxswitch show`: what the running switch is and counts; tables for people, --json for programs.
import { Argument, type Command } from "commander";
import { type Client, clientFor } from "../client.ts";
import { hostsText } from "../hosts-text.ts";
import type { Io } from "../io.ts";
import * as text from "../show-text.ts";

interface View {
  /** Where the API has it. */
  readonly path: string;
  /** For people. */
  render(answer: never): string | Promise<string>;
}

const VIEWS: Readonly<Record<string, View>> = {
  overview: { path: "/v1/status", render: text.overviewText },
  ports: { path: "/v1/ports", render: text.portsText },
  fdb: { path: "/v1/fdb", render: text.fdbText },
  hosts: { path: "/v1/hosts", render: hostsText },
  mirrors: { path: "/v1/mirrors", render: text.mirrorsText },
  drops: { path: "/v1/drops", render: dropsText },
  vteps: { path: "/v1/vteps", render: text.vtepsText },
};

/** Adds `show` to the program. */
export function registerShow(program: Command, io: Io): void {
  const subjects = [...Object.keys(VIEWS).filter((name) => name !== "overview"), "config"];
  program
    .command("show")
    .description("show the running switch; without a subject, an overview")
    .addArgument(new Argument("[subject]", "what to show").choices(subjects))
    .option("--json", "for programs")
    .action(async (subject: string | undefined, { json = false }: { json?: boolean }, command: Command) => {
      const client = clientFor(command, io);
      io.out(subject === "config" ? await showConfig(client, json) : await show(client, subject, json));
    });
}

async function show(client: Client, subject = "overview", json: boolean): Promise<string> {
  const { path, render } = VIEWS[subject]!;
  const answer = await client.ask<never>("GET", path);
  return json ? inJson(answer) : render(answer);
}

/** It reads frames, which no other subject does. */
async function dropsText(answer: never): Promise<string> {
  const drops = await import("../drops-text.ts");
  return drops.dropsText(answer);
}

async function showConfig(client: Client, json: boolean): Promise<string> {
  const { config, yaml } = await client.ask<{ config: unknown; yaml: string }>("GET", "/v1/config");
  return json ? inJson(config) : yaml;
}

function inJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
