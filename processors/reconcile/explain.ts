/**
 * Where a payment, payout, conversion or client's money is, what is missing, and which one rule holds it: one sentence.
 * Pure, over rows in a Work; whether something is due, short or over a limit is asked of the functions that decide it,
 * so that the sentence cannot say something else than the system does.
 */
import {
  type ClientAccountRow,
  type ClientRow,
  type ConversionRow,
  clients,
  type PairLimitRow,
  pairLimits,
  type SwapOrderRow,
  type TransferRow,
  wallets,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { ASSETS, type LedgerAsset } from '../../schemas/assets.ts';
import { money, parseUnits } from '../../schemas/money.ts';
import { type ReasonCode, reasonText } from '../../schemas/reasons.ts';
import { dueNow, minimumOf } from '../accumulate/payout.ts';
import { isOverLimit, type Spent } from '../split/transition.ts';
import { stillMoving } from '../swap/decisions.ts';
import { type Funds, shortOf, transferOf } from '../swap/funds.ts';
import { fundedOrder, openOrder } from '../swap/order.ts';
import { type Owner, ownerOf, payoutOf } from '../swap/owner.ts';
import type { OutPolicy } from '../swap/policy.ts';
import { meaningOf } from '../swap/status.ts';
import { amountText } from './audit-compare.ts';
import { explainUnvalued } from './explain-unvalued.ts';

/** A reason of the closed table, or what holds it where that is no fault. */
export type Rule =
  | ReasonCode
  /** Nothing holds it: it is over. */
  | 'over'
  /** Nothing holds it: its worker takes it at its next look. */
  | 'next_step'
  /** The provider has not said that it is finished. */
  | 'not_finished'
  /** Paid in part: the provider is asked again after PARTIAL_AFTER. */
  | 'partial_after'
  /** Our transfer is not in a finalized block yet. */
  | 'not_final'
  /** The swap provider is at it. */
  | 'swap_under_way'
  /** Given up on after 24 hours of failures, or refused for good: a person unparks it. */
  | 'parked'
  /** A person decides. */
  | 'held';

export interface Explanation {
  readonly kind: 'client' | 'payment' | 'payout' | 'conversion';
  readonly id: string;
  readonly sentence: string;
  readonly rule: Rule;
  readonly facts: Readonly<Record<string, string | number | null>>;
}

/** What is known around a payout or conversion besides its rows in Work. */
export interface OwnerWorld {
  readonly policy: OutPolicy;
  readonly funds: Funds;
  readonly spent: Spent;
  /** Conversions that are under way, oldest first: what brings USDT. */
  readonly converting: readonly ConversionRow[];
  /** Error of its intent, when that is parked. */
  readonly parked: { readonly key: string; readonly error: string } | undefined;
  /** And of the intent of its transfer. */
  readonly transferParked: { readonly key: string; readonly error: string } | undefined;
}

interface Said {
  readonly rule: Rule;
  /** Goes on after "payout … of 533.5 USDT". */
  readonly text: string;
}

export const timeText = (at: Date) => `${at.toISOString().slice(0, 19)}Z`;

export function explainOwner(
  work: Work,
  kind: 'payout' | 'conversion',
  id: string,
  world: OwnerWorld,
): Explanation {
  const owner = ownerOf(work, kind, id, world.policy.host);
  const said = saidOf(work, owner, world);
  const order = fundedOrder(work, owner) ?? openOrder(work, owner);
  const transfer = transferOf(work, owner);
  const amount = amountText(owner.amount.asset, owner.amount.minor);
  const of = owner.clientId === undefined ? '' : ` of client ${owner.clientId}`;
  return {
    kind,
    id,
    sentence: `${kind === 'payout' ? 'Payout' : 'Conversion'} ${id}${of} (${amount}) ${said.text}.`,
    rule: said.rule,
    facts: {
      state: owner.state,
      reason: owner.reason,
      amount,
      created_at: timeText(owner.createdAt),
      attempt: owner.attempt,
      order: order?.provider_id ?? null,
      provider_status: order?.provider_status ?? null,
      transfer: transfer ? `${transfer.state}${transfer.hash === null ? '' : ` ${transfer.hash}`}` : null,
    },
  };
}

function saidOf(work: Work, owner: Owner, world: OwnerWorld): Said {
  switch (owner.state) {
    case 'completed':
      return { rule: 'over', text: completedText(work, owner) };
    case 'cancelled':
      return { rule: 'over', text: cancelledText(work, owner) };
    case 'awaiting_approval':
      return { rule: 'over_limit', text: approvalText(work, owner, world) };
    case 'on_hold':
      return { rule: heldRule(owner), text: holdText(work, owner) };
    case 'failed':
      return { rule: heldRule(owner), text: failedText(work, owner) };
    default:
  }
  if (world.parked && owner.state !== 'ordered') return parked(world.parked);
  switch (owner.state) {
    case 'requested':
      return requested(work, owner);
    case 'awaiting_funds':
      return awaitingFunds(work, owner, world);
    case 'ordered':
      return ordered(work, owner, world);
    default:
      return atProvider(work, owner);
  }
}

function completedText(work: Work, owner: Owner): string {
  if (owner.kind === 'conversion') return 'is completed';
  const row = payoutOf(work, owner.id);
  return `is completed: ${row.received ?? 'an amount not told'} ${row.currency} were sent to ${row.address}${row.payout_hash === null ? '' : `, transaction ${row.payout_hash}`}`;
}

function cancelledText(work: Work, owner: Owner): string {
  const why = owner.reason === null ? '' : `: ${reasonText(owner.reason)}`;
  if (owner.kind === 'conversion') return `was cancelled${why}; its ETH is an open position again`;
  const { returned_seq } = payoutOf(work, owner.id);
  return `was cancelled${why}; its amount is free again as entry ${returned_seq} and goes out with a later payout`;
}

function approvalText(work: Work, owner: Owner, { policy, spent }: OwnerWorld): string {
  const { usd_value } = payoutOf(work, owner.id);
  const usd = parseUnits(usd_value ?? '0', ASSETS.USDT.decimals);
  const text = (minor: bigint) => amountText('USDT', minor).replace('USDT', 'USD');
  const over = [
    usd > policy.payoutMax && `PAYOUT_MAX_USD of ${text(policy.payoutMax)}`,
    usd >= policy.approvalFrom && `PAYOUT_APPROVAL_USD of ${text(policy.approvalFrom)}`,
    spent.day + usd > policy.dailyMax && `PAYOUT_DAILY_MAX_USD of ${text(policy.dailyMax)}`,
    spent.month + usd > policy.monthlyMax && `PAYOUT_MONTHLY_MAX_USD of ${text(policy.monthlyMax)}`,
  ].filter((limit) => limit !== false);
  const why = isOverLimit(usd, spent, policy)
    ? `touches ${over.join(' and ')}`
    : 'touched a limit when it was made';
  return `waits for a person: worth ${usd_value} USD it ${why}`;
}

/** The reason that it was stopped for; without one, a person. */
function heldRule(owner: Owner): Rule {
  return (owner.reason as ReasonCode | null) ?? 'held';
}

function holdText(work: Work, owner: Owner): string {
  const why = owner.reason === null ? '' : ` (${reasonText(owner.reason)})`;
  const moving = stillMoving(work, owner);
  return `is on hold${why} until a person releases${moving ? '' : ' or cancels'} it`;
}

function failedText(work: Work, owner: Owner): string {
  const why = owner.reason === null ? '' : `: ${reasonText(owner.reason)}`;
  const moving = stillMoving(work, owner);
  return moving
    ? `failed${why}; ${moving}, a person retries it`
    : `failed${why}; a person retries or cancels it`;
}

function parked({ key, error }: { readonly key: string; readonly error: string }): Said {
  return { rule: 'parked', text: `is parked (${error}): nothing goes out for it until \`unpark ${key}\`` };
}

function requested(work: Work, owner: Owner): Said {
  if (work.all(wallets).length === 0)
    return { rule: 'next_step', text: 'waits until the role payout has met the chain of the wallet' };
  if (owner.reason === 'no_usable_rate')
    return {
      rule: 'no_usable_rate',
      text: 'cannot be compared with the limits in USD: there is no usable rate',
    };
  return { rule: 'next_step', text: `was made at ${timeText(owner.createdAt)} and is taken up next` };
}

function awaitingFunds(work: Work, owner: Owner, world: OwnerWorld): Said {
  const { funds } = world;
  const short = shortOf(owner, funds);
  if (short === 'awaiting_confirmation')
    return {
      rule: short,
      text: `waits for the receipts of ${funds.unconfirmed} payments behind it to be confirmed`,
    };
  if (short) return { rule: short, text: shortText(owner, world) };
  const order = openOrder(work, owner);
  const reason = owner.reason as ReasonCode | null;
  if (
    reason !== null &&
    reason !== 'awaiting_funds' &&
    reason !== 'awaiting_confirmation' &&
    reason !== 'transfer_reverted'
  )
    return { rule: reason, text: `waits: ${reasonText(reason)}` };
  if (order?.state === 'creating')
    return {
      rule: 'next_step',
      text: `has its funds and asked ${order.provider} for an order at ${timeText(order.started_at)}; the answer is awaited or looked up`,
    };
  return { rule: 'next_step', text: 'has its funds and is taken up next' };
}

function shortText(owner: Owner, { funds, converting }: OwnerWorld): string {
  const { asset } = owner.amount;
  const missing = amountText(asset, funds.ahead + owner.amount.minor - funds.host);
  const ahead = funds.ahead > 0n ? `, ${amountText(asset, funds.ahead)} of it for older ones` : '';
  const [oldest] = converting;
  if (asset !== 'USDT') return `waits for ${missing} of settled funds${ahead}`;
  if (!oldest) return `waits for ${missing}${ahead} that no conversion brings yet`;
  return `waits for ${missing}${ahead}; conversion ${oldest.conversion_id} is ${oldest.state} since ${timeText(oldest.updated_at)}`;
}

function ordered(work: Work, owner: Owner, world: OwnerWorld): Said {
  const transfer = transferOf(work, owner);
  if (world.transferParked) return parked(world.transferParked);
  if (!transfer) return { rule: 'next_step', text: 'has its funds set aside and is taken up next' };
  const halted = work.all(wallets).find((wallet) => wallet.halted !== null)?.halted;
  if (transfer.state === 'chosen') {
    if (halted) return { rule: 'foreign_nonce', text: `waits: the wallet is halted (${halted})` };
    if (transfer.reason !== null)
      return {
        rule: transfer.reason as ReasonCode,
        text: `has its funds set aside and waits: ${reasonText(transfer.reason)}`,
      };
    return { rule: 'next_step', text: 'has its funds set aside; its transfer is signed next' };
  }
  const cancel = transfer.cancel_wanted ? ', to be cancelled,' : '';
  const reason = transfer.reason === null ? '' : ` (${reasonText(transfer.reason)})`;
  return {
    rule: 'not_final',
    text: `waits until transfer ${transfer.hash} with nonce ${transfer.nonce}${cancel} is final${reason}; it is ${transfer.state} since ${timeText(sentAt(transfer))}`,
  };
}

const sentAt = (transfer: TransferRow) => transfer.updated_at;

function atProvider(work: Work, owner: Owner): Said {
  const order = fundedOrder(work, owner);
  if (!order) return { rule: 'next_step', text: `is ${owner.state} and is taken up next` };
  const where = `order ${order.provider_id} at ${order.provider}`;
  const meaning = meaningOf(order.provider_status);
  if (meaning === 'held')
    return { rule: 'provider_hold', text: `is held by the provider: ${where} is ${order.provider_status}` };
  return { rule: 'swap_under_way', text: `is being swapped: ${where} ${statusText(order, owner)}` };
}

function statusText(order: SwapOrderRow, owner: Owner): string {
  const since = timeText(order.updated_at);
  const meaning = meaningOf(order.provider_status);
  if (meaning === 'finished' && owner.kind === 'conversion')
    return `is finished since ${since}; its USDT are not in a finalized block yet`;
  if (meaning === 'finished') return `is finished since ${since}; amount and hash of the payout are awaited`;
  if (meaning === 'refunded') return `was refunded at ${since}; the coins are not in a finalized block yet`;
  return order.provider_status === null
    ? `was funded by ${since}`
    : `is ${order.provider_status} since ${since}`;
}

// clients and their accounts

/** Why what is free in an account does not go out, or that it does. */
export function explainAccount(
  client: ClientRow,
  account: ClientAccountRow,
  limit: PairLimitRow | undefined,
  now: Date,
): Said {
  const asset = account.asset as LedgerAsset;
  const text = (minor: bigint) => amountText(asset, minor);
  const free = `${text(account.available)} free`;
  const due = dueNow(client, account, limit, now);
  if (due.due) return { rule: 'next_step', text: `has ${free}, which goes out at the next credit or sweep` };
  const pair = `${client.payout_currency} on ${client.payout_network}`;
  switch (due.reason) {
    case 'client_debt':
      return {
        rule: due.reason,
        text: `owes ${text(account.debt)} for a refunded payment; the next credits pay it`,
      };
    case 'below_minimum': {
      const missing = minimumOf(client, asset, limit)! - account.available;
      return {
        rule: due.reason,
        text: `has ${free}: ${text(missing)} less than the provider's minimum for ${pair}`,
      };
    }
    case 'minimum_unknown':
      return { rule: due.reason, text: `has ${free}; the provider's minimum for ${pair} is not known yet` };
    default: {
      if (account.available === 0n) return { rule: 'over', text: 'has nothing free' };
      const threshold = parseUnits(client.payout_threshold_usd!, ASSETS.USDT.decimals);
      const missing = text(threshold - account.available);
      return {
        rule: due.reason,
        text: `has ${free}: ${missing} are missing to its threshold of ${client.payout_threshold_usd} USD`,
      };
    }
  }
}

/** @param open what is said of the oldest of its payouts that are not over, and how many there are; undefined: none */
export function explainClient(
  work: Work,
  clientId: bigint,
  accounts: readonly ClientAccountRow[],
  open: { readonly first: Explanation; readonly count: number } | undefined,
  usdtPerEth: string | undefined,
): Explanation {
  const client = work.must(clients, clientId);
  const id = String(clientId);
  const facts: Record<string, string | number | null> = {
    strategy: client.payout_strategy,
    threshold_usd: client.payout_threshold_usd,
    pays_to: `${client.payout_currency} on ${client.payout_network}`,
    open_payouts: open?.count ?? 0,
  };
  const said: Said[] = [];
  for (const account of accounts) {
    const { asset, available, reserved, unvalued, debt } = account;
    for (const [name, minor] of Object.entries({ available, reserved, unvalued, debt })) {
      if (minor > 0n) facts[`${name}_${asset.toLowerCase()}`] = amountText(asset, minor);
    }
    if (unvalued > 0n) {
      const amount = money(asset as LedgerAsset, unvalued);
      const { rule, text } = explainUnvalued(amount, client.payout_strategy, usdtPerEth);
      said.push({ rule, text: `has ${text}` });
    }
    if (available > 0n || debt > 0n) {
      const limit = work.get(pairLimits, asset, client.payout_currency, client.payout_network);
      said.push(explainAccount(client, account, limit, work.now));
    }
  }
  if (open) {
    const { first, count } = open;
    const others = count > 1 ? ` (and ${count - 1} more)` : '';
    const also = said.map(({ text }) => `, and ${text}`).join('');
    const of = first.sentence
      .replace(/^Payout/, 'payout')
      .replace(` of client ${id}`, '')
      .replace(/\.$/, '');
    return { kind: 'client', id, rule: first.rule, facts, sentence: `Client ${id}: ${of}${others}${also}.` };
  }
  const [main] = said;
  const text =
    said.length === 0 ? 'has nothing free and nothing under way' : said.map((one) => one.text).join(', and ');
  return { kind: 'client', id, rule: main?.rule ?? 'over', facts, sentence: `Client ${id} ${text}.` };
}
