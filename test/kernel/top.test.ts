// `vxswitch top` with a running switch: its rates against the counters of the client's kernel, and its screen in a real terminal.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TalkersView } from "../../src/control/activity/talkers-view.ts";
import type { RatesView } from "../../src/control/activity/views.ts";
import { createClient } from "../../src/control/cli/client.ts";
import { waitUntil } from "../../src/control/lab/command.ts";
import { CLIENT2, KernelLab, PROGRAM } from "./harness/kernel-lab.ts";
import { Pty } from "./harness/pty.ts";

const PINGS = 200;
const ENTER_SCREEN = "\x1b[?1049h\x1b[?25l";
const LEAVE_SCREEN = "\x1b[?25h\x1b[?1049l";

let lab: KernelLab;
let terminals: Pty[] = [];
beforeAll(async () => {
  lab = await KernelLab.start();
  expect(await lab.client1.ping(CLIENT2.ipv4)).toBe(3);
});
afterAll(() => {
  for (const terminal of terminals) terminal.kill();
  return lab?.end();
});

function open(env: Readonly<Record<string, string>> = {}): Pty {
  const terminal = new Pty(`${process.execPath} ${PROGRAM} top`, {
    VXSWITCH_SOCKET: lab.files.socket,
    LANG: "C.UTF-8",
    ...env,
  });
  terminals = [...terminals, terminal];
  return terminal;
}

async function sentByClient(): Promise<number> {
  const counter = "/sys/class/net/vxlan0/statistics/tx_packets";
  return Number(await lab.client1.run("cat", counter));
}

test("rates times intervals are the frames that the client's kernel has counted", async () => {
  const top = spawn(process.execPath, [PROGRAM, "top", "--json", "1", "6"], {
    env: { ...process.env, VXSWITCH_SOCKET: lab.files.socket },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let [lines, frames, sentBefore] = [0, 0, 0];
  let pings = Promise.resolve(0);
  for await (const line of createInterface({ input: top.stdout })) {
    const { interval_seconds: seconds, ports } = JSON.parse(line) as RatesView;
    if (lines++ === 0) {
      // From here on everything is in a later line.
      sentBefore = await sentByClient();
      pings = lab.client1.ping(CLIENT2.ipv4, { count: PINGS, intervalSeconds: 0.01 });
      continue;
    }
    frames += ports.find(({ port }) => port === "client1")!.rates.rx_packets! * seconds;
  }
  expect(await pings).toBe(PINGS);
  const sent = (await sentByClient()) - sentBefore;
  expect(lines).toBe(6);
  expect(sent).toBeGreaterThanOrEqual(PINGS);
  // IPv6 chatter at the edges may be in the one and not in the other.
  expect(Math.abs(frames - sent)).toBeLessThanOrEqual(3);
});

test("who talks with whom is known from the first question on: both ways of a ping, by the second", async () => {
  const { ask } = createClient(lab.files.socket);
  await ask("GET", "/v1/talkers");
  const from = await lab.client1.mac("vxlan0");
  const to = await lab.client2.mac("vxlan0");
  expect(await lab.client1.ping(CLIENT2.ipv4, { count: PINGS, intervalSeconds: 0.01, size: 1000 })).toBe(
    PINGS,
  );
  const counts = async () => {
    const { talkers, seconds } = await ask<TalkersView>("GET", "/v1/talkers");
    const count = (source: string, destination: string) =>
      talkers.filter((row) => row.source === source && row.destination === destination)[0]?.packets * seconds;
    return [count(from, to), count(to, from)];
  };
  expect(await waitUntil(async () => Math.min(...(await counts())) >= PINGS - 1, 3000, 100)).toBe(true);
  expect(Math.max(...(await counts()))).toBeLessThan(PINGS + 10);
});

test("in a terminal it shows ports, opens one, follows the window's size, and leaves the terminal as it was", async () => {
  const terminal = open();
  await terminal.sees(ENTER_SCREEN);
  await terminal.sees("PORT");
  await terminal.sees("br0/client1");
  terminal.press("\x1b[B\x1b[B\r");
  await terminal.sees("br0/client1, by eth0");
  await terminal.sees("type vxlan  vni 4100  remote 10.122.0.22");
  terminal.press("q");
  await terminal.sees("q quit");
  await terminal.resize(24, 30);
  await terminal.sees("PORT           rxpck/s\x1b");
  terminal.press("q");
  await terminal.sees(LEAVE_SCREEN);
  const left = await terminal.end();
  expect(left).toContain("ended with 0");
  expect(left).toMatch(/[^-]icanon/);
  expect(left).toMatch(/[^-]echo /);
});

test("a signal ends it as q does", async () => {
  const terminal = open();
  await terminal.sees("br0/client1");
  terminal.signal("SIGTERM");
  await terminal.sees(LEAVE_SCREEN);
  expect(await terminal.end()).toMatch(/ended with 0.*[^-]icanon/s);
});

test("an error of its own leaves the terminal as it was, and can be read", async () => {
  const fault = "setTimeout(()=>{throw(%22a%20fault%20of%20its%20own%22)},1000)";
  const terminal = open({ NODE_OPTIONS: `--import=data:text/javascript,${fault}` });
  await terminal.sees("br0/client1");
  await terminal.sees(LEAVE_SCREEN);
  await terminal.sees("a fault of its own");
  expect(await terminal.end()).toMatch(/ended with 1.*[^-]icanon/s);
});

test("a daemon that is gone is waited for, and the new one is shown", async () => {
  const terminal = open();
  await terminal.sees("br0/client1");
  await lab.running.stop();
  await terminal.sees("waiting: no daemon answers");
  await lab.restart();
  await terminal.sees("up 00:00:0");
  await terminal.sees("br0/client1");
  terminal.press("q");
  await terminal.sees(LEAVE_SCREEN);
  expect(await terminal.end()).toContain("ended with 0");
});
