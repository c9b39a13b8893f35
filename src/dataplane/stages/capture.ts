// Last of all, where somebody watches: each frame of the batch goes to the captures that want it, with what became of it.
import * as layout from "../frames.ts";
import type { Tables } from "../tables.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { ANSWERS_MAX, NEIGH_ANSWERS_MAX } = layout;

export interface CaptureStage {
  /** The first `count` rows have met their fate. */
  finish(count: number): void;
  /** A row holds an answer of the switch's own. */
  answered(frame: number): void;
  /** So have the answers. */
  finishAnswers(): void;
}

export function createCapture(tables: Tables): CaptureStage {
  const { captures, journal, frames } = tables;
  const answers = new Int32Array(Math.max(ANSWERS_MAX, NEIGH_ANSWERS_MAX));
  let answerCount = 0;

  function finish(count: number): void {
    for (let frame = 0; frame < count; frame++) finishFrame(frame);
    publish();
  }

  function answered(frame: number): void {
    journal.beginFrame(frame);
    answers[answerCount++] = frame;
  }

  function finishAnswers(): void {
    for (let i = 0; i < answerCount; i++) finishFrame(answers[i]);
    answerCount = 0;
    publish();
  }

  function finishFrame(frame: number): void {
    for (const capture of captures) if (capture.selects(frame)) capture.sink.offer(journal, frames, frame);
  }

  /** The slots are free again. */
  function publish(): void {
    for (const capture of captures) capture.sink.publish();
  }

  return { finish, answered, finishAnswers };
}
