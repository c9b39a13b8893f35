// Server-sent events out of a response that is read piece by piece. fetch, and not EventSource, reads the stream: it can
// carry the token, and tells what the answer was when there is no stream.

/** Returns a function that takes pieces of text and calls back with the data of each event that is whole. */
export function eventReader(onData: (data: string) => void): (piece: string) => void {
  let rest = "";
  return (piece) => {
    const events = (rest + piece).replaceAll("\r\n", "\n").split("\n\n");
    rest = events.pop() as string;
    for (const text of events) {
      const data = text
        .split("\n")
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).replace(/^ /, ""));
      if (data.length > 0) onData(data.join("\n"));
    }
  };
}
