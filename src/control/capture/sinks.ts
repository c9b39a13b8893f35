// Where a capture's blocks go: lines of text, bytes for another program, or a file or a ring of files.
import { PcapngFile } from "../../dataplane/io/pcapng-file.ts";
import { Refusal } from "../refusal.ts";
import { frameText } from "./frame-text.ts";
import { Block, blockType, readInterfaceName, readPacket } from "./pcapng-blocks.ts";

export interface CaptureSink {
  /** Takes blocks in their order, the first of which opens the section. */
  write(blocks: readonly Buffer[]): Promise<void>;
  close(): void;
}

/** Whoever read the capture does so no more, which is no fault. */
export class ReaderGone extends Error {}

/** A line a frame, as tcpdump has them. */
export function textSink(out: (text: string) => void): CaptureSink {
  const interfaces: string[] = [];
  const lineOf = (block: Buffer): string => {
    if (blockType(block) === Block.interface) interfaces.push(readInterfaceName(block));
    if (blockType(block) !== Block.packet) return "";
    const { time, interfaceNumber, bytes, originalBytes, comment } = readPacket(block);
    return `${clockText(time)} ${interfaces[interfaceNumber]} ${frameText(bytes)}, length ${originalBytes}: ${comment}\n`;
  };
  return {
    write: async (blocks) => {
      const text = blocks.map(lineOf).join("");
      if (text !== "") out(text);
    },
    close: () => {},
  };
}

/** The time of day, with nanoseconds. */
function clockText(time: bigint): string {
  const [seconds, nanoseconds] = [time / 1_000_000_000n, time % 1_000_000_000n];
  const date = new Date(Number(seconds) * 1000);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) =>
    String(n).padStart(2, "0"),
  );
  return `${clock.join(":")}.${String(nanoseconds).padStart(9, "0")}`;
}

export function bytesSink(outBytes: (bytes: Uint8Array) => Promise<void>): CaptureSink {
  return { write: (blocks) => outBytes(Buffer.concat(blocks)), close: () => {} };
}

export interface Ring {
  /** 0 = one file without end. */
  readonly fileBytes: number;
  readonly files: number;
}

/** A file; it is made when the capture begins, so that one that is refused leaves what was there. */
export class FileSink implements CaptureSink {
  private readonly path: string;
  private readonly ring: Ring;
  private file: PcapngFile | null = null;
  /** Frames that are in the file, or were in one that the ring has given up. */
  written = 0;

  constructor(path: string, ring: Ring) {
    this.path = path;
    this.ring = ring;
  }

  async write(blocks: readonly Buffer[]): Promise<void> {
    let packets: Buffer[] = [];
    for (const block of blocks) {
      switch (blockType(block)) {
        case Block.packet:
          packets.push(block);
          break;
        case Block.section:
          this.open(block);
          break;
        case Block.interface:
          // Before the packets of that interface, and behind those that were there.
          this.writePackets(packets);
          packets = [];
          this.told(() => this.file?.writeToEach(block));
          break;
        default:
          this.writePackets(packets);
          packets = [];
          this.told(() => this.file?.write(block));
      }
    }
    this.writePackets(packets);
  }

  close(): void {
    this.file?.close();
    this.file = null;
  }

  private open(header: Buffer): void {
    const { fileBytes, files } = this.ring;
    try {
      this.file = new PcapngFile(this.path, { header, append: false }, fileBytes, files);
    } catch (error) {
      throw new Refusal(
        `${this.path} cannot be written: ${(error as Error).message}; name another file with -w`,
      );
    }
  }

  /** All at once; if that fails, as many of them as there is room for. */
  private writePackets(packets: readonly Buffer[]): void {
    if (packets.length === 0) return;
    if (packets.length > 1) {
      try {
        this.file?.write(Buffer.concat(packets));
        this.written += packets.length;
        return;
      } catch {
        // Told below, of the block that does not fit.
      }
    }
    for (const packet of packets) {
      this.told(() => this.file?.write(packet));
      this.written++;
    }
  }

  private told(write: () => void): void {
    try {
      write();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = code === "ENOSPC" ? "no space is left on its device" : message;
      throw new Refusal(
        `${this.path}: ${why}; the capture ends, and the ${this.written} frames until then are kept in it`,
      );
    }
  }
}
