// Asks the tools of the host that an operator would ask: what one prints, or in a word why it does not.
import { outcome } from "../lab/command.ts";
import { Refusal } from "../refusal.ts";

/** Where Debian has ethtool and nft, and an ordinary user does not look. */
const SYSTEM_PATH = "/usr/sbin:/sbin";

export interface NoAnswer {
  readonly why: string;
}

/** What a program prints, or why it does not. */
export async function ask(program: string, ...args: string[]): Promise<string | NoAnswer> {
  const env = { ...process.env, PATH: [process.env.PATH, SYSTEM_PATH].filter(Boolean).join(":") };
  try {
    const { code, stdout, stderr } = await outcome(program, args, { env });
    return code === 0 ? stdout : { why: `${program}: ${stderr.trim().split("\n")[0]}` };
  } catch (error) {
    if (error instanceof Refusal) return { why: notInstalled(program) };
    throw error;
  }
}

/** The word for a program that is not there. */
export function notInstalled(program: string): string {
  return `${program} is not installed`;
}
