// What the page's side of the metrics listener has refused, counted for /metrics.

/** How often each happened since the start. */
export interface WebRefusals {
  /** By a foreign name. */
  host: number;
  /** By a page of another site. */
  site: number;
  /** Without the token, or with a wrong one. */
  token: number;
  /** Beyond the streams that there may be. */
  streams: number;
  /** Streams that were ended because nobody read them. */
  slow: number;
}

/** All at 0. */
export function noRefusals(): WebRefusals {
  return { host: 0, site: 0, token: 0, streams: 0, slow: 0 };
}
