/**
 * The reference scenario as data: which clients, how many payments each, and, worked out by itself and not by the
 * ledger's code, what every client must have got at the end. Pure.
 */
import { feeOf, formatMoney, type Money, money, parseMoney } from '../../schemas/money.ts';

export interface DemoOptions {
  /** Payments of each threshold client that should cross. */
  readonly payments: number;
  /** How many clients take XMR at $500. */
  readonly xmrClients: number;
}

export interface PlannedClient {
  readonly title: string;
  readonly strategy: 'instant' | 'threshold';
  /** US dollars; null for instant. */
  readonly thresholdUsd: string | null;
  readonly currency: string;
  readonly network: string;
  readonly payments: number;
}

/** What each payment is: $50, which is 0.0125 ETH at the simulators' 4,000 USDT per ETH. */
export const PRICE_USD = '50';
export const DAYS = 30;
const GROSS = { instant: parseMoney('ETH', '0.0125'), threshold: parseMoney('USDT', '50') } as const;

/** Few, so that they stay below any threshold of the scenario. */
const FEW = 3;

export function planClients(options: DemoOptions): PlannedClient[] {
  const threshold = (title: string, usd: string, currency: string, network: string, payments: number) =>
    ({ title, strategy: 'threshold', thresholdUsd: usd, currency, network, payments }) as const;
  const xmr = Array.from({ length: options.xmrClients }, (_, index) =>
    threshold(
      options.xmrClients === 1 ? 'XMR at $500' : `XMR at $500, no. ${index + 1}`,
      '500',
      'xmr',
      'xmr',
      options.payments,
    ),
  );
  return [
    {
      title: 'BTC, instant',
      strategy: 'instant',
      thresholdUsd: null,
      currency: 'btc',
      network: 'btc',
      payments: FEW,
    },
    threshold('USDT at $200, direct', '200', 'usdt', 'eth', options.payments),
    ...xmr,
    threshold('LTC at $120', '120', 'ltc', 'ltc', options.payments),
    threshold('XMR at $500, too little', '500', 'xmr', 'xmr', FEW),
  ];
}

export interface Expectation {
  /** What is credited for one payment, after the fee. */
  readonly net: Money;
  readonly credited: Money;
  /** Amounts of the payouts in the order in which they are made. */
  readonly payouts: readonly Money[];
  /** What stays for the next payout. */
  readonly held: Money;
  /** Payments that are in a payout. */
  readonly paidOut: number;
}

/** @param feeBps the platform's fee in basis points */
export function expectationOf(
  client: Pick<PlannedClient, 'strategy' | 'thresholdUsd' | 'payments'>,
  feeBps: number,
): Expectation {
  const gross: Money = GROSS[client.strategy];
  const { asset } = gross;
  const net = money(asset, gross.minor - feeOf(gross, feeBps).minor);
  const threshold = client.thresholdUsd === null ? 0n : parseMoney('USDT', client.thresholdUsd).minor;
  const payouts: Money[] = [];
  let held = 0n;
  let paidOut = 0;
  for (let count = 1; count <= client.payments; count += 1) {
    held += net.minor;
    if (held < threshold) continue;
    payouts.push(money(asset, held));
    held = 0n;
    paidOut = count;
  }
  const credited = money(asset, net.minor * BigInt(client.payments));
  return { net, credited, payouts, held: money(asset, held), paidOut };
}

/** `533.5 USDT` */
export function amountText(amount: Money): string {
  return `${formatMoney(amount)} ${amount.asset}`;
}
