// The built page (src/page, by vite) as the listener hands it out: read once, in memory, small. Names in assets/ carry a
// hash of their content, so a browser keeps them for good and asks for the page itself alone.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Context, Hono, MiddlewareHandler } from "hono";

/** The same from src and from dist. */
const BUILT = fileURLToPath(new URL("../../../dist/page/", import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Scripts and styles are the page's own files; whatever a hostile name of a port or an answer brings is only text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

interface PageFile {
  readonly bytes: Buffer;
  readonly zipped: Buffer;
  readonly type: string;
  readonly etag: string;
}

export type PageFiles = ReadonlyMap<string, PageFile>;

/** The files of the page by their path; none if it is not built. */
export function readPage(directory = BUILT): PageFiles {
  let names: string[];
  try {
    names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  } catch {
    return new Map();
  }
  const files = names.filter((name) => extname(name) in TYPES);
  return new Map(
    files.map((name) => [name === "index.html" ? "/" : `/${name}`, fileOf(join(directory, name))]),
  );
}

function fileOf(path: string): PageFile {
  const bytes = readFileSync(path);
  const digest = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  return { bytes, zipped: gzipSync(bytes), type: TYPES[extname(path)]!, etag: `"${digest}"` };
}

/** GET / and what the page is made of. */
export function addPage(app: Hono, files: PageFiles, guard: MiddlewareHandler): void {
  for (const [path, file] of files) app.get(path, guard, (c) => send(c, path, file));
  if (!files.has("/")) {
    app.get("/", guard, (c) =>
      c.text("the page is not built; npm run build, then restart the daemon\n", 503),
    );
  }
}

function send(c: Context, path: string, { bytes, zipped, type, etag }: PageFile): Response {
  const isZipped = /\bgzip\b/.test(c.req.header("accept-encoding") ?? "");
  const headers = {
    "content-type": type,
    "cache-control": path === "/" ? "no-cache" : "public, max-age=31536000, immutable",
    etag,
    vary: "accept-encoding",
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    ...(isZipped ? { "content-encoding": "gzip" } : {}),
  };
  if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
  return c.body(new Uint8Array(isZipped ? zipped : bytes), 200, headers);
}
