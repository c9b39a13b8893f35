// Who talks with whom, in the public shape of the API.

/** Frames of one source to one destination, a second, as estimated from a sample. */
export interface TalkerView {
  readonly bridge: string;
  readonly vlan: number;
  readonly source: string;
  readonly destination: string;
  readonly packets: number;
  readonly bytes: number;
}

/** The answer of /v1/talkers. */
export interface TalkersView {
  /** Over how long; 0 while nothing was heard yet. */
  readonly seconds: number;
  /** Frames that were looked at in that time. */
  readonly sampled_frames: number;
  /** Rates, the largest in bytes first. */
  readonly talkers: readonly TalkerView[];
  /** By so many bytes a second at most is a pair's rate wrong for lack of room, beside the chance of the sample. */
  readonly bytes_error_max: number;
}
