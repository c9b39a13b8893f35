// POST /v1/trace: what the running switch would do with a frame. The names are relied upon from outside.
import type { Hono } from "hono";
import ipaddr from "ipaddr.js";
import * as z from "zod";
import type { PortStatus } from "../../dataplane/spec.ts";
import {
  type TraceAnswer,
  type TraceCopyRow,
  type TraceQuestion,
  TraceRefusal,
} from "../../dataplane/trace/answer.ts";
import { VNI_MAX, VXLAN_DSTPORT_DEFAULT } from "../config/limits.ts";
import { Refusal } from "../refusal.ts";
import type { RunningSwitch } from "../running-switch.ts";
import { bytesOfHex } from "../trace/hex.ts";

const BODY = z.strictObject({
  /** Where port names are not enough. */
  bridge: z.string().nullable().default(null),
  /** null = whatever port has the sender and the VNI. */
  port: z.string().nullable().default(null),
  remote: z.string().nullable().default(null),
  vni: z.int().min(0).max(VNI_MAX).nullable().default(null),
  dstport: z.int().min(1).max(65_535).default(VXLAN_DSTPORT_DEFAULT),
  /** In hexadecimal digits. */
  frame: z.string(),
});

export type TraceBody = z.input<typeof BODY>;
export type TraceView = ReturnType<typeof traceView>;

/** Adds the route to the application behind the control socket. */
export function addTrace(app: Hono, { dataplane }: RunningSwitch): void {
  app.post("/v1/trace", async (c) => {
    const result = BODY.safeParse(await c.req.json().catch(() => undefined));
    if (!result.success)
      throw new Refusal(`the body of the request is not what is expected: ${z.prettifyError(result.error)}`);
    const question = questionOf(result.data, dataplane.status().ports);
    try {
      return c.json(traceView(await dataplane.trace(question)));
    } catch (error) {
      if (error instanceof TraceRefusal) throw new Refusal(error.message);
      throw error;
    }
  });
}

function questionOf(body: z.output<typeof BODY>, ports: readonly PortStatus[]): TraceQuestion {
  const { bridge, port: name, remote, vni, dstport } = body;
  if (remote !== null && !ipaddr.isValid(remote))
    throw new Refusal(`expected an IP address to come from, got ${JSON.stringify(remote)}`);
  const frame = bytesOfHex(body.frame);
  if (name !== null) {
    if (vni !== null) throw new Refusal("a port has its VNI: give in PORT, or from ADDRESS vni N");
    const port = portCalled(bridge, name, ports);
    return { bridge: port.bridge, port: port.name, remote, frame };
  }
  if (remote === null || vni === null)
    throw new Refusal(`say where the frame comes in: in PORT, or from ADDRESS vni N; ${portsText(ports)}`);
  return { port: null, remote, vni, dstport, frame };
}

function portCalled(bridge: string | null, name: string, ports: readonly PortStatus[]): PortStatus {
  const found = ports.filter((port) => port.name === name && (bridge === null || port.bridge === bridge));
  if (found.length === 1) return found[0]!;
  const where = bridge === null ? "" : ` of ${bridge}`;
  if (found.length === 0) throw new Refusal(`there is no port ${name}${where}; ${portsText(ports)}`);
  const choices = found.map((port) => `${port.bridge}/${name}`).join(" or ");
  throw new Refusal(`several bridges have a port ${name}: say ${choices}`);
}

function portsText(ports: readonly PortStatus[]): string {
  if (ports.length === 0) return "there are no ports";
  return `the ports are ${ports.map((port) => `${port.bridge}/${port.name}`).join(", ")}`;
}

function traceView({ steps, copies, answers, ...answer }: TraceAnswer) {
  const { bridge, port, drop, mirrors, verdict } = answer;
  return {
    bridge,
    port,
    verdict,
    drop,
    copies: copies.map(copyView),
    answers: answers.map(copyView),
    mirrors,
    steps,
  };
}

function copyView({ port, remote, vni, vlan, bytes, sourcePort, drop }: TraceCopyRow) {
  return { port, remote, vni, vlan, bytes, source_port: sourcePort, drop };
}
