// What becomes of a datagram in a firewall's chains: every end that it may come to, held against a naive walk that tries all
// ways; and which datagrams are asked about.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dropsOf, type Question } from "../../src/control/doctor/firewall/judge.ts";
import type { Chain, Datagram, Rule, Truth, Verdict } from "../../src/control/doctor/firewall/model.ts";
import { type Peer, questionsOf } from "../../src/control/doctor/firewall/questions.ts";

const DATAGRAM: Datagram = {
  ...{ hook: "input", family: 4, dstport: 4789 },
  ...{ saddr: "10.0.0.2", daddr: null, device: "eth0" },
};
const QUESTION: Question = { peer: "10.0.0.2", datagram: DATAGRAM };

function chain(name: string, rules: Rule[], more: Partial<Chain> = {}): Chain {
  return { where: name, hook: null, family: null, policy: "accept", policyPackets: null, rules, ...more };
}

function base(rules: Rule[], more: Partial<Chain> = {}): Chain {
  return chain("base", rules, { hook: "input", ...more });
}

function rule(truth: Truth, verdict: Verdict | Exclude<Verdict["action"], "jump" | "goto">): Rule {
  const full = typeof verdict === "string" ? { action: verdict } : verdict;
  return { match: () => truth, verdict: full as Verdict, packets: null };
}

/** As "drop in base", with a question mark if it is not certain. */
function judged(...chains: Chain[]): string[] {
  return dropsOf(chains, [QUESTION]).map(
    ({ action, where, isCertain }) => `${action} in ${where}${isCertain ? "" : "?"}`,
  );
}

describe("a datagram", () => {
  const POLICY = { policy: "drop" } as const;
  test("is dropped by a rule that matches, and by a policy unless a rule accepts it before", () => {
    expect(judged(base([rule("yes", "drop")]))).toEqual(["drop in base"]);
    expect(judged(base([rule("no", "drop")]))).toEqual([]);
    expect(judged(base([rule("no", "accept")], POLICY))).toEqual(["policy drop in base"]);
    expect(judged(base([rule("yes", "accept"), rule("yes", "drop")], POLICY))).toEqual([]);
    expect(judged(base([rule("yes", "none"), rule("yes", "reject")]))).toEqual(["reject in base"]);
  });

  test("may be dropped by a rule that may match, and after one that may accept it", () => {
    expect(judged(base([rule("unknown", "drop")]))).toEqual(["drop in base?"]);
    expect(judged(base([rule("unknown", "accept"), rule("yes", "drop")]))).toEqual(["drop in base?"]);
    expect(judged(base([rule("unknown", "accept")], POLICY))).toEqual(["policy drop in base?"]);
  });

  test("is lost for certain if each of its ways ends in a drop", () => {
    const both = base([rule("unknown", "reject")], POLICY);
    expect(judged(both)).toEqual(["reject in base", "policy drop in base"]);
  });

  test("comes back from a chain that was jumped to, and not from one that was gone to", () => {
    const drop = rule("yes", "drop");
    const logs = chain("user", [rule("yes", "none")]);
    expect(judged(base([rule("yes", { action: "jump", chain: logs }), drop]))).toEqual(["drop in base"]);
    expect(judged(base([rule("unknown", { action: "jump", chain: logs }), drop]))).toEqual(["drop in base"]);
    expect(judged(base([rule("yes", { action: "goto", chain: logs }), drop]))).toEqual([]);
    expect(judged(base([rule("unknown", { action: "goto", chain: logs }), drop]))).toEqual(["drop in base?"]);
    expect(judged(base([rule("yes", { action: "goto", chain: logs })], POLICY))).toEqual([
      "policy drop in base",
    ]);
    const returns = chain("user", [rule("yes", "return"), rule("yes", "drop")]);
    expect(judged(base([rule("yes", { action: "jump", chain: returns })]))).toEqual([]);
    const drops = chain("user", [rule("unknown", "return"), rule("yes", "drop")]);
    expect(judged(base([rule("yes", { action: "jump", chain: drops })]))).toEqual(["drop in user?"]);
    expect(judged(base([rule("yes", { action: "jump", chain: drops })], POLICY))).toEqual([
      "drop in user",
      "policy drop in base",
    ]);
  });

  test("that one chain accepts is still dropped by another of the same hook", () => {
    const accepts = base([rule("yes", "accept")]);
    expect(judged(accepts, base([], POLICY))).toEqual(["policy drop in base"]);
  });

  test("passes chains of its hook and its family alone", () => {
    for (const more of [{ hook: "output" }, { hook: null }, { family: 6 }] as const)
      expect(judged(base([rule("yes", "drop")], more))).toEqual([]);
    expect(judged(base([rule("yes", "drop")], { family: 4 }))).toEqual(["drop in base"]);
  });

  test("in chains that lead to each other comes to an end", () => {
    const loop = chain("loop", []);
    loop.rules.push(rule("unknown", { action: "jump", chain: loop }), rule("yes", "drop"));
    expect(judged(base([rule("yes", { action: "jump", chain: loop })]))).toEqual(["drop in loop?"]);
  });

  test("of some peers alone is told with their names", () => {
    const other = { peer: "10.0.0.3", datagram: { ...DATAGRAM, saddr: "10.0.0.3" } };
    const drop: Rule = {
      match: ({ saddr }) => (saddr === "10.0.0.3" ? "yes" : "no"),
      verdict: { action: "drop" },
      packets: 5,
    };
    const found = { hook: "input", where: "base", action: "drop", packets: 5, isCertain: true };
    expect(dropsOf([base([drop])], [QUESTION, other])).toEqual([{ ...found, peers: ["10.0.0.3"] }]);
    expect(dropsOf([base([drop])], [other])).toEqual([{ ...found, peers: [] }]);
  });
});

/** A chain without references: to which of the chains behind it a jump leads is a number. */
const RULE = fc.record({
  truth: fc.constantFrom<Truth>("yes", "no", "unknown"),
  action: fc.constantFrom<Verdict["action"]>("accept", "drop", "reject", "return", "none", "jump", "goto"),
  target: fc.nat(),
});
const CHAINS = fc.array(fc.array(RULE, { maxLength: 4 }), { minLength: 1, maxLength: 4 });

/** Every chain leads to later ones alone, as the kernel has it; a jump that finds none does nothing. */
function linked(plans: readonly (readonly { truth: Truth; action: Verdict["action"]; target: number }[])[]) {
  const chains: Chain[] = [];
  for (const [index, plan] of [...plans.entries()].reverse()) {
    const later = [...chains];
    const rules = plan.map(({ truth, action, target }): Rule => {
      if (action !== "jump" && action !== "goto") return rule(truth, { action });
      if (later.length === 0) return rule(truth, { action: "none" });
      return rule(truth, { action, chain: later[target % later.length] });
    });
    chains.push(chain(`chain ${index}`, rules));
  }
  return chains.reverse();
}

/** Tries every combination of what rules may do, one after the other, and walks each as the kernel would. */
function naiveEnds(first: Chain): Set<Rule | "accept" | "policy"> {
  const ends = new Set<Rule | "accept" | "policy">();
  const walk = (at: Chain, choices: boolean[], used: { count: number }): Rule | "accept" | "fall" => {
    for (const each of at.rules) {
      let truth = each.match(DATAGRAM);
      if (truth === "unknown") {
        if (used.count === choices.length) choices.push(false);
        truth = choices[used.count++] ? "yes" : "no";
      }
      if (truth === "no") continue;
      const { verdict } = each;
      if (verdict.action === "accept") return "accept";
      if (verdict.action === "drop" || verdict.action === "reject") return each;
      if (verdict.action === "return") return "fall";
      if (!("chain" in verdict)) continue;
      const end = walk(verdict.chain, choices, used);
      if (end !== "fall" || verdict.action === "goto") return end;
    }
    return "fall";
  };
  let choices: boolean[] = [];
  for (;;) {
    const end = walk(first, choices, { count: 0 });
    ends.add(end === "fall" ? "policy" : end);
    while (choices.at(-1) === true) choices.pop();
    if (choices.length === 0) return ends;
    choices = [...choices.slice(0, -1), true];
  }
}

test("random chains end as a naive walk of all ways has it", () => {
  fc.assert(
    fc.property(CHAINS, fc.constantFrom("accept", "drop"), (plans, policy) => {
      const [first, ...others] = linked(plans);
      const start: Chain = { ...first, hook: "input", policy };
      const ends = naiveEnds(start);
      const isSaved = ends.has("accept") || (ends.has("policy") && policy === "accept");
      const drops = dropsOf([start, ...others], [QUESTION]);
      const expected = [...ends].filter(
        (end) => typeof end === "object" || (end === "policy" && policy === "drop"),
      );
      expect(drops).toHaveLength(expected.length);
      expect(drops.filter(({ action }) => action === "policy drop")).toHaveLength(
        ends.has("policy") && policy === "drop" ? 1 : 0,
      );
      for (const drop of drops) expect(drop.isCertain).toBe(!isSaved);
    }),
    { numRuns: 2000 },
  );
});

describe("asked about", () => {
  const peer: Peer = { remote: "10.0.0.2", local: "10.0.0.1", dstport: 4789, device: null };
  test("is for each peer what it sends and what it gets", () => {
    const common = { family: 4, dstport: 4789, device: "eth0" };
    expect(questionsOf([peer], () => "eth0")).toEqual([
      { peer: "10.0.0.2", datagram: { ...common, hook: "input", saddr: "10.0.0.2", daddr: "10.0.0.1" } },
      { peer: "10.0.0.2", datagram: { ...common, hook: "output", saddr: "10.0.0.1", daddr: "10.0.0.2" } },
    ]);
  });

  test("is an address as it is always written", () => {
    const wordy = { ...peer, remote: "2001:DB8:0::2", local: null };
    expect(questionsOf([wordy], () => null)[0].datagram).toMatchObject({ family: 6, saddr: "2001:db8::2" });
  });

  test("is a group by its device, as it is sent to; nobody sends from its address", () => {
    const group = { ...peer, remote: "239.1.1.1", device: "eth1" };
    expect(questionsOf([group], () => null).map(({ datagram }) => datagram)).toMatchObject([
      { saddr: null, daddr: "239.1.1.1", device: "eth1" },
      { saddr: "10.0.0.1", daddr: "239.1.1.1", device: "eth1" },
    ]);
  });

  test("is whoever sends over both families unless the own address tells; ports are named if there are several", () => {
    const names = (...peers: Peer[]) => new Set(questionsOf(peers, () => null).map((each) => each.peer));
    const anyone = { ...peer, remote: null };
    expect(names(anyone)).toEqual(new Set(["any"]));
    const nowhere = { ...anyone, local: null };
    expect(names(nowhere)).toEqual(new Set(["any over IPv4", "any over IPv6"]));
    expect(names(peer, { ...peer, dstport: 8472 })).toEqual(
      new Set(["10.0.0.2 port 4789", "10.0.0.2 port 8472"]),
    );
  });
});
