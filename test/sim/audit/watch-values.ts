/**
 * What a payment may be worth, at the moment it is booked: only what its provider said of it, only from notices that the
 * provider signed, at a rate that was usable, agreed and fresh, less 3 %.
 */
import { ATTEMPT_HEADER } from '../../../processors/accumulate/record.ts';
import type { OutRecord } from '../../../processors/runtime/publisher.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import type { Committed } from '../database.ts';
import { SETTINGS } from '../settings.ts';
import { writtenBy } from '../writes.ts';

export interface ValuesOptions {
  /** Whether the payment may be credited at all, and its provider has said by now that it brought this much. */
  readonly hasBrought: (paymentId: string, asset: string, amount: bigint) => boolean;
  /** Whether the provider said what this record of payments.received says. */
  readonly isGenuine: (eventId: string, value: Buffer) => boolean;
  /** What a record of payments.valued proposes; undefined: no value. */
  readonly proposalOf: (value: Buffer) => Proposal | undefined;
}

export interface Proposal {
  readonly paymentId: string;
  /** By the clock of whoever proposed it: that one is compared with the snapshot's. */
  readonly at: Date;
  /** null: none was needed. */
  readonly rateId: string | null;
}

interface Rate {
  readonly at: string;
  readonly usable: boolean;
  readonly usdt_per_eth: string;
  readonly spot_eth_usd: string;
  readonly spot_usdt_usd: string;
}

interface Leg {
  readonly payment_id: string;
  readonly leg: number;
  readonly asset: string;
  readonly gross: string;
  readonly fee: string;
  readonly net: string;
  readonly received_asset: string;
  readonly received: string;
  readonly rate_id: string | null;
}

interface Payment {
  readonly payment_id: string;
  readonly received_asset: string | null;
  readonly incoming: string;
}

const TABLES: ReadonlySet<string> = new Set(['rates', 'payment_status', 'payout_accumulation']);
const FEE_BPS = 300n;

export class ValuesWatch {
  readonly #options: ValuesOptions;
  readonly #rates = new Map<string, Rate>();

  constructor(options: ValuesOptions) {
    this.#options = options;
  }

  /** @returns one line per thing that is wrong */
  see(statements: readonly Committed[]): string[] {
    const written = writtenBy(statements, TABLES);
    if (!written) return [];
    const rows = <R>(table: string): readonly R[] => (written.get(table) ?? []) as readonly R[];
    const rates = rows<Rate & { readonly rate_id: string }>('rates');
    for (const rate of rates) this.#rates.set(rate.rate_id, rate);
    return [
      ...rates.filter(isApart).map(({ rate_id, usdt_per_eth, spot_eth_usd }) => {
        return `rate ${rate_id} is usable at ${usdt_per_eth}, the second source says ${spot_eth_usd}`;
      }),
      ...rows<Payment>('payment_status').flatMap((row) => this.#payment(row)),
      ...rows<Leg>('payout_accumulation').flatMap((row) => this.#leg(row)),
    ];
  }

  /** @returns one line per thing that is wrong */
  appended({ topic, headers, value }: OutRecord): string[] {
    const id = headers['event-id'];
    // Without an id it is nothing of ours; redriven, it was judged when it first came.
    if (id === undefined || value === null || headers[ATTEMPT_HEADER] !== undefined) return [];
    if (topic === TOPIC.received && !this.#options.isGenuine(id, value))
      return [`event ${id} of ${topic} is a notice that nobody signed`];
    return topic === TOPIC.valued ? this.#proposal(this.#options.proposalOf(value)) : [];
  }

  #payment({ payment_id, received_asset, incoming }: Payment): string[] {
    const amount = BigInt(incoming);
    if (amount === 0n || this.#options.hasBrought(payment_id, received_asset!, amount)) return [];
    return [`payment ${payment_id} is booked with ${amount} ${received_asset}, which it did not bring`];
  }

  #leg(leg: Leg): string[] {
    const [gross, fee, net] = [BigInt(leg.gross), BigInt(leg.fee), BigInt(leg.net)];
    const name = `leg ${leg.leg} of payment ${leg.payment_id}`;
    const problems: string[] = [];
    if (fee !== (gross * FEE_BPS) / 10_000n || net !== gross - fee)
      problems.push(`${name}: ${gross} - ${fee} is not ${net}`);
    const fair = leg.asset === leg.received_asset ? BigInt(leg.received) : this.#atRate(leg);
    if (fair !== gross) problems.push(`${name}: gross ${gross}, fair is ${fair}`);
    return problems;
  }

  /** ETH in wei at the leg's own rate to micro-USDT, floored. */
  #atRate({ rate_id, received }: Leg): bigint | undefined {
    const rate = this.#rates.get(rate_id ?? '');
    if (!rate?.usable) return undefined;
    const [whole = '', fraction = ''] = rate.usdt_per_eth.split('.');
    return (BigInt(received) * BigInt(whole + fraction)) / 10n ** BigInt(12 + fraction.length);
  }

  #proposal(proposal: Proposal | undefined): string[] {
    if (!proposal || proposal.rateId === null) return [];
    const { paymentId, at, rateId } = proposal;
    const name = `the value of payment ${paymentId}`;
    const rate = this.#rates.get(rateId);
    if (!rate?.usable) return [`${name} is at rate ${rateId}, which is none to use`];
    const age = at.getTime() - Date.parse(rate.at);
    return age < 0 || age > SETTINGS.RATE_MAX_AGE ? [`${name} is at a rate that was ${age} ms old`] : [];
  }
}

/** Whether it is usable although the second source contradicts it. */
function isApart({ usable, usdt_per_eth, spot_eth_usd, spot_usdt_usd }: Rate): boolean {
  const [quote, feed] = [e18(usdt_per_eth) * e18(spot_usdt_usd), e18(spot_eth_usd) * 10n ** 18n];
  const apart = quote > feed ? quote - feed : feed - quote;
  return usable && apart * 10_000n > feed * BigInt(SETTINGS.RATE_MAX_DEVIATION_BPS);
}

/** Decimal text in units of 10^-18. */
function e18(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(18, '0').slice(0, 18));
}
