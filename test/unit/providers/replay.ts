/** Helpers of the providers' contract tests: recorded answers, a server that replays one, and comparing shapes. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLosslessNumber } from 'lossless-json';
import { json } from '../../../providers/http.ts';

export interface Recorded {
  readonly name: string;
  readonly status: number;
  readonly response: json.Json;
  readonly request: json.JsonObject;
  readonly simulate: json.JsonObject | undefined;
  /** What the client makes of it; undefined when it throws. */
  readonly result: unknown;
  readonly error: Record<string, unknown> | undefined;
}

/** Numbers in `response` keep their text; everything else is plain JavaScript. */
export function recordings(provider: string): Recorded[] {
  const file = new URL(`../../fixtures/providers/${provider}.json`, import.meta.url);
  return json.array(json.parseJson(readFileSync(file, 'utf8')), 'fixture.list').map((entry) => {
    const row = json.object(entry, 'fixture.entry');
    const plain = (value: json.Json | undefined): unknown =>
      value === undefined ? undefined : JSON.parse(json.stringifyJson(value));
    return {
      name: json.text(row.name, 'fixture.name'),
      status: Number(String(row.status)),
      response: row.response ?? null,
      request: json.object(row.request ?? {}, 'fixture.request'),
      simulate: row.simulate === undefined ? undefined : json.object(row.simulate, 'fixture.simulate'),
      result: plain(row.result),
      error: plain(row.error) as Record<string, unknown> | undefined,
    };
  });
}

export interface Replay extends AsyncDisposable {
  readonly url: string;
  /** `METHOD path body` of each request. */
  readonly seen: string[];
}

/** A server that gives the same answer to everything. */
export async function replay(status: number, body: string): Promise<Replay> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    let received = '';
    request.on('data', (chunk) => {
      received += String(chunk);
    });
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${received}`.trim());
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Keys and JSON types, without values: `{ "id": "number", "fee": { ... } }`. */
export function shape(value: json.Json | undefined): unknown {
  if (value === null || value === undefined) return 'null';
  if (isLosslessNumber(value)) return 'number';
  if (typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) return value.map(shape);
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, shape(value[key])]),
  );
}
