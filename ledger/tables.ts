/** The tables that transactions load and write, as data. The migrations hold their constraints. */
import { type RowOf, table } from './table.ts';

export const clients = table('clients', ['client_id'], {
  client_id: 'bigint',
  title: 'text',
  payout_strategy: 'text',
  payout_threshold_usd: 'decimal?',
  payout_threshold_updated_at: 'time',
  max_wait_ms: 'bigint?',
  payout_currency: 'text',
  payout_network: 'text',
  wallet_address: 'text',
  wallet_memo: 'text?',
  partition: 'int',
  revision: 'bigint',
  created_at: 'time',
  updated_at: 'time',
});
export type ClientRow = RowOf<typeof clients>;

export const plans = table('plans', ['client_id', 'tier'], {
  client_id: 'bigint',
  tier: 'int',
  price_usd: 'decimal',
  days: 'int',
});
export type PlanRow = RowOf<typeof plans>;

export const clientAccounts = table('client_accounts', ['client_id', 'asset'], {
  client_id: 'bigint',
  asset: 'text',
  available: 'units',
  reserved: 'units',
  unvalued: 'units',
  debt: 'units',
  last_seq: 'bigint',
  paid_seq: 'bigint',
  open_payments: 'int',
  waiting_since: 'time?',
  partition: 'int',
});
export type ClientAccountRow = RowOf<typeof clientAccounts>;

export const rates = table('rates', ['rate_id'], {
  rate_id: 'text',
  at: 'time',
  usable: 'bool',
  reason: 'text?',
  usdt_per_eth: 'text',
  quote_usd: 'text',
  spot_eth_usd: 'text',
  spot_usdt_usd: 'text',
});
export type RateRow = RowOf<typeof rates>;

export const pairLimits = table('pair_limits', ['asset', 'currency', 'network'], {
  asset: 'text',
  currency: 'text',
  network: 'text',
  min_amount: 'units',
  max_amount: 'units?',
  at: 'time',
});
export type PairLimitRow = RowOf<typeof pairLimits>;

export const orders = table('orders', ['client_id', 'order_id'], {
  client_id: 'bigint',
  order_id: 'text',
  user_id: 'bigint?',
  tier: 'int?',
  price_usd: 'decimal',
  days: 'int?',
  invoice_id: 'text?',
  invoice_url: 'text?',
  created_at: 'time',
});
export type OrderRow = RowOf<typeof orders>;

export const paymentStatus = table('payment_status', ['client_id', 'provider', 'payment_id'], {
  client_id: 'bigint',
  provider: 'text',
  payment_id: 'text',
  order_id: 'text',
  parent_payment_id: 'text?',
  invoice_id: 'text?',
  status: 'text',
  state: 'text',
  facts_digest: 'text?',
  outcome_amount: 'text?',
  outcome_currency: 'text?',
  price_amount: 'text?',
  price_currency: 'text?',
  legs: 'int',
  get_confirmed: 'bool',
  quarantined: 'bool',
  partition: 'int',
  received_asset: 'text?',
  incoming: 'units',
  confirmed: 'units',
  receipt_due_at: 'time?',
  receipt_failures: 'int',
  receipt_hash: 'text?',
  unvalued_offset: 'bigint?',
  received_id: 'uuid',
  first_seen_at: 'time',
  updated_at: 'time',
});
export type PaymentStatusRow = RowOf<typeof paymentStatus>;

export const payoutAccumulation = table(
  'payout_accumulation',
  ['client_id', 'provider', 'payment_id', 'leg'],
  {
    client_id: 'bigint',
    provider: 'text',
    payment_id: 'text',
    leg: 'int',
    asset: 'text',
    seq: 'bigint',
    strategy: 'text',
    gross: 'units',
    fee: 'units',
    net: 'units',
    received_asset: 'text',
    received: 'units',
    rate_id: 'text?',
    rate: 'text?',
    order_id: 'text',
    facts_digest: 'text',
    event_id: 'uuid',
    source_partition: 'int',
    source_offset: 'bigint',
    posting_set_id: 'uuid',
    credited_at: 'time',
  },
);
export type CreditRow = RowOf<typeof payoutAccumulation>;

export const clientEntries = table('client_entries', ['client_id', 'asset', 'seq'], {
  client_id: 'bigint',
  asset: 'text',
  seq: 'bigint',
  kind: 'text',
  amount: 'units',
  cause_kind: 'text',
  cause_id: 'text',
  at: 'time',
});

export const payoutBatches = table('payout_batches', ['client_id', 'payout_id'], {
  client_id: 'bigint',
  payout_id: 'uuid',
  asset: 'text',
  amount: 'units',
  from_seq: 'bigint',
  to_seq: 'bigint',
  payment_count: 'int',
  strategy: 'text',
  state: 'text',
  held_state: 'text?',
  funds_seen: 'bool',
  currency: 'text',
  network: 'text',
  address: 'text',
  memo: 'text?',
  usd_value: 'decimal?',
  approved_revision: 'bigint?',
  reason: 'text?',
  parked: 'bool',
  attempt: 'int',
  returned_seq: 'bigint?',
  received: 'text?',
  payout_hash: 'text?',
  revision: 'bigint',
  created_at: 'time',
  updated_at: 'time',
  completed_at: 'time?',
});
export type PayoutRow = RowOf<typeof payoutBatches>;

export const creditBatches = table('credit_batches', ['partition', 'number'], {
  partition: 'int',
  number: 'bigint',
  eth: 'units',
  usdt: 'units',
  at: 'time',
});

export const conversions = table('conversions', ['conversion_id'], {
  conversion_id: 'uuid',
  eth: 'units',
  eth_open: 'units',
  usdt_expected: 'units',
  usdt_received: 'units?',
  state: 'text',
  held_state: 'text?',
  reason: 'text?',
  parked: 'bool',
  attempt: 'int',
  revision: 'bigint',
  created_at: 'time',
  updated_at: 'time',
  completed_at: 'time?',
});
export type ConversionRow = RowOf<typeof conversions>;

export const conversionRanges = table('conversion_ranges', ['conversion_id', 'partition'], {
  conversion_id: 'uuid',
  partition: 'int',
  from_batch: 'bigint',
  to_batch: 'bigint',
});
export type ConversionRangeRow = RowOf<typeof conversionRanges>;

export const swapOrders = table('swap_orders', ['owner_kind', 'owner_id', 'attempt'], {
  owner_kind: 'text',
  owner_id: 'uuid',
  attempt: 'int',
  state: 'text',
  reference: 'text',
  started_at: 'time',
  provider: 'text',
  provider_id: 'text?',
  asset: 'text',
  amount: 'units',
  to_currency: 'text',
  to_network: 'text',
  to_address: 'text',
  to_memo: 'text?',
  expected: 'text?',
  payin_address: 'text?',
  payin_memo: 'text?',
  provider_status: 'text?',
  received: 'text?',
  payout_hash: 'text?',
  refund_hash: 'text?',
  updated_at: 'time',
});
export type SwapOrderRow = RowOf<typeof swapOrders>;

export const transfers = table('transfers', ['transfer_id'], {
  transfer_id: 'uuid',
  owner_kind: 'text',
  owner_id: 'text',
  client_id: 'bigint?',
  attempt: 'int',
  asset: 'text',
  amount: 'units',
  to_address: 'text',
  kind: 'text',
  state: 'text',
  nonce: 'bigint?',
  gas_limit: 'units',
  max_fee: 'units',
  priority_fee: 'units',
  gas_held: 'units',
  hash: 'text?',
  block: 'bigint?',
  gas_spent: 'units?',
  cancel_wanted: 'bool',
  reason: 'text?',
  revision: 'bigint',
  created_at: 'time',
  updated_at: 'time',
});
export type TransferRow = RowOf<typeof transfers>;

export const transferTxs = table('transfer_txs', ['hash'], {
  hash: 'text',
  transfer_id: 'uuid',
  nonce: 'bigint',
  kind: 'text',
  raw: 'text',
  max_fee: 'units',
  priority_fee: 'units',
  signed_at: 'time',
});
export type TransferTxRow = RowOf<typeof transferTxs>;

export const wallets = table('wallets', ['chain_id', 'address'], {
  chain_id: 'bigint',
  address: 'text',
  next_nonce: 'bigint?',
  halted: 'text?',
  cursor_block: 'bigint?',
});
export type WalletRow = RowOf<typeof wallets>;

export const walletAccounts = table('wallet_accounts', ['account', 'asset'], {
  account: 'text',
  asset: 'text',
  balance: 'units',
});

export const glTransfers = table('gl_transfers', ['posting_set_id', 'line'], {
  posting_set_id: 'uuid',
  line: 'int',
  cause_kind: 'text',
  cause_id: 'text',
  debit: 'text',
  credit: 'text',
  asset: 'text',
  partition: 'int',
  client_id: 'bigint?',
  amount: 'units',
  at: 'time',
});
export type GlTransferRow = RowOf<typeof glTransfers>;

export const chainDeposits = table('chain_deposits', ['hash', 'log_index'], {
  hash: 'text',
  log_index: 'int',
  block: 'bigint',
  asset: 'text',
  from_address: 'text',
  amount: 'units',
  used_for: 'text?',
  used_id: 'text?',
});
export type ChainDepositRow = RowOf<typeof chainDeposits>;

export const quarantined = table('quarantined', ['event_id'], {
  event_id: 'uuid',
  topic: 'text',
  part: 'int',
  source_offset: 'bigint',
  attempt: 'int',
  entity: 'text?',
  reason: 'text',
  detail: 'text',
  key: 'text?',
  value: 'bytes',
  signature_form: 'text?',
  at: 'time',
  redriven_at: 'time?',
});
export type QuarantinedRow = RowOf<typeof quarantined>;

export const discrepancies = table('discrepancies', ['discrepancy_id'], {
  discrepancy_id: 'uuid',
  kind: 'text',
  entity: 'text',
  detail: 'text',
  at: 'time',
  resolved_at: 'time?',
});

/** What reconcile found at the provider and fed, because no webhook had brought it. */
export const missedWebhooks = table('missed_webhooks', ['client_id', 'event_id'], {
  client_id: 'bigint',
  event_id: 'uuid',
  provider: 'text',
  payment_id: 'text',
  order_id: 'text',
  status: 'text',
  outcome_amount: 'text?',
  outcome_currency: 'text?',
  told_at: 'time',
  found_at: 'time',
});
export type MissedWebhookRow = RowOf<typeof missedWebhooks>;

/** How far each look at the provider's list has come. */
export const missedLooks = table('missed_looks', ['look'], {
  look: 'int',
  age_ms: 'bigint',
  seen_to: 'time',
  looked_at: 'time?',
  error: 'text?',
  refused: 'bool',
  next_page: 'int',
  after_client: 'bigint?',
  after_payment: 'text?',
});
export type MissedLookRow = RowOf<typeof missedLooks>;

export const outbox = table('outbox', ['event_id'], {
  shard: 'int',
  topic: 'text',
  key: 'text',
  event_id: 'uuid',
  event_type: 'text',
  value: 'bytes',
  headers: 'text',
  created_at: 'time',
});
