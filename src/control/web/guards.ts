// Who may ask the page and its API: a browser that was led here by this machine's own address, not a page from elsewhere.
// The listener has no certificate and, on the loopback, no password, so what a browser says of the request decides:
// a name in Host that is not ours is DNS rebinding, and another site in Sec-Fetch-Site or Origin is a foreign page.
// Programs (curl, Prometheus) send neither; /metrics is not guarded, for it may be scraped by any name.
import { isIP } from "node:net";
import type { MiddlewareHandler } from "hono";
import type { WebRefusals } from "./refusals.ts";

export const NAME_REFUSED =
  "this address is not served by that name, only as localhost or by an IP address (a foreign name may be DNS rebinding)";
export const SITE_REFUSED = "this answers its own page alone, not one of another site";

/** True for what a browser cannot be tricked into by a name server: IP addresses, and names that mean this machine. */
export function isOwnHost(host: string | undefined): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host ?? "");
  if (match === null) return false;
  const [, ipv6, name = ""] = match;
  if (ipv6 !== undefined) return isIP(ipv6) === 6;
  return isIP(name) === 4 || /^(?:.+\.)?localhost\.?$/i.test(name);
}

/** Refuses requests by a foreign name with 421. */
export function guardHost(refusals: WebRefusals): MiddlewareHandler {
  return async (c, next) => {
    if (isOwnHost(c.req.header("host"))) return next();
    refusals.host += 1;
    return c.json({ error: NAME_REFUSED }, 421);
  };
}

/** What a request says of where it comes from. */
export interface Provenance {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly site: string | undefined;
}

/** True if no page of another site (another port of the same machine is one, too) has made the request. */
export function isOwnSite({ host, origin, site }: Provenance): boolean {
  if (site !== undefined && site !== "same-origin" && site !== "none") return false;
  return origin === undefined || origin === `http://${host}`;
}

/** Refuses requests that a page of another site makes with 403; a link to the page itself may stand anywhere. */
export function guardSite(refusals: WebRefusals): MiddlewareHandler {
  return async (c, next) => {
    const { req } = c;
    const provenance = {
      host: req.header("host"),
      origin: req.header("origin"),
      site: req.header("sec-fetch-site"),
    };
    if (isOwnSite(provenance)) return next();
    refusals.site += 1;
    return c.json({ error: SITE_REFUSED }, 403);
  };
}
