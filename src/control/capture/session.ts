// A capture as whoever asked for it sees it through: from the daemon's stream into a sink, to its end or a signal.
import type { Io } from "../cli/io.ts";
import { stopOnSignal } from "../cli/stop-signals.ts";
import { stream } from "../cli/stream.ts";
import { Block, BlockReader, blockType, readLost } from "./pcapng-blocks.ts";
import { type CaptureSink, ReaderGone } from "./sinks.ts";

interface Taken {
  hasBegun: boolean;
  frames: number;
  lost: number;
}

interface Running {
  readonly io: Io;
  /** It has no end of its own. */
  readonly isLive: boolean;
  readonly count?: number | undefined;
}

/** Until so many frames are there, a signal comes, or the daemon ends it; says on stderr how many there were. */
export async function runCapture(
  socket: string,
  path: string,
  sink: CaptureSink,
  { io, isLive, count = Number.POSITIVE_INFINITY }: Running,
): Promise<void> {
  const { controller: stop, done } = stopOnSignal(io);
  const taken: Taken = { hasBegun: false, frames: 0, lost: 0 };
  try {
    await drain(stream(socket, path, stop.signal), sink, taken, count);
  } catch (error) {
    const isEnd = error instanceof ReaderGone || (stop.signal.aborted && !taken.hasBegun);
    if (!isEnd) throw error;
    stop.abort();
  } finally {
    done();
    sink.close();
  }
  if (isLive && !stop.signal.aborted && taken.frames < count) io.err("vxswitch: the daemon has ended\n");
  io.err(`${taken.frames} frames captured, ${taken.lost} lost\n`);
}

/** Statistics come whenever frames are lost; only the last go to the sink, at the end. */
async function drain(
  chunks: AsyncIterable<Buffer>,
  sink: CaptureSink,
  taken: Taken,
  count: number,
): Promise<void> {
  const reader = new BlockReader();
  let statistics: Buffer | null = null;
  for await (const chunk of chunks) {
    taken.hasBegun = true;
    const blocks: Buffer[] = [];
    for (const block of reader.push(chunk)) {
      const type = blockType(block);
      if (type === Block.statistics) {
        statistics = block;
        taken.lost = readLost(block);
      } else if (type !== Block.packet) blocks.push(block);
      // The daemon counts too, but not the drops that it keeps.
      else if (taken.frames < count) {
        taken.frames++;
        blocks.push(block);
      }
    }
    if (blocks.length > 0) await sink.write(blocks);
  }
  if (statistics !== null) await sink.write([statistics]);
}
