// What the machine and single processes have used, read from /proc.

import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every architecture we build for

/** CPU seconds since boot in which any core of the machine did something, interrupts included. */
export function machineCpuSeconds(): number {
  return machineTicks((times) => times.user + times.nice + times.system + times.irq + times.softirq);
}

/** CPU seconds since boot that the hypervisor gave to others although this machine had work. */
export function stolenCpuSeconds(): number {
  return machineTicks((times) => times.steal);
}

interface Times {
  user: number;
  nice: number;
  system: number;
  irq: number;
  softirq: number;
  steal: number;
}

function machineTicks(select: (times: Times) => number): number {
  const fields = readFileSync("/proc/stat", "utf8").split("\n", 1)[0].split(/\s+/).slice(1).map(Number);
  const [user, nice, system, , , irq, softirq, steal] = fields;
  return select({ user, nice, system, irq, softirq, steal }) / TICKS_PER_SECOND;
}

/** CPU seconds that the processes have used since their start, all threads, user and system time. */
export function processCpuSeconds(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    // The program's name, in parentheses, may itself contain spaces: count the fields from behind it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  });
}

/** Resident memory of the processes in bytes. */
export function residentBytes(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return kilobytes === null ? 0 : Number(kilobytes[1]) * 1024;
  });
}

function sum(pids: readonly number[], value: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + value(pid), 0);
}
