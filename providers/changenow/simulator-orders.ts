/**
 * The ChangeNOW simulator's memory: orders, scripts, settings, and its place on the chain. With a file, every
 * change is a line appended to it, the last line of an order counts, and a restarted simulator goes on where
 * it was.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { SETTINGS_DEFAULT, type Settings } from './simulator-market.ts';
import type { Plan, Script } from './simulator-script.ts';
import type { SwapFlow, SwapPair } from './swap.ts';

export interface OrderDeposit {
  readonly hash: string;
  readonly asset: LedgerAsset;
  readonly amount: string;
  readonly block: number;
}

/** A transfer of ours: signed once, sent until it is in a block. */
export interface Payment {
  readonly nonce: number;
  readonly raw: string;
  readonly hash: string;
  mined: boolean;
}

/** Amounts are exact decimal text. */
export interface Order extends SwapPair {
  readonly id: string;
  readonly index: number;
  readonly flow: SwapFlow;
  readonly rateId: string | null;
  readonly expectedAmountFrom: string;
  readonly expectedAmountTo: string;
  readonly payinAddress: string;
  readonly payoutAddress: string;
  readonly payoutExtraId: string | null;
  readonly refundAddress: string | null;
  readonly reference: string | null;
  readonly createdAt: string;
  updatedAt: string;
  plan: Plan;
  status: string;
  amountFrom: string | null;
  amountTo: string | null;
  payinHash: string | null;
  payoutHash: string | null;
  refundHash: string | null;
  refundAmount: string | null;
  depositReceivedAt: string | null;
  /** All that ever arrived, the second deposit to one order included: it must never happen. */
  deposits: OrderDeposit[];
  /** Statuses of the plan already shown; once settled, those of its `after`. */
  step: number;
  /** It has come to an end; what follows are lies. */
  settled: boolean;
  /** When the next thing happens to it, ms; null = nothing by itself. */
  dueAt: number | null;
  payment: Payment | null;
}

/** What arrived for a client outside the development chain. */
export interface BookEntry {
  readonly address: string;
  readonly extraId: string | null;
  readonly currency: string;
  readonly network: string;
  readonly amount: string;
  readonly hash: string;
  readonly orderId: string;
}

export interface OrderBook {
  readonly orders: Map<string, Order>;
  readonly scripts: Script[];
  settings: Settings;
  /** The last block whose deposits were taken; null = none yet. */
  block: number | null;
  byPayin(address: string): Order | undefined;
  /** Never given twice, not even after a reset: an address may still receive what was sent before. */
  nextIndex(): number;
  nextId(): string;
  save(order: Order): void;
  /** What was really paid outside the development chain, oldest first. */
  book(): BookEntry[];
  saveScripts(): void;
  saveSettings(): void;
  saveBlock(): void;
  clear(): void;
}

type Line =
  | { kind: 'order'; row: Order }
  | { kind: 'scripts'; row: Script[] }
  | { kind: 'settings'; row: Settings }
  | { kind: 'block'; row: number }
  | { kind: 'index'; row: number };

export function createOrderBook(file: string | null): OrderBook {
  const orders = new Map<string, Order>();
  const payins = new Map<string, Order>();
  // Without a memory of earlier runs, an address of an earlier run must not come again.
  let index = randomInt(1_000_000_000);
  const write = (line: Line): void => {
    if (file !== null) appendFileSync(file, `${JSON.stringify(line)}\n`);
  };
  const remember = (order: Order): void => {
    orders.set(order.id, order);
    payins.set(order.payinAddress, order);
    index = Math.max(index, order.index + 1);
  };
  const memory: OrderBook = {
    orders,
    scripts: [],
    settings: structuredClone(SETTINGS_DEFAULT),
    block: null,
    byPayin: (address) => payins.get(address),
    nextIndex: () => index++,
    nextId: () => randomBytes(7).toString('hex'),
    save(order) {
      order.updatedAt = new Date().toISOString();
      remember(order);
      write({ kind: 'order', row: order });
    },
    book: () => [...orders.values()].filter(isInBook).map(bookEntry),
    saveScripts: () => write({ kind: 'scripts', row: memory.scripts }),
    saveSettings: () => write({ kind: 'settings', row: memory.settings }),
    saveBlock: () => write({ kind: 'block', row: memory.block ?? 0 }),
    clear() {
      orders.clear();
      payins.clear();
      memory.scripts.length = 0;
      memory.settings = structuredClone(SETTINGS_DEFAULT);
      if (file !== null) writeFileSync(file, '');
      write({ kind: 'index', row: index });
      if (memory.block !== null) memory.saveBlock();
    },
  };
  if (file !== null && existsSync(file)) {
    for (const line of linesOf(file)) {
      if (line.kind === 'order') remember(line.row);
      else if (line.kind === 'scripts') memory.scripts.splice(0, Infinity, ...line.row);
      else if (line.kind === 'settings') memory.settings = line.row;
      else if (line.kind === 'block') memory.block = line.row;
      else index = line.row;
    }
  }
  return memory;
}

/** Finished without a transfer on the development chain, and not a lie. */
function isInBook(order: Order): boolean {
  return order.settled && order.payoutHash !== null && order.payment === null && order.plan.payout === 'real';
}

function bookEntry(order: Order): BookEntry {
  return {
    address: order.payoutAddress,
    extraId: order.payoutExtraId,
    currency: order.toCurrency,
    network: order.toNetwork,
    amount: order.amountTo!,
    hash: order.payoutHash!,
    orderId: order.id,
  };
}

/** The last line may be half written: what it told was never answered to anybody. */
function linesOf(file: string): Line[] {
  const texts = readFileSync(file, 'utf8').split('\n');
  const whole = texts.slice(0, -1).filter((text) => text !== '');
  if (texts.at(-1) !== '') writeFileSync(file, whole.map((text) => `${text}\n`).join(''));
  return whole.map((text) => JSON.parse(text) as Line);
}
