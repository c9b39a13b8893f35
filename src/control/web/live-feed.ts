// The stream of GET /v1/live: one view a second, made once for all who watch, as server-sent events. Nothing waits here:
// who has not read the last view gets none until he has, then the newest; who reads nothing for long is cut off.
import type { WebRefusals } from "./refusals.ts";

/** Far fewer than the listener's connections, so that scrapes and reads always find one. */
export const STREAMS_MAX = 16;
/** Views in a row that a client may not have read, a second each. */
export const UNREAD_VIEWS_MAX = 30;
const EVERY_MS = 1000;
/** How soon a browser comes again whose stream ended. */
const RETRY_MS = 2000;

type Stream = ReadableStreamDefaultController<Uint8Array>;

export class LiveFeed {
  readonly #view: () => unknown;
  readonly #refusals: WebRefusals;
  /** With how many views each has left unread. */
  readonly #streams = new Map<Stream, number>();
  readonly #encoder = new TextEncoder();
  #timer: NodeJS.Timeout | undefined;

  constructor(view: () => unknown, refusals: WebRefusals) {
    this.#view = view;
    this.#refusals = refusals;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** A stream that begins with the view of now; null if there are as many as there may be. */
  open(): ReadableStream<Uint8Array> | null {
    if (this.#streams.size >= STREAMS_MAX) {
      this.#refusals.streams += 1;
      return null;
    }
    let own: Stream;
    return new ReadableStream<Uint8Array>(
      {
        start: (stream) => {
          own = stream;
          stream.enqueue(this.#encoder.encode(`retry: ${RETRY_MS}\n${event(this.#view())}`));
          this.#streams.set(stream, 0);
          this.#timer ??= setInterval(() => this.tell(), EVERY_MS).unref();
        },
        cancel: () => this.#forget(own),
      },
      { highWaterMark: 1 },
    );
  }

  /** Sends everyone the view of now. */
  tell(): void {
    const bytes = this.#encoder.encode(event(this.#view()));
    for (const [stream, unread] of this.#streams) {
      if ((stream.desiredSize ?? 0) > 0) {
        stream.enqueue(bytes);
        this.#streams.set(stream, 0);
      } else if (unread < UNREAD_VIEWS_MAX) {
        this.#streams.set(stream, unread + 1);
      } else {
        this.#refusals.slow += 1;
        this.#forget(stream);
        stream.error(new Error("nobody reads this stream"));
      }
    }
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function event(view: unknown): string {
  return `data: ${JSON.stringify(view)}\n\n`;
}
