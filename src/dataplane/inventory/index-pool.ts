// Hands out the indices of a bounded table and takes them back.

export class IndexPool {
  private readonly free: number[] = [];
  private readonly what: string;
  private readonly max: number;

  /** Indices `first` … `end - 1`; the lowest free one is handed out first. */
  constructor(what: string, first: number, end: number) {
    this.what = what;
    this.max = end - first;
    for (let index = end - 1; index >= first; index--) this.free.push(index);
  }

  get hasRoom(): boolean {
    return this.free.length > 0;
  }

  /** Throws when all are taken: validation keeps configurations within the limits. */
  take(): number {
    const index = this.free.pop();
    if (index === undefined) throw new Error(`no more than ${this.max} ${this.what}`);
    return index;
  }

  give(index: number): void {
    this.free.push(index);
  }
}
