// Captures into a pipe that another program reads as they come: standard output, or the one that Wireshark makes.
import { type FileHandle, open } from "node:fs/promises";
import { type CaptureSink, ReaderGone } from "./sinks.ts";

/** A pipe by its path, opened when the capture begins; waits until somebody opens it for reading. */
export class PipeSink implements CaptureSink {
  private readonly path: string;
  private pipe: FileHandle | null = null;

  constructor(path: string) {
    this.path = path;
  }

  async write(blocks: readonly Buffer[]): Promise<void> {
    this.pipe ??= await open(this.path, "w");
    try {
      await this.pipe.writeFile(Buffer.concat(blocks));
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === "EPIPE" ? new ReaderGone() : error;
    }
  }

  close(): void {
    void this.pipe?.close();
    this.pipe = null;
  }
}
