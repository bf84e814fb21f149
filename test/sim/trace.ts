/** What happened, one line per step, and its hash: the same seed must give the same lines on every machine. */
import { createHash } from 'node:crypto';

export class Trace {
  readonly #hash = createHash('sha256');
  readonly #print: ((line: string) => void) | undefined;
  /** The end of the story, for failures. */
  readonly tail: string[] = [];
  lines = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  add(line: string): void {
    this.#hash.update(`${line}\n`);
    this.lines += 1;
    this.tail.push(line);
    if (this.tail.length > 60) this.tail.shift();
    this.#print?.(line);
  }

  /** SHA-256 of all lines, hex. Ends the trace. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
