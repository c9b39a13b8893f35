// Which sink a capture's words ask for: lines, standard output, a pipe, a file, or a ring of files.
import { statSync } from "node:fs";
import type { Io } from "../cli/io.ts";
import { Refusal } from "../refusal.ts";
import { PipeSink } from "./pipe-sink.ts";
import { bytesSink, type CaptureSink, FileSink, textSink } from "./sinks.ts";

const BYTES_A_MB = 1_000_000;

export interface SinkWords {
  readonly write?: string;
  /** MB. */
  readonly fileSize?: number;
  readonly files?: number;
}

/** Throws a Refusal if the words contradict each other, or the file cannot be written. */
export function sinkFor({ write, fileSize, files }: SinkWords, io: Io): CaptureSink {
  if (files !== undefined && fileSize === undefined)
    throw new Refusal("--files: expected --file-size too, at which the next file begins");
  if (fileSize !== undefined && (write === undefined || write === "-"))
    throw new Refusal("--file-size: expected a file to write, -w FILE");
  if (write === undefined) return textSink(io.out);
  if (write === "-") return bytesSink(io.outBytes);
  if (statSync(write, { throwIfNoEntry: false })?.isFIFO()) return new PipeSink(write);
  return new FileSink(write, { fileBytes: (fileSize ?? 0) * BYTES_A_MB, files: files ?? 2 });
}
