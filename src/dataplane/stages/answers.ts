// What a stage offers that answers frames in the name of stations: it notes frames while a batch is forwarded, and turns
// their rows into answers when all copies of them are transmitted.

export interface AnsweringStage {
  /** How many frames are noted. */
  noted(): number;
  /** Turns the row of the noted frame `i` into the answer to it; -1 if none is due, else the row's number. */
  answer(i: number): number;
  /** The destination of the station in whose name the noted frame `i` is answered. */
  speaker(i: number): number;
  clear(): void;
}
