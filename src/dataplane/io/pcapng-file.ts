// A capture file that rotates by size and survives a full disk: what cannot be written is given back as a count, and the
// file never ends in half a block.
import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, renameSync, writeSync } from "node:fs";

export class PcapngFile {
  private readonly path: string;
  private header: Buffer;
  private readonly rotateBytes: number;
  private readonly filesMax: number;
  private fd: number;
  private sizeBytes = 0;

  /**
   * Creates (or overwrites) the file, beginning with these blocks, as those it rotates to; with `append` a new section goes behind what is there, as the format allows.
   * Throws the system's error.
   */
  constructor(
    path: string,
    { header, append }: { header: Buffer; append: boolean },
    rotateBytes: number,
    filesMax: number,
  ) {
    this.path = path;
    this.header = header;
    this.rotateBytes = rotateBytes;
    this.filesMax = filesMax;
    // Not O_APPEND: blocks are written at offsets, so that a torn one is overwritten.
    this.fd = openSync(path, append && existsSync(path) ? "r+" : "w", 0o640);
    this.sizeBytes = fstatSync(this.fd).size;
    try {
      this.append(this.header);
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  /** Appends whole blocks; throws the system's error after cutting off what was written in part. */
  write(blocks: Buffer): void {
    if (this.rotateBytes > 0 && this.sizeBytes + blocks.length > this.rotateBytes) this.rotate();
    // After a rotation onto a full disk.
    if (this.sizeBytes === 0) this.append(this.header);
    this.append(blocks);
  }

  /** Appends blocks that the files it rotates to begin with, too. */
  writeToEach(blocks: Buffer): void {
    this.write(blocks);
    this.header = Buffer.concat([this.header, blocks]);
  }

  close(): void {
    closeSync(this.fd);
  }

  private append(bytes: Buffer): void {
    let written = 0;
    try {
      while (written < bytes.length)
        written += writeSync(this.fd, bytes, written, undefined, this.sizeBytes + written);
    } catch (error) {
      ftruncateSync(this.fd, this.sizeBytes);
      throw error;
    }
    this.sizeBytes += bytes.length;
  }

  /** PATH becomes PATH.1, PATH.1 becomes PATH.2, …; the oldest is overwritten. */
  private rotate(): void {
    // Nothing in it: it never got further than its header, or the disk was full even for that.
    if (this.sizeBytes <= this.header.length) return;
    const name = (index: number): string => (index === 0 ? this.path : `${this.path}.${index}`);
    // Opened before anything moves: where no file can be made, none of the older ones is pushed out.
    const fresh = `${this.path}.new`;
    const next = openSync(fresh, "w", 0o640);
    for (let index = this.filesMax - 2; index >= 0; index--) {
      if (existsSync(name(index))) renameSync(name(index), name(index + 1));
    }
    renameSync(fresh, this.path);
    closeSync(this.fd);
    this.fd = next;
    this.sizeBytes = 0;
    this.append(this.header);
  }
}
