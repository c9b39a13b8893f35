// The command line's side of the control socket: one request, one answer. What the daemon refuses, and a daemon that
// is not there, become a Refusal.
import { request } from "node:http";
import type { Command } from "commander";
import { Refusal } from "../refusal.ts";
import type { Io } from "./io.ts";

export const DEFAULT_SOCKET = "/run/vxswitch/vxswitch.sock";
const ANSWER_MS_MAX = 30_000;

export type Method = "GET" | "PUT" | "POST" | "PATCH" | "DELETE";

export interface Client {
  /** Returns the answer's JSON, whose shape is that of the daemon's API. The signal gives up waiting for it. */
  ask<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T>;
}

/** The client for the socket that a command was given. */
export function clientFor(command: Command, io: Io): Client {
  const { socket } = command.optsWithGlobals<{ socket?: string }>();
  return createClient(socketPath(socket, io));
}

/** Where the daemon is asked: what the command line says, the environment, or the usual. */
export function socketPath(option: string | undefined, io: Io): string {
  return option ?? io.env.VXSWITCH_SOCKET ?? DEFAULT_SOCKET;
}

/** A client for a socket path, that waits so long for an answer. */
export function createClient(socketPath: string, answerMs = ANSWER_MS_MAX): Client {
  return {
    async ask<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
      const { status, text } = await send({ socketPath, answerMs, signal }, method, path, body);
      if (status >= 200 && status < 300) return JSON.parse(text) as T;
      throw new Refusal(errorIn(text) ?? `the daemon at ${socketPath} answered ${status}`);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Daemon {
  readonly socketPath: string;
  readonly answerMs: number;
  readonly signal?: AbortSignal | undefined;
}

function send(daemon: Daemon, method: Method, path: string, body: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { socketPath, answerMs } = daemon;
    const fail = (error: NodeJS.ErrnoException) => reject(new Refusal(failureSentence(daemon, error)));
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const timeout = AbortSignal.timeout(answerMs);
    const signal = daemon.signal ? AbortSignal.any([timeout, daemon.signal]) : timeout;
    // No agent: a command asks once or twice, and a connection kept would outlive it.
    const sent = request({ agent: false, socketPath, method, path, headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", fail);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    sent.on("error", fail);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** What went wrong on the way to the daemon, for people. */
export function failureSentence({ socketPath, answerMs }: Daemon, error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT" || error.code === "ECONNREFUSED") {
    return `no daemon answers at ${socketPath}; start one with vxswitch run --config FILE, or name its socket with --socket`;
  }
  if (error.code === "EACCES" || error.code === "EPERM") {
    return `no permission to open ${socketPath}; run as root, or as a member of the socket's group`;
  }
  if (error.name === "AbortError" || error.name === "TimeoutError") {
    return `the daemon at ${socketPath} did not answer within ${answerMs / 1000} seconds`;
  }
  return `the daemon at ${socketPath} cannot be asked: ${error.message}`;
}

/** The sentence in an answer that is a refusal. */
export function errorIn(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === "string" ? error : null;
  } catch {
    return null;
  }
}

/** A path of the API with its variable parts escaped. */
export function apiPath(strings: TemplateStringsArray, ...values: string[]): string {
  return String.raw({ raw: strings }, ...values.map(encodeURIComponent));
}
