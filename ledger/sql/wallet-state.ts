/** The host wallet as the ledger sees it: accounts, nonces, transfers that are not final. */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { formatMoney, money } from '../../schemas/money.ts';
import type { Db } from '../db.ts';

type Line = Record<string, string | number | null>;

const ACCOUNTS = `SELECT account, asset, balance::text AS balance FROM wallet_accounts
  UNION ALL SELECT account, asset, sum(balance)::text FROM gl_balances
    WHERE account IN ('wallet:incoming', 'position:open') OR account LIKE 'platform:%' GROUP BY 1, 2 ORDER BY 1, 2`;
const WALLETS = `SELECT chain_id::text AS chain_id, address, next_nonce::text AS next_nonce, halted, cursor_block::text AS scanned_to FROM wallets`;
const IN_FLIGHT = `SELECT t.transfer_id::text AS transfer, t.owner_kind || ' ' || t.owner_id AS "for", t.asset, t.amount::text AS amount,
    t.state, t.nonce::text AS nonce, t.hash, t.created_at::text AS since
  FROM transfers t WHERE t.state IN ('chosen', 'signed', 'broadcast') ORDER BY t.created_at LIMIT 200`;

export interface WalletState {
  readonly accounts: Line[];
  readonly wallets: Line[];
  readonly inFlight: Line[];
}

/** Amounts as plain decimal text in whole units. */
export async function walletState(db: Db): Promise<WalletState> {
  const accounts = await db.query<{ account: string; asset: LedgerAsset; balance: string }>(ACCOUNTS);
  const inFlight = await db.query<Line & { asset: LedgerAsset; amount: string }>(IN_FLIGHT);
  return {
    accounts: accounts.map((row) => ({
      ...row,
      balance: formatMoney(money(row.asset, BigInt(row.balance))),
    })),
    wallets: await db.query<Line>(WALLETS),
    inFlight: inFlight.map((row) => ({ ...row, amount: formatMoney(money(row.asset, BigInt(row.amount))) })),
  };
}
