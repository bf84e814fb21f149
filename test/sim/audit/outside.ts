/** Do the books agree with the world: the chain's balances, every coin that left, every client that was paid? */
import type { SwapOrder } from '../../../providers/changenow/swap.ts';
import { SETTINGS } from '../settings.ts';
import type { World } from '../world.ts';
import { balance } from './accounts.ts';
import { type Books, sum } from './books.ts';

const OURS = ['wallet:host', 'wallet:gas', 'wallet:gas_held', 'wallet:sending'];

export function auditOutside(world: World, books: Books): string[] {
  return [...auditChain(world, books), ...auditSwaps(world, books), ...auditPayouts(books)];
}

function auditChain(world: World, books: Books): string[] {
  const problems: string[] = [];
  const held = world.chain.held(SETTINGS.HOST_WALLET_ADDRESS);
  for (const asset of ['ETH', 'USDT'] as const) {
    const unused = sum(books.unused.filter((row) => row.asset === asset).map((row) => row.amount));
    const booked = OURS.reduce((total, account) => total + balance(books, account, asset), 0n);
    const foreign = asset === 'ETH' ? foreignGas(world) : 0n;
    if (booked + unused !== held[asset] + foreign)
      problems.push(`the chain has ${held[asset]} ${asset}, the books ${booked} and ${unused} unused`);
  }
  const host = SETTINGS.HOST_WALLET_ADDRESS.toLowerCase();
  const left = world.chain.mined.filter(
    (one) => one.from === host && one.to !== host && one.receipt.status === 1 && !one.signed?.foreign,
  );
  const final = books.transfers.filter((row) => row.state === 'final');
  const key = (to: string, asset: string, amount: bigint | string) =>
    `${amount} ${asset} to ${to.toLowerCase()}`;
  const wanted = final.map((row) => key(row.to_address, row.asset, row.amount)).sort();
  const got = left.map((one) => key(one.to, one.asset, one.amount)).sort();
  if (wanted.join('\n') !== got.join('\n'))
    problems.push(`what left the wallet is not what the books say: ${difference(wanted, got)}`);
  return problems;
}

/** What somebody else who has our key spent, wei. */
function foreignGas({ chain }: World): bigint {
  return chain.foreignUse.reduce((total, one) => {
    return 'receipt' in one ? total + one.receipt.gasUsed * one.receipt.effectiveGasPrice : total;
  }, 0n);
}

function difference(wanted: readonly string[], got: readonly string[]): string {
  const missing = wanted.filter((one) => !got.includes(one));
  const extra = got.filter((one) => !wanted.includes(one));
  return `${missing.length} booked but not sent (${missing[0] ?? ''}), ${extra.length} sent but not booked (${extra[0] ?? ''}), ${wanted.length} and ${got.length}`;
}

function auditSwaps(world: World, books: Books): string[] {
  const twice = [...world.swap.orders.values()].filter((order) => order.deposits.length > 1);
  const problems = twice.map(
    ({ order }) => `order ${order.id} (${order.reference}) was funded ${twice.length} times`,
  );
  for (const payout of books.payouts) {
    const funded = [...world.swap.orders.values()].filter(
      ({ order, deposits }) => deposits.length > 0 && isOf(order, payout.payout_id),
    );
    const finished = funded.filter(({ status }) => status === 'finished');
    if (finished.length > 1) problems.push(`payout ${payout.payout_id} was paid ${finished.length} times`);
    for (const { order, amount, asset } of funded) {
      if (order.payoutAddress !== payout.address)
        problems.push(`order ${order.id} pays to ${order.payoutAddress}, not ${payout.address}`);
      if (amount !== BigInt(payout.amount) || asset !== payout.asset)
        problems.push(
          `order ${order.id} is over ${amount} ${asset}, the payout over ${payout.amount} ${payout.asset}`,
        );
    }
    const isSwap = `${payout.currency}/${payout.network}` !== `${payout.asset.toLowerCase()}/eth`;
    if (isSwap && payout.state === 'completed' && finished.length !== 1)
      problems.push(`payout ${payout.payout_id} is completed, but nothing was swapped`);
  }
  return problems;
}

function isOf(order: SwapOrder, id: string): boolean {
  return order.reference.includes(id);
}

/** Everybody who is above the threshold or the minimum was paid; nobody waits for nothing. */
function auditPayouts(books: Books): string[] {
  const problems: string[] = [];
  const MIN: Readonly<Record<string, bigint>> = { ETH: 4n * 10n ** 15n, USDT: 12_500_000n };
  for (const client of books.clients) {
    const accounts = books.accounts.filter((row) => row.client_id === client.client_id);
    for (const account of accounts) {
      const direct =
        client.payout_network === 'eth' && client.payout_currency === account.asset.toLowerCase();
      const min = direct ? 1n : MIN[account.asset]!;
      const threshold =
        client.payout_threshold_usd === null || account.asset === 'ETH'
          ? 0n
          : BigInt(client.payout_threshold_usd.replace('.', '')) * 10_000n;
      const limit = min > threshold ? min : threshold;
      if (BigInt(account.available) >= limit && BigInt(account.debt) === 0n) {
        problems.push(
          `client ${client.client_id} has ${account.available} ${account.asset} and was not paid`,
        );
      }
    }
  }
  return problems;
}
