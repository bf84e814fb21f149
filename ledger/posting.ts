/**
 * Every posting of money.md as a named function. A transfer is one row (debit, credit, amount > 0), so a set balances
 * by its shape; a conversion is two transfers, one per asset, through position:open. Nothing here decides anything.
 */
import { type Money, money, subtract } from '../schemas/money.ts';
import type { AccountName } from './accounts.ts';

export interface Transfer {
  readonly debit: AccountName;
  readonly credit: AccountName;
  readonly amount: Money;
}

type Eth = Money<'ETH'>;
type Usdt = Money<'USDT'>;

/** Drops transfers of nothing and refuses negative ones. */
function set(...lines: readonly [AccountName, AccountName, Money][]): Transfer[] {
  return lines
    .filter(([, , amount]) => amount.minor !== 0n)
    .map(([debit, credit, amount]) => {
      if (amount.minor < 0n)
        throw new RangeError(`negative transfer ${debit} -> ${credit}: ${amount.minor} ${amount.asset}`);
      return { debit, credit, amount };
    });
}

function zero<A extends Money>(like: A): A {
  return { ...like, minor: 0n };
}

function smaller<A extends Money>(a: A, b: A): A {
  return a.minor < b.minor ? a : b;
}

/** Opening balance or top-up of the platform's own money. */
export function capitalIn(account: 'wallet:gas' | 'wallet:host', amount: Money): Transfer[] {
  return set([account, 'platform:capital', amount]);
}

export function capitalOut(account: 'wallet:gas' | 'wallet:host', amount: Money): Transfer[] {
  return set(['platform:capital', account, amount]);
}

/** A payment locked in USDT: received ETH opens a position of equal value (the fee's ETH is swapped too). */
export function creditLocked(received: Eth, net: Usdt, fee: Usdt): Transfer[] {
  return set(
    ['wallet:incoming', 'position:open', received],
    ['position:open', 'client:available', net],
    ['position:open', 'platform:fees', fee],
  );
}

/** A payment credited in the asset it came in: instant ETH, or USDT received as USDT (no position). */
export function creditHeld<A extends Money>(net: A, fee: A): Transfer[] {
  return set(['wallet:incoming', 'client:available', net], ['wallet:incoming', 'platform:fees', fee]);
}

export function creditUnvalued(received: Money): Transfer[] {
  return set(['wallet:incoming', 'client:unvalued', received]);
}

export function valueLocked(received: Eth, net: Usdt, fee: Usdt): Transfer[] {
  return set(
    ['client:unvalued', 'position:open', received],
    ['position:open', 'client:available', net],
    ['position:open', 'platform:fees', fee],
  );
}

export function valueHeld<A extends Money>(net: A, fee: A): Transfer[] {
  return set(['client:unvalued', 'client:available', net], ['client:unvalued', 'platform:fees', fee]);
}

/** The provider and the chain confirm what a webhook promised. */
export function receiptConfirmed(amount: Money): Transfer[] {
  return set(['wallet:host', 'wallet:incoming', amount]);
}

export function payoutCreated(amount: Money): Transfer[] {
  return set(['client:available', 'client:reserved', amount]);
}

export function payoutReturned(amount: Money): Transfer[] {
  return set(['client:reserved', 'client:available', amount]);
}

/** gas = gas limit x fee cap, the most that the transfer can cost. */
export function setAside(amount: Money, gas: Eth): Transfer[] {
  return set(['wallet:sending', 'wallet:host', amount], ['wallet:gas_held', 'wallet:gas', gas]);
}

/** Undone before anything was signed. */
export function setAsideUndone(amount: Money, gas: Eth): Transfer[] {
  return set(['wallet:host', 'wallet:sending', amount], ['wallet:gas', 'wallet:gas_held', gas]);
}

export function feeRaised(difference: Eth): Transfer[] {
  return set(['wallet:gas_held', 'wallet:gas', difference]);
}

/** What a final transaction cost, whatever its outcome; the rest of what was held is free again. */
export function gasSpent(actual: Eth, held: Eth): Transfer[] {
  return set(
    ['platform:gas', 'wallet:gas_held', actual],
    ['wallet:gas', 'wallet:gas_held', subtract(held, actual)],
  );
}

export function transferFinal(kind: 'swap' | 'direct', amount: Money): Transfer[] {
  return set([kind === 'swap' ? 'swap:in_transit' : 'client:reserved', 'wallet:sending', amount]);
}

/** Reverted or cancelled at finality: the value never left. */
export function transferUndone(amount: Money): Transfer[] {
  return set(['wallet:host', 'wallet:sending', amount]);
}

/** The swap of the open position is done: what really came is booked, the difference is the platform's. */
export function conversionCompleted(eth: Eth, expected: Usdt, got: Usdt): Transfer[] {
  const covered = expected.minor > 0n ? smaller(expected, got) : zero(got);
  const over = subtract(got, covered);
  const short = subtract(expected, covered);
  const shortfall: [AccountName, AccountName, Money] =
    short.minor >= 0n
      ? ['platform:rate_variance', 'position:open', short]
      : ['position:open', 'platform:rate_variance', money('USDT', -short.minor)];
  return set(
    ['position:open', 'swap:in_transit', eth],
    ['wallet:host', 'position:open', covered],
    ['wallet:host', 'platform:rate_variance', over],
    shortfall,
  );
}

/** The provider sent the ETH back; what is missing stays in the position and shows as variance when it closes. */
export function conversionRefunded(sent: Eth, back: Eth): Transfer[] {
  const kept = smaller(sent, back);
  return set(
    ['wallet:host', 'swap:in_transit', kept],
    ['position:open', 'swap:in_transit', subtract(sent, kept)],
    ['wallet:host', 'platform:provider_costs', subtract(back, kept)],
  );
}

export function payoutSwapCompleted(amount: Money): Transfer[] {
  return set(['client:reserved', 'swap:in_transit', amount]);
}

/** The client loses nothing: reserved stays, the shortfall is the platform's cost. */
export function payoutSwapRefunded<A extends Money>(amount: A, back: A): Transfer[] {
  const kept = smaller(amount, back);
  return set(
    ['wallet:host', 'swap:in_transit', kept],
    ['platform:provider_costs', 'swap:in_transit', { ...amount, minor: amount.minor - kept.minor }],
    ['wallet:host', 'platform:provider_costs', { ...amount, minor: back.minor - kept.minor }],
  );
}

/** Where the refunded coins are: never arrived, or sent back by ourselves. */
export type RefundedFrom = 'wallet:incoming' | 'wallet:sending';

/** A locked credit undone; `owed` is the part of net that the client no longer has. */
export function refundLocked(
  received: Eth,
  net: Usdt,
  fee: Usdt,
  owed: Usdt,
  from: RefundedFrom,
): Transfer[] {
  return set(
    ['client:available', 'position:open', subtract(net, owed)],
    ['client:debt', 'position:open', owed],
    ['platform:fees', 'position:open', fee],
    ['position:open', from, received],
  );
}

export function refundHeld<A extends Money>(net: A, fee: A, owed: A, from: RefundedFrom): Transfer[] {
  return set(
    ['client:available', from, { ...net, minor: net.minor - owed.minor }],
    ['client:debt', from, owed],
    ['platform:fees', from, fee],
  );
}

export function refundUnvalued(received: Money, from: RefundedFrom): Transfer[] {
  return set(['client:unvalued', from, received]);
}

/** A free ETH balance locked into USDT after a change of strategy; no fee. */
export function converted(eth: Eth, usdt: Usdt): Transfer[] {
  return set(['client:available', 'position:open', eth], ['position:open', 'client:available', usdt]);
}

export function recovery(amount: Money): Transfer[] {
  return set(['client:available', 'client:debt', amount]);
}

/** Signed: above zero the client gains. */
export function adjustment(amount: Money): Transfer[] {
  return amount.minor >= 0n
    ? set(['platform:capital', 'client:available', amount])
    : set(['client:available', 'platform:capital', { ...amount, minor: -amount.minor }]);
}

/** Whole minor units that a provider cannot carry. */
export function dust(amount: Money): Transfer[] {
  return set(['client:available', 'platform:dust', amount]);
}
