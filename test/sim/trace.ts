/** What happened, one line per step, and its hash: the same seed must give the same lines on every machine. */
import { createHash } from 'node:crypto';

const CHUNK = 65_536;

export class Trace {
  readonly #hash = createHash('sha256');
  /** Not yet hashed: a call per line would cost more than the hashing. */
  #text = '';
  readonly #print: ((line: string) => void) | undefined;
  /** The end of the story, for failures. */
  readonly tail: string[] = [];
  lines = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  add(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length > CHUNK) this.#flush();
    this.lines += 1;
    this.tail.push(line);
    if (this.tail.length > 60) this.tail.shift();
    this.#print?.(line);
  }

  /** SHA-256 of all lines, hex. Ends the trace. */
  digest(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    this.#hash.update(this.#text);
    this.#text = '';
  }
}
