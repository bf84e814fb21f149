/** What commands that read or change the running system open, and the tables that they print. */
import Table from 'cli-table3';
import { type Database, openDatabase } from '../ledger/db.ts';
import { openSchemas } from '../processors/runtime/parts.ts';
import type { Codec } from '../schemas/codec.ts';
import type { SettingsWith } from '../schemas/settings.ts';
import { operatorSettings } from './environment.ts';

export interface Operator {
  readonly db: Database;
  readonly now: () => Date;
  readonly settings: SettingsWith<'DATABASE_URL'>;
}

/** Opens the ledger for reading. @throws SettingsError when there is neither a setting nor a running stack */
export async function withLedger<T>(act: (operator: Operator) => Promise<T>): Promise<T> {
  const settings = await operatorSettings('DATABASE_URL');
  const db = openDatabase({ url: settings.DATABASE_URL, max: 2, applicationName: 'spillway-cli' });
  try {
    return await act({ db, settings, now: () => new Date() });
  } finally {
    await db.close();
  }
}

/** Opens the ledger and the codec, for commands that change something. */
export async function withLedgerAndCodec<T>(
  act: (operator: Operator & { readonly codec: Codec }) => Promise<T>,
): Promise<T> {
  return withLedger(async (operator) => {
    const { codec } = await openSchemas(await operatorSettings('SCHEMA_REGISTRY_URL'));
    return act({ ...operator, codec });
  });
}

/** No lines: they are most of the ink, and copy badly. */
const PLAIN = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((name) => [name, '']),
);

type Cell = string | number | bigint | boolean | Date | null | undefined;

/** Prints rows as a table for people, or as JSON for programs (amounts stay text). */
export function printRows(
  rows: readonly Readonly<Record<string, Cell>>[],
  asJson: boolean | undefined,
  empty: string,
): void {
  if (asJson) {
    console.log(toJson(rows));
    return;
  }
  const first = rows[0];
  if (!first) {
    console.log(empty);
    return;
  }
  const head = Object.keys(first);
  const table = new Table({
    head,
    chars: PLAIN,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const row of rows) table.push(head.map((name) => cellText(row[name])));
  console.log(table.toString());
}

/** One thing with its fields, one line each. */
export function printFields(row: Readonly<Record<string, Cell>>, asJson: boolean | undefined): void {
  if (asJson) {
    console.log(toJson(row));
    return;
  }
  const width = Math.max(...Object.keys(row).map((name) => name.length));
  for (const [name, value] of Object.entries(row)) console.log(`${name.padEnd(width)}  ${cellText(value)}`);
}

export function toJson(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? part.toString() : part,
  );
  return text.replace(UNSEEN, (found) => escaped(found, 4));
}

/** What acts on a terminal or hides in it: control characters, direction marks, zero-width characters, line separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function escaped(found: string, digits: 2 | 4): string {
  const mark = digits === 2 ? '\\x' : '\\u';
  return found
    .split('')
    .map((unit) => mark + unit.charCodeAt(0).toString(16).padStart(digits, '0'))
    .join('');
}

/** What is listed came from outside: what does not show by itself is shown, never sent to the terminal. */
export function cellText(value: Cell): string {
  if (value === null || value === undefined) return '';
  const text = value instanceof Date ? value.toISOString() : String(value);
  return text.replace(UNSEEN, (found) => escaped(found, /\p{Cc}/u.test(found) ? 2 : 4));
}
