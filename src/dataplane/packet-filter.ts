// Filters of mirrors: classic BPF programs (McCanne and Jacobson 1993; the instructions are those of linux/bpf_common.h) as
// libpcap compiles them, checked once and then interpreted over frames of the arena. A program that passed the check
// ends after as many steps as it has instructions at most, and reads nothing beyond its frame: that rejects the frame.
//
// An instruction is four numbers: code, jump if true, jump if false (both counted from the next one), k.
//
//    code:  | 8 … 4 operation, or mode and size | 3 operand k or X | 2 1 0 class |

/** Tells whether the frame at this offset of the arena passes. */
export type PacketFilter = (offset: number, length: number) => boolean;

/** As the kernel allows (BPF_MAXINSNS). */
export const FILTER_INSTRUCTIONS_MAX = 4096;
const MEMORY_WORDS = 16;
const INSTRUCTION_WORDS = 4;

const CLASS = 0x07;
const LD = 0x00;
const LDX = 0x01;
const ST = 0x02;
const STX = 0x03;
const ALU = 0x04;
const JMP = 0x05;
const RET = 0x06;
const MISC = 0x07;

const SIZE = 0x18;
const HALF = 0x08;
const BYTE = 0x10;

const MODE = 0xe0;
const IMM = 0x00;
const ABS = 0x20;
const IND = 0x40;
const MEM = 0x60;
const LEN = 0x80;
const MSH = 0xa0;

const OPERATION = 0xf0;
const ADD = 0x00;
const SUB = 0x10;
const MUL = 0x20;
const DIV = 0x30;
const OR = 0x40;
const AND = 0x50;
const LSH = 0x60;
const RSH = 0x70;
const NEG = 0x80;
const MOD = 0x90;
const XOR = 0xa0;

const JA = 0x00;
const JEQ = 0x10;
const JGT = 0x20;
const JGE = 0x30;
const JSET = 0x40;

const X = 0x08;
const RETURN_A = 0x10;
const TXA = 0x80;

const KNOWN = new Set([
  ...[IMM, MEM, LEN, ABS, IND].map((mode) => LD | mode),
  ...[ABS, IND].flatMap((mode) => [LD | mode | HALF, LD | mode | BYTE]),
  ...[IMM, MEM, LEN, MSH | BYTE].map((mode) => LDX | mode),
  ...[ST, STX, RET, RET | RETURN_A, MISC, MISC | TXA, ALU | NEG, JMP | JA],
  ...[ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, MOD, XOR].flatMap((alu) => [ALU | alu, ALU | alu | X]),
  ...[JEQ, JGT, JGE, JSET].flatMap((jump) => [JMP | jump, JMP | jump | X]),
]);

/** Why a program cannot be run, or "" if it can. `k` may be written as a signed or an unsigned word. */
export function programFault(program: readonly number[]): string {
  const count = program.length / INSTRUCTION_WORDS;
  if (!Number.isInteger(count)) return "an instruction is not whole";
  if (count === 0 || count > FILTER_INSTRUCTIONS_MAX)
    return `${count} instructions, ${FILTER_INSTRUCTIONS_MAX} at most`;
  if ((program[(count - 1) * INSTRUCTION_WORDS] & CLASS) !== RET)
    return "the last instruction does not return";
  for (let index = 0; index < count; index++) {
    const at = index * INSTRUCTION_WORDS;
    const fault = instructionFault(program.slice(at, at + INSTRUCTION_WORDS), count - index - 1);
    if (fault !== "") return `instruction ${index}: ${fault}`;
  }
  return "";
}

/** `following`: how many instructions follow. Jumps lead forward alone, which is why every program ends. */
function instructionFault([code, jumpTrue, jumpFalse, k]: readonly number[], following: number): string {
  const isWord = k === k >>> 0 || k === (k | 0);
  if (!KNOWN.has(code) || !isWord) return "not known";
  switch (code & CLASS) {
    case LD:
    case LDX:
      return (code & MODE) === MEM && k >>> 0 >= MEMORY_WORDS ? "beyond the scratch memory" : "";
    case ST:
    case STX:
      return k >>> 0 >= MEMORY_WORDS ? "beyond the scratch memory" : "";
    case ALU:
      return isDivision(code) && (code & X) === 0 && k === 0 ? "divides by zero" : "";
    case JMP: {
      const jumps = (code & OPERATION) === JA ? [k >>> 0] : [jumpTrue, jumpFalse];
      if (jumps.some((jump) => (jump | 0) < 0)) return "jumps backward";
      return jumps.every((jump) => jump < following) ? "" : "jumps out of the program";
    }
    default:
      return "";
  }
}

/** The filter of a program without fault over the frames of an arena. */
export function createPacketFilter(program: readonly number[], view: DataView): PacketFilter {
  const fault = programFault(program);
  if (fault !== "") throw new Error(`a filter that was not checked: ${fault}`);
  const words = new Int32Array(program);
  const memory = new Int32Array(MEMORY_WORDS);

  /** Registers are signed words: whole numbers that V8 need not allocate; `>>> 0` where the sign would matter. */
  return (offset, length) => {
    let a = 0;
    let x = 0;
    for (let at = 0; ; at += INSTRUCTION_WORDS) {
      const code = words[at];
      const k = words[at + 3];
      const operand = (code & X) === 0 ? k : x;
      switch (code & CLASS) {
        case LD: {
          const mode = code & MODE;
          if (mode === ABS || mode === IND) {
            const from = (k >>> 0) + (mode === IND ? x >>> 0 : 0);
            if (from + bytesOf(code) > length) return false;
            a = fetch(view, code, offset + from);
          } else a = mode === IMM ? k : mode === LEN ? length : memory[k];
          break;
        }
        case LDX:
          if ((code & MODE) === MSH) {
            if (k >>> 0 >= length) return false;
            x = (view.getUint8(offset + k) & 0xf) << 2;
          } else x = (code & MODE) === IMM ? k : (code & MODE) === LEN ? length : memory[k];
          break;
        case ST:
          memory[k] = a;
          break;
        case STX:
          memory[k] = x;
          break;
        case ALU:
          if (operand === 0 && isDivision(code)) return false;
          a = calculate(code, a, operand);
          break;
        case JMP:
          if ((code & OPERATION) === JA) at += k * INSTRUCTION_WORDS;
          else at += words[holds(code, a, operand) ? at + 1 : at + 2] * INSTRUCTION_WORDS;
          break;
        case RET:
          return ((code & RETURN_A) === 0 ? k : a) !== 0;
        default:
          if ((code & TXA) === 0) x = a;
          else a = x;
      }
    }
  };
}

function bytesOf(code: number): number {
  return (code & SIZE) === BYTE ? 1 : (code & SIZE) === HALF ? 2 : 4;
}

function fetch(view: DataView, code: number, from: number): number {
  if ((code & SIZE) === BYTE) return view.getUint8(from);
  return (code & SIZE) === HALF ? view.getUint16(from) : view.getInt32(from);
}

function isDivision(code: number): boolean {
  return (code & OPERATION) === DIV || (code & OPERATION) === MOD;
}

/** A shift by 32 or more leaves nothing, as in libpcap's own interpreter. */
function calculate(code: number, a: number, operand: number): number {
  switch (code & OPERATION) {
    case ADD:
      return (a + operand) | 0;
    case SUB:
      return (a - operand) | 0;
    case MUL:
      return Math.imul(a, operand);
    case DIV:
      return ((a >>> 0) / (operand >>> 0)) | 0;
    case MOD:
      return ((a >>> 0) % (operand >>> 0)) | 0;
    case OR:
      return a | operand;
    case AND:
      return a & operand;
    case XOR:
      return a ^ operand;
    case LSH:
      return operand >>> 0 < 32 ? a << operand : 0;
    case RSH:
      return operand >>> 0 < 32 ? (a >>> operand) | 0 : 0;
    default:
      return -a | 0;
  }
}

function holds(code: number, a: number, operand: number): boolean {
  switch (code & OPERATION) {
    case JEQ:
      return a === operand;
    case JGT:
      return a >>> 0 > operand >>> 0;
    case JGE:
      return a >>> 0 >= operand >>> 0;
    default:
      return (a & operand) !== 0;
  }
}
