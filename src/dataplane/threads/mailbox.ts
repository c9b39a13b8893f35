// Requests from the control thread to a thread that never returns to its event loop: the message waits in the port, the
// wake-up makes it look. Requests are answered in order.
import { type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { WakeUp } from "../io/poller.ts";

interface Envelope<T> {
  readonly id: number;
  readonly body: T;
}

/** What a thread sends: an answer to a request, or news of its own accord (`id` 0). */
type Letter<Reply, News> =
  | { readonly id: number; readonly reply: Reply }
  | { readonly id: 0; readonly news: News };

/** The thread's end. */
export class Mailbox<Request, Reply, News> {
  private readonly port: MessagePort;

  constructor(port: MessagePort) {
    this.port = port;
  }

  /** Answers every waiting request; returns how many. */
  answer(handle: (request: Request) => Reply): number {
    let answered = 0;
    for (let got = receiveMessageOnPort(this.port); got; got = receiveMessageOnPort(this.port)) {
      const { id, body } = got.message as Envelope<Request>;
      this.port.postMessage({ id, reply: handle(body) } satisfies Letter<Reply, News>);
      answered++;
    }
    return answered;
  }

  tell(news: News): void {
    this.port.postMessage({ id: 0, news } satisfies Letter<Reply, News>);
  }
}

/** The control thread's end: the worker and the requests under way. */
export class WorkerLink<Request, Reply, News> {
  private readonly worker: Worker;
  private readonly wakeUp: WakeUp;
  private readonly waiting = new Map<
    number,
    { resolve: (reply: Reply) => void; reject: (error: Error) => void }
  >();
  private nextId = 1;
  private ended: Error | null = null;

  /** `onEnd` hears once why the thread ended; null = it was asked to. */
  constructor(
    script: URL,
    workerData: unknown,
    wakeUp: WakeUp,
    onNews: (news: News) => void,
    onEnd: (error: Error | null) => void,
  ) {
    this.wakeUp = wakeUp;
    this.worker = new Worker(script, { workerData });
    this.worker.on("message", (letter: Letter<Reply, News>) => {
      if ("news" in letter) onNews(letter.news);
      else this.settle(letter.id, letter.reply);
    });
    let failure: Error | null = null;
    this.worker.on("error", (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    this.worker.on("exit", (code) => {
      const ended = failure ?? new Error(`the thread has ended (${code})`);
      this.abandon(ended);
      onEnd(failure ?? (code === 0 ? null : ended));
    });
  }

  /** Rejects if the thread ends before it answers. */
  request(body: Request): Promise<Reply> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, body } satisfies Envelope<Request>);
      this.wakeUp.signal();
    });
  }

  async terminate(): Promise<void> {
    this.abandon(new Error("the thread was terminated"));
    await this.worker.terminate();
  }

  /** Nobody will answer any more. */
  private abandon(error: Error): void {
    this.ended = error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private settle(id: number, reply: Reply): void {
    this.waiting.get(id)?.resolve(reply);
    this.waiting.delete(id);
  }
}
