/**
 * After every commit: is money set aside before a transfer is chosen, does each nonce belong to one transfer and follow
 * on the last, do signed bytes say exactly what the ledger says, and can no second payment of the same thing go out?
 */
import { Transaction } from 'ethers';
import { SETTINGS } from '../settings.ts';
import type { Written, WrittenRow } from '../writes.ts';

const UNDONE = new Set(['dropped', 'reverted', 'cancelled']);

export class WalletWatch {
  readonly #transfers = new Map<string, WrittenRow>();
  readonly #orders = new Map<string, WrittenRow>();
  /** Transfer of each nonce. */
  readonly #nonces = new Map<string, string>();
  readonly #bytes = new Set<string>();

  /** @returns one line per thing that is wrong */
  see(written: Written): string[] {
    const problems: string[] = [];
    for (const row of written.get('swap_orders') ?? []) this.#orders.set(orderKey(row), row);
    for (const row of written.get('transfers') ?? []) {
      if (!this.#transfers.has(row.transfer_id as string)) this.#chosen(row, written, problems);
      this.#transfers.set(row.transfer_id as string, row);
      this.#nonce(row, problems);
    }
    for (const row of written.get('transfer_txs') ?? []) this.#signed(row, problems);
    return problems;
  }

  /** @returns whether these bytes were stored before */
  isStored(raw: string): boolean {
    return this.#bytes.has(raw);
  }

  #chosen(row: WrittenRow, written: Written, problems: string[]): void {
    const name = `transfer ${row.transfer_id}`;
    const aside = (written.get('gl_transfers') ?? []).some(
      (line) =>
        line.cause_id === row.transfer_id &&
        line.debit === 'wallet:sending' &&
        line.credit === 'wallet:host' &&
        line.asset === row.asset &&
        line.amount === row.amount,
    );
    if (!aside) problems.push(`${name} is chosen and nothing is set aside for it`);
    for (const other of this.#transfers.values()) {
      if (other.owner_kind !== row.owner_kind || other.owner_id !== row.owner_id) continue;
      const isBack = this.#orders.get(orderKey(other))?.state === 'refunded';
      if (!UNDONE.has(other.state as string) && !isBack)
        problems.push(`${name} is chosen, but transfer ${other.transfer_id} of the same is ${other.state}`);
    }
    if (row.kind !== 'swap') return;
    const order = this.#orders.get(orderKey(row));
    if (order?.payin_address !== row.to_address || order?.amount !== row.amount || order?.asset !== row.asset)
      problems.push(
        `${name} of ${row.amount} ${row.asset} to ${row.to_address} is not what its order asks for`,
      );
  }

  #nonce({ transfer_id, nonce }: WrittenRow, problems: string[]): void {
    if (nonce === null) return;
    const owner = this.#nonces.get(nonce as string);
    if (owner === transfer_id) return;
    if (owner !== undefined)
      problems.push(`nonce ${nonce} of transfer ${owner} is used by ${transfer_id}, too`);
    const numbers = [...this.#nonces.keys()].map(BigInt);
    const last = numbers.length === 0 ? undefined : numbers.reduce((a, b) => (a > b ? a : b));
    if (last !== undefined && BigInt(nonce as string) !== last + 1n)
      problems.push(`nonce ${nonce} comes after ${last}`);
    this.#nonces.set(nonce as string, transfer_id as string);
  }

  /** Read by another library than the one that signs: recipient, asset and amount are those of the ledger. */
  #signed(row: WrittenRow, problems: string[]): void {
    const transfer = this.#transfers.get(row.transfer_id as string);
    const said = saidBy(row.raw as string);
    const host = SETTINGS.HOST_WALLET_ADDRESS;
    const meant =
      row.kind === 'cancel'
        ? { to: host, asset: 'ETH', amount: '0' }
        : { to: transfer?.to_address, asset: transfer?.asset, amount: transfer?.amount };
    const same =
      said.to === String(meant.to).toLowerCase() &&
      said.asset === meant.asset &&
      said.amount === meant.amount;
    if (!same || said.nonce !== row.nonce || transfer?.nonce !== row.nonce)
      problems.push(
        `${row.hash} sends ${said.amount} ${said.asset} to ${said.to} with nonce ${said.nonce}, transfer ${row.transfer_id} is ${meant.amount} ${meant.asset} to ${meant.to} with nonce ${transfer?.nonce}`,
      );
    this.#bytes.add(row.raw as string);
  }
}

function orderKey({ owner_kind, owner_id, attempt }: WrittenRow): string {
  return `${owner_kind} ${owner_id} ${attempt}`;
}

const TRANSFER = '0xa9059cbb';

function saidBy(raw: string): { to: string; asset: string; amount: string; nonce: string } {
  const { to, data, value, nonce } = Transaction.from(raw);
  if (data === '0x')
    return { to: to!.toLowerCase(), asset: 'ETH', amount: String(value), nonce: String(nonce) };
  const isToken = to?.toLowerCase() === SETTINGS.USDT_CONTRACT.toLowerCase() && data.startsWith(TRANSFER);
  return {
    to: `0x${data.slice(34, 74)}`.toLowerCase(),
    asset: isToken && value === 0n && data.length === 138 ? 'USDT' : `call ${data.slice(0, 10)}`,
    amount: String(BigInt(`0x${data.slice(74, 138)}`)),
    nonce: String(nonce),
  };
}
