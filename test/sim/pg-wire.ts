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

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  const head = Buffer.allocUnsafe(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(length, 1);
  return Buffer.concat([head, ...parts]);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'utf8');
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const SYNC = message('S');
const EXECUTE = message('E', text(''), int32(0));
const NO_FORMATS = int16(0);
const NULL = int32(-1);

export function simpleQuery(sql: string): Buffer {
  return message('Q', text(sql));
}

export function prepare(id: string, sql: string): Buffer {
  return Buffer.concat([
    message('P', text(id), text(sql), int16(0)),
    message('D', Buffer.from('S'), text(id)),
    SYNC,
  ]);
}

/** Binds and runs a prepared statement; parameters and results as text. */
export function run(id: string, values: readonly (string | null)[]): Buffer {
  const parts: Buffer[] = [text(''), text(id), NO_FORMATS, int16(values.length)];
  for (const value of values) {
    if (value === null) {
      parts.push(NULL);
      continue;
    }
    const bytes = Buffer.from(value, 'utf8');
    parts.push(int32(bytes.length), bytes);
  }
  parts.push(NO_FORMATS);
  return Buffer.concat([message('B', ...parts), EXECUTE, SYNC]);
}

const ROW = 'D'.charCodeAt(0);
const DESCRIPTION = 'T'.charCodeAt(0);
const ERROR = 'E'.charCodeAt(0);

export function readAnswer(bytes: Uint8Array): Answer {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
