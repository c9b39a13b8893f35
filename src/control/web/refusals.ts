// What the page's side of the metrics listener has refused, and readers that it and the control socket cut off, counted for
// /metrics.

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
  /** Readers of /v1/events, on the control socket too, that were cut off because they read too slowly. */
  slow_events: number;
}

/** All at 0. */
export function noRefusals(): WebRefusals {
  return { host: 0, site: 0, token: 0, streams: 0, slow: 0, slow_events: 0 };
}
