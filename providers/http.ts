/**
 * JSON over HTTP for provider clients, on the platform's fetch: a deadline that includes the wait for our own rate
 * limit, a size cap, exact numbers, and every failure as a ProviderError whose kind says what may have happened.
 */
import pThrottle from 'p-throttle';
import { malformed, ProviderError } from './error.ts';
import { classifyStatus, codeOf, messageOf, retryAfterMs, wasNeverSent } from './http-failure.ts';
import { type Json, parseJson, stringifyJson } from './json.ts';

export type { Json, JsonObject } from './json.ts';
export * as json from './json.ts';

export interface HttpOptions {
  readonly provider: string;
  /** With or without a path and a closing slash. */
  readonly baseUrl: string;
  /** Values are treated as secrets: they are cut out of every message. */
  readonly headers?: Record<string, string>;
  /** From the call to the last byte, our own rate limit included; default 20 s, below the intent's lease. */
  readonly timeoutMs?: number;
  /** Our own limit of requests per minute; default none. */
  readonly perMinute?: number;
}

export type Query = Record<string, string | undefined>;

export interface Http {
  /**
   * @param path begins with a slash, its parts already percent-encoded
   * @param headers of this call alone; secrets like those of all calls
   */
  get(path: string, query?: Query, headers?: Record<string, string>): Promise<Json>;
  /**
   * @param body may hold `json.exact('0.1')` where a number must be exact
   * @param options effect (default true): the call changes something there, so a failure after it was sent is
   * `unknown_outcome`
   */
  post(path: string, body: unknown, options?: { effect: boolean }): Promise<Json>;
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query: Query;
  readonly body: string | null;
  readonly effect: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

const TIMEOUT_MS_DEFAULT = 20_000;
const BYTES_MAX = 1024 * 1024;

export function createHttp(options: HttpOptions): Http {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
  const paced = pacing(options.perMinute);
  const run = async (call: Call): Promise<Json> => {
    const signal = AbortSignal.timeout(timeoutMs);
    await waitForTurn(paced, signal, options.provider, call);
    return send(options, call, signal);
  };
  return {
    get: (path, query = {}, headers = {}) =>
      run({ method: 'GET', path, query, body: null, effect: false, headers }),
    post: (path, body, { effect } = { effect: true }) =>
      run({ method: 'POST', path, query: {}, body: stringifyJson(body), effect, headers: {} }),
  };
}

function pacing(perMinute: number | undefined): (() => Promise<void>) | null {
  if (perMinute === undefined) return null;
  // Spread over seconds where there are enough: a burst that is spent leaves nobody waiting for a whole minute.
  const share = perMinute >= 60 ? { limit: Math.floor(perMinute / 60), interval: 1_000 } : undefined;
  return pThrottle({ limit: perMinute, interval: 60_000, ...share, strict: true })(async () => {});
}

/** A call whose deadline passed while it waited is never sent: its caller has given up and lost its lease. */
async function waitForTurn(
  paced: (() => Promise<void>) | null,
  signal: AbortSignal,
  provider: string,
  call: Call,
): Promise<void> {
  if (paced === null) return;
  const expired = new Promise<'expired'>((resolve) => {
    signal.addEventListener('abort', () => resolve('expired'), { once: true });
  });
  if ((await Promise.race([paced(), expired])) === 'expired' || signal.aborted) {
    const message = `${call.method} ${call.path} waited too long for our own rate limit and was not sent`;
    throw new ProviderError(message, { provider, kind: 'transient', code: 'rate_limited_here' });
  }
}

async function send(options: HttpOptions, call: Call, signal: AbortSignal): Promise<Json> {
  let response: Response;
  let body: string;
  try {
    response = await fetch(address(options.baseUrl, call), {
      method: call.method,
      headers: {
        accept: 'application/json',
        ...(call.body === null ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
        ...call.headers,
      },
      body: call.body,
      // A followed redirect would carry our key to another host, and repeat a POST.
      redirect: 'manual',
      signal,
    });
    body = await readBody(response, options.provider);
  } catch (error) {
    throw failureOf(error, options, call, signal);
  }
  if (response.status >= 200 && response.status < 300) return parsed(body, options.provider, call);
  throw refusalOf(response, body, options, call);
}

function address(baseUrl: string, call: Call): string {
  const url = new URL(baseUrl.replace(/\/+$/, '') + call.path);
  for (const [name, value] of Object.entries(call.query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}

async function readBody(response: Response, provider: string): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > BYTES_MAX) throw malformed(provider, `more than ${BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(body: string, provider: string, call: Call): Json {
  try {
    return parseJson(body);
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 80) : 'not JSON';
    const what = `malformed answer to ${call.method} ${call.path}: ${why}`;
    throw new ProviderError(what, { provider, kind: afterSending(call), code: 'malformed' });
  }
}

/** No usable answer: refused before it was sent, or lost somewhere after. */
function failureOf(error: unknown, options: HttpOptions, call: Call, signal: AbortSignal): ProviderError {
  const { provider } = options;
  const asked = `${call.method} ${call.path}`;
  if (error instanceof ProviderError) {
    return new ProviderError(`${asked}: answer too long`, {
      provider,
      kind: afterSending(call),
      code: 'malformed',
    });
  }
  if (signal.aborted) {
    const seconds = (options.timeoutMs ?? TIMEOUT_MS_DEFAULT) / 1000;
    const message = `${asked} got no answer within ${seconds} s`;
    return new ProviderError(message, { provider, kind: afterSending(call), code: 'timeout' });
  }
  const code = codeOf(error);
  const kind = wasNeverSent(error) ? 'transient' : afterSending(call);
  return new ProviderError(`${asked} failed: ${code}`, { provider, kind, code });
}

/** What it means that a sent call has no readable answer. */
function afterSending(call: Call): 'transient' | 'unknown_outcome' {
  return call.effect ? 'unknown_outcome' : 'transient';
}

function refusalOf(response: Response, body: string, options: HttpOptions, call: Call): ProviderError {
  const { status } = response;
  const said = messageOf(body, Object.values({ ...options.headers, ...call.headers }));
  const code = said.code ?? `http_${status}`;
  const message = `${call.method} ${call.path} answered ${status} (${code})${said.text && `: ${said.text}`}`;
  const wait = retryAfterMs(response.headers.get('retry-after'), Date.now());
  const kind = classifyStatus(status, call.effect);
  return new ProviderError(message, { provider: options.provider, kind, status, code, retryAfterMs: wait });
}
