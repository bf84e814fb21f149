/** Was every payment credited exactly as it must be: once, and with all that was received? Its value is watched as it is booked. */
import type { Expected } from '../workload.ts';
import type { Books } from './books.ts';
import { sum } from './books.ts';

const DECIMALS: Readonly<Record<string, number>> = { eth: 18, usdterc20: 6 };

export function auditPayments(books: Books, expected: readonly Expected[]): string[] {
  const known = new Set(expected.map(({ script }) => script.id));
  const strange = books.legs.filter((leg) => !known.has(leg.payment_id));
  return [
    ...strange.map((leg) => `payment ${leg.payment_id} was credited, but nobody made it`),
    ...expected.flatMap((payment) => auditPayment(payment, books)),
  ];
}

function auditPayment({ script, fate, parked }: Expected, books: Books): string[] {
  const legs = books.legs.filter((leg) => leg.payment_id === script.id);
  const received = sum(legs.map((leg) => leg.received));
  const status = books.payments.find((row) => row.payment_id === script.id);
  const name = `payment ${script.id} (${script.steps.map((step) => step.status).join(' ')})`;
  const last = script.steps.at(-1)!.status;
  if (parked === null && status?.status !== last) return [`${name} is ${status?.status} in the books`];
  if (fate === 'either') return [];
  if (fate === 'none') return legs.length === 0 ? [] : [`${name} was credited with ${received}`];
  if (fate === 'refunded')
    return status?.state === 'closed' ? [] : [`${name} is ${status?.state}, not closed`];
  const outcome = minor(script.steps.at(-1)!.outcome!, DECIMALS[script.outcomeCurrency]!);
  if (received === outcome && status?.confirmed === status?.incoming && !status?.quarantined) return [];
  return [
    `${name}: received ${received} of ${outcome}, state ${status?.state}, confirmed ${status?.confirmed} of ${status?.incoming}`,
  ];
}

function minor(text: string, decimals: number): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(decimals, '0'));
}
