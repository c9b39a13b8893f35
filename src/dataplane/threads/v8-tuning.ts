// What V8 has to be told before the forwarding code becomes hot.
import { setFlagsFromString } from "node:v8";

/**
 * Lets V8 inline more than its defaults do: the stages are written as small functions and run as one loop each. Saves 5
 * of 38 ns a frame (npm run bench:core).
 */
export function tuneV8(): void {
  setFlagsFromString("--max-inlined-bytecode-size=1000");
  setFlagsFromString("--max-inlined-bytecode-size-cumulative=3000");
}
