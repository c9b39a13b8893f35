// What is done to the frames of a port in one direction so that its cable is slow or lossy, in the words of tc-netem(8).

export interface Impairment {
  /** For how long each frame is held: delay, less or more jitter, every value in between being as likely. */
  readonly delayUs: number;
  readonly jitterUs: number;
  /** Of a hundred frames, so many are lost, come twice, or pass by the delay. */
  readonly lossPercent: number;
  readonly duplicatePercent: number;
  readonly reorderPercent: number;
  /** Frames pass one after the other, each as long as its bytes take at this rate; 0 = at once. */
  readonly rateBitsPerSecond: number;
  /** Frames that one forwarding thread holds at most. */
  readonly limitFrames: number;
  /** Where the generators of random numbers begin. */
  readonly seed: number;
}

/** What a word stands for that is not given; the limit is that of tc-netem(8). */
export const UNIMPAIRED: Impairment = {
  delayUs: 0,
  jitterUs: 0,
  lossPercent: 0,
  duplicatePercent: 0,
  reorderPercent: 0,
  rateBitsPerSecond: 0,
  limitFrames: 1000,
  seed: 1,
};

/** A seed of a port's own, so that two ports with equal words do not lose the same copies of a broadcast. */
export function seedOfPort(seed: number, bridge: string, port: string): number {
  let hash = seed | 0;
  for (const character of `${bridge}/${port}`) hash = scatter(hash ^ (character.codePointAt(0) as number));
  return hash;
}

/** Spreads the bits of a word over all of it (the last step of MurmurHash3). */
export function scatter(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}
