/** The control sides of the simulators, as the demo and the tests use them: plain JSON over HTTP. */

export interface SimulatedPayment {
  readonly paymentId: string;
  readonly orderId: string | null;
  readonly status: string;
  readonly outcomeAmount: string | null;
  readonly payoutHash: string | null;
  readonly error: string | null;
}

export interface Deliveries {
  readonly pending: number;
  readonly delivered: number;
  readonly retries: number;
  readonly given_up: number;
  readonly duplicates: number;
  readonly forged: number;
  readonly forged_accepted: number;
}

/** What the swap simulator paid on chains that are not simulated. Amounts are exact decimal text. */
export interface BookEntry {
  readonly address: string;
  readonly currency: string;
  readonly amount: string;
  readonly hash: string;
  readonly orderId: string;
}

/** @throws Error with what the other side said when it is not 2xx */
export async function ask<T>(base: string, path: string, body?: unknown): Promise<T> {
  const init =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(new URL(path, base), init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${base}${path} answered ${response.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as T;
}

/** Starts payments (fields of `POST /_control/pay`); they go on by themselves. */
export async function pay(nowpayments: string, payments: readonly unknown[]): Promise<SimulatedPayment[]> {
  const answer = await ask<{ payments: SimulatedPayment[] }>(nowpayments, '/_control/pay', { payments });
  return answer.payments;
}

export const deliveries = (nowpayments: string) => ask<Deliveries>(nowpayments, '/_control/deliveries');

export const bookOf = (changenow: string, address: string) =>
  ask<BookEntry[]>(changenow, `/_control/book?address=${encodeURIComponent(address)}`);

interface Script {
  readonly match: Readonly<Record<string, string>>;
  readonly ratio: string;
  readonly times: number | null;
}

/** From now on every ETH -> USDT conversion brings 0.4 % less than quoted, so that variance is seen. */
export async function conversionsBringLess(changenow: string): Promise<void> {
  const match = { fromCurrency: 'eth', fromNetwork: 'eth', toCurrency: 'usdt', toNetwork: 'eth' };
  const scripts = await ask<Script[]>(changenow, '/_control/script');
  const isThere = scripts.some(
    (script) =>
      script.times === null && script.ratio === '0.996' && script.match.toCurrency === match.toCurrency,
  );
  if (!isThere) await ask(changenow, '/_control/script', { match, ratio: '0.996', times: null });
}
