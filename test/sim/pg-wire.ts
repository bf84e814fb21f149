/** The few messages of PostgreSQL's protocol that a session needs, written and read without copies of copies. */

export interface Field {
  readonly name: string;
  /** OID of its type. */
  readonly type: number;
}

export interface Answer {
  readonly fields: readonly Field[];
  readonly rows: readonly (string | null)[][];
  /** Message and SQLSTATE of the first error. */
  readonly error: { readonly message: string; readonly code: string } | undefined;
}

/**
 * Messages written one behind the other into one buffer that is used again for the next request: allocating one per
 * part took as long as the server's work on a small statement.
 */
export class Request {
  #bytes = Buffer.allocUnsafe(65_536);
  #at = 0;

  /** Takes what was written and begins anew; valid until the next message is added. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    return bytes;
  }

  simple(sql: string): void {
    this.#message('Q', () => this.#text(sql));
  }

  /** Parses a statement under a name and asks for its columns. */
  prepare(id: string, sql: string): void {
    this.#message('P', () => {
      this.#text(id);
      this.#text(sql);
      this.#int16(0);
    });
    this.#message('D', () => this.#text(`S${id}`));
    this.#message('S', () => undefined);
  }

  /** Binds and runs a prepared statement; parameters and results as text. */
  run(id: string, values: readonly (string | null)[]): void {
    this.#message('B', () => {
      this.#text('');
      this.#text(id);
      this.#int16(0);
      this.#int16(values.length);
      for (const value of values) this.#value(value);
      this.#int16(0);
    });
    this.#message('E', () => {
      this.#text('');
      this.#int32(0);
    });
    this.#message('S', () => undefined);
  }

  #message(type: string, write: () => void): void {
    this.#room(5);
    this.#bytes[this.#at] = type.charCodeAt(0);
    const start = this.#at + 1;
    this.#at += 5;
    write();
    this.#bytes.writeInt32BE(this.#at - start, start);
  }

  #value(value: string | null): void {
    if (value === null) {
      this.#int32(-1);
      return;
    }
    const start = this.#at;
    this.#int32(0);
    this.#chars(value);
    this.#bytes.writeInt32BE(this.#at - start - 4, start);
  }

  #text(value: string): void {
    this.#chars(value);
    this.#room(1);
    this.#bytes[this.#at++] = 0;
  }

  #chars(value: string): void {
    this.#room(value.length * 3);
    this.#at += this.#bytes.write(value, this.#at, 'utf8');
  }

  #int16(value: number): void {
    this.#room(2);
    this.#at = this.#bytes.writeInt16BE(value, this.#at);
  }

  #int32(value: number): void {
    this.#room(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + size));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

const ROW = 'D'.charCodeAt(0);
const DESCRIPTION = 'T'.charCodeAt(0);
const ERROR = 'E'.charCodeAt(0);

export function readAnswer(view: Buffer): Answer {
  const rows: (string | null)[][] = [];
  let fields: Field[] = [];
  let error: Answer['error'];
  for (let at = 0; at < view.length; at += 1 + view.readInt32BE(at + 1)) {
    const type = view[at];
    if (type === ROW) rows.push(readRow(view, at + 5));
    else if (type === DESCRIPTION) fields = readFields(view, at + 5);
    else if (type === ERROR) error ??= readError(view, at + 5);
  }
  return { fields, rows, error };
}

function readRow(view: Buffer, start: number): (string | null)[] {
  const count = view.readInt16BE(start);
  const row: (string | null)[] = [];
  let at = start + 2;
  for (let i = 0; i < count; i++) {
    const length = view.readInt32BE(at);
    at += 4;
    if (length < 0) row.push(null);
    else {
      row.push(view.toString('utf8', at, at + length));
      at += length;
    }
  }
  return row;
}

function readFields(view: Buffer, start: number): Field[] {
  const count = view.readInt16BE(start);
  const fields: Field[] = [];
  let at = start + 2;
  for (let i = 0; i < count; i++) {
    const end = view.indexOf(0, at);
    // Behind the name: table (4), column (2), type (4), length (2), modifier (4), format (2).
    fields.push({ name: view.toString('utf8', at, end), type: view.readInt32BE(end + 7) });
    at = end + 19;
  }
  return fields;
}

function readError(view: Buffer, start: number): { message: string; code: string } {
  let [at, messageText, code] = [start, '', ''];
  while (view[at] !== 0) {
    const end = view.indexOf(0, at);
    const value = view.toString('utf8', at + 1, end);
    if (view[at] === 'M'.charCodeAt(0)) messageText = value;
    if (view[at] === 'C'.charCodeAt(0)) code = value;
    at = end + 1;
  }
  return { message: messageText, code };
}
