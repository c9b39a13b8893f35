// Answers of the daemon that do not end by themselves: bytes as they come, and events parsed from them (Server-Sent Events,
// the HTML standard's section 9.2, as much of it as the daemon uses).
import { type IncomingMessage, request } from "node:http";
import { Refusal } from "../refusal.ts";
import { errorIn, failureSentence } from "./client.ts";

/** How long the daemon may take to begin its answer. */
const ANSWER_MS_MAX = 30_000;

/** Asks for a stream at a socket path; it ends when the daemon ends it, or `signal` says so. Throws a Refusal. */
export async function* stream(socketPath: string, path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const response = await open(socketPath, path, signal);
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    // A daemon that dies ends its streams too.
    if (!signal.aborted && (error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
  }
}

/** The data of each event in a stream, as JSON. */
export async function* eventsIn<T>(chunks: AsyncIterable<Buffer>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    const whole = text.split("\n\n");
    text = whole.pop() ?? "";
    for (const event of whole) {
      const data = event.split("\n").find((line) => line.startsWith("data: "));
      if (data !== undefined) yield JSON.parse(data.slice("data: ".length)) as T;
    }
  }
}

function open(socketPath: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  const daemon = { socketPath, answerMs: ANSWER_MS_MAX };
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new Refusal(failureSentence(daemon, error)));
    const sent = request({ agent: false, socketPath, path, signal, timeout: ANSWER_MS_MAX }, (response) => {
      sent.setTimeout(0);
      if (response.statusCode === 200) resolve(response);
      else void refusalOf(response).then((refusal) => reject(refusal), fail);
    });
    sent.on("timeout", () => sent.destroy(Object.assign(new Error("timeout"), { name: "TimeoutError" })));
    sent.on("error", fail);
    sent.end();
  });
}

async function refusalOf(response: IncomingMessage): Promise<Refusal> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const sentence = errorIn(Buffer.concat(chunks).toString("utf8"));
  return new Refusal(sentence ?? `the daemon answered ${response.statusCode}`);
}
