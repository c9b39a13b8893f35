// One trace: a frame through a replica of the running switch, and what became of it in words. The callers say what the state,
// the commands and the names are; src/dataplane/inventory/tracing.ts takes those of the running switch.
import type { DropReasonName } from "../drop-reason.ts";
import type { TraceAnswer, TraceCopyRow, TraceStep } from "./answer.ts";
import { copyRow, egressSteps } from "./egress-steps.ts";
import { ingressSteps, sentenceOf } from "./ingress-steps.ts";
import { type Arrival, Replica, type ReplicaOptions } from "./replica.ts";
import { Scene, type SceneOptions } from "./scene.ts";

export type TraceOptions<Make> = ReplicaOptions<Make> & SceneOptions & { readonly arrival: Arrival };

/** Gives a frame to a replica and tells what became of it. Nothing that the options refer to is changed. */
export function trace<Make>(options: TraceOptions<Make>): TraceAnswer {
  const replica = new Replica<Make>(options);
  replica.receive(options.arrival);
  const scene = new Scene(replica as Replica<never>, options);
  const { evidence, names } = scene;
  const port = evidence.port === null ? null : names.port(evidence.port);
  const copies = [...evidence.copies.map((copy) => copyRow(scene, copy)), ...lostRows(scene)];
  const answers = evidence.answers.map((copy) => copyRow(scene, copy));
  const { drop } = evidence;
  return {
    bridge: port?.bridge ?? null,
    port: port?.name ?? null,
    steps: [...portSteps(scene), ...ingressSteps(scene), ...egressSteps(scene)],
    drop: drop && { port: port?.name ?? null, reason: drop.reason },
    copies,
    answers,
    mirrors: evidence.mirrors.map((index) => names.mirror(index).name),
    verdict: verdictOf(port?.name ?? null, drop?.reason ?? null, copies, answers),
  };
}

function portSteps({ evidence, names }: Scene): TraceStep[] {
  if (evidence.port === null) return [];
  const { name, reason } = names.port(evidence.port);
  return reason === ""
    ? []
    : [{ stage: "port", text: `${name} is down: ${reason}; what follows is as if it were up` }];
}

function lostRows(scene: Scene): TraceCopyRow[] {
  return scene.evidence.lost.map(({ port, reason }) => ({
    port: scene.names.port(port).name,
    remote: null,
    vni: null,
    vlan: null,
    bytes: scene.frame.length,
    sourcePort: null,
    drop: reason,
  }));
}

function verdictOf(
  port: string | null,
  reason: DropReasonName | null,
  copies: readonly TraceCopyRow[],
  answers: readonly TraceCopyRow[],
): string {
  const placeOf = ({ port: name, remote }: TraceCopyRow): string =>
    remote === null ? name : `${name} (${remote})`;
  const sent = copies.filter(({ drop }) => drop === null).map(placeOf);
  const lost = copies.filter(({ drop }) => drop !== null).map((copy) => `at ${placeOf(copy)} (${copy.drop})`);
  const answered = answers.filter(({ drop }) => drop === null).map(placeOf);
  const parts = [
    sent.length > 0 ? `leaves by ${sent.join(", ")}` : "",
    lost.length > 0 ? `dropped ${lost.join(", ")}` : "",
    reason !== null
      ? `${sentenceOf(reason).replace("dropped,", `dropped at ${port ?? "the underlay"},`)}`
      : "",
    answered.length > 0 ? `the switch answers by ${answered.join(", ")}` : "",
  ];
  return parts.filter(Boolean).join("; ");
}
