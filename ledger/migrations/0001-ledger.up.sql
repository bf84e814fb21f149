-- The ledger. Amounts are whole minor units in numeric(78,0) (bigint stops at 9.2 ETH); observed quantities are exact
-- decimal text. No clock and no random source here: times and ids are parameters of every statement.

CREATE TABLE clients (
  client_id bigint PRIMARY KEY,
  title text NOT NULL,
  payout_strategy text NOT NULL CHECK (payout_strategy IN ('instant', 'threshold')),
  payout_threshold_usd numeric(20, 2) CHECK (payout_threshold_usd > 0),
  payout_threshold_updated_at timestamptz NOT NULL,
  max_wait_ms bigint CHECK (max_wait_ms > 0),
  payout_currency text NOT NULL,
  payout_network text NOT NULL,
  wallet_address text NOT NULL,
  wallet_memo text,
  partition int NOT NULL,
  revision bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CHECK (payout_strategy = 'instant' OR payout_threshold_usd IS NOT NULL)
);

-- The distinct pairs are found by jumping through this index.
CREATE INDEX clients_pair ON clients (payout_currency, payout_network);

CREATE TABLE plans (
  client_id bigint NOT NULL,
  tier int NOT NULL CHECK (tier BETWEEN 1 AND 9),
  price_usd numeric(20, 2) NOT NULL CHECK (price_usd > 0),
  days int NOT NULL CHECK (days > 0),
  PRIMARY KEY (client_id, tier)
);

-- The client's row is the mutex of everything that changes the client. paid_seq: the last entry that a payout took.
CREATE TABLE client_accounts (
  client_id bigint NOT NULL,
  asset text NOT NULL CHECK (asset IN ('ETH', 'USDT')),
  available numeric(78, 0) NOT NULL CHECK (available >= 0),
  reserved numeric(78, 0) NOT NULL CHECK (reserved >= 0),
  unvalued numeric(78, 0) NOT NULL CHECK (unvalued >= 0),
  debt numeric(78, 0) NOT NULL CHECK (debt >= 0),
  last_seq bigint NOT NULL CHECK (last_seq >= 0),
  paid_seq bigint NOT NULL CHECK (paid_seq BETWEEN 0 AND last_seq),
  open_payments int NOT NULL CHECK (open_payments >= 0),
  waiting_since timestamptz,
  partition int NOT NULL,
  PRIMARY KEY (client_id, asset)
) WITH (fillfactor = 50);
CREATE INDEX client_accounts_waiting ON client_accounts (partition) WHERE waiting_since IS NOT NULL;

CREATE TABLE fee_schedule (
  valid_from timestamptz PRIMARY KEY,
  bps int NOT NULL CHECK (bps BETWEEN 0 AND 2000)
);

CREATE TABLE rates (
  rate_id text PRIMARY KEY,
  at timestamptz NOT NULL,
  usable boolean NOT NULL,
  reason text,
  usdt_per_eth text NOT NULL,
  quote_usd text NOT NULL,
  spot_eth_usd text NOT NULL,
  spot_usdt_usd text NOT NULL
);
CREATE INDEX rates_at ON rates (at DESC);

CREATE TABLE pair_limits (
  asset text NOT NULL,
  currency text NOT NULL,
  network text NOT NULL,
  min_amount numeric(78, 0) NOT NULL CHECK (min_amount >= 0),
  max_amount numeric(78, 0),
  at timestamptz NOT NULL,
  PRIMARY KEY (asset, currency, network)
);

CREATE TABLE orders (
  client_id bigint NOT NULL,
  order_id text NOT NULL,
  user_id bigint,
  tier int,
  price_usd numeric(20, 2) NOT NULL CHECK (price_usd > 0),
  days int,
  invoice_id text,
  invoice_url text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (client_id, order_id)
);

-- One mutable row per payment: where it stands, what of it is in wallet:incoming and what of that is confirmed.
CREATE TABLE payment_status (
  client_id bigint NOT NULL,
  provider text NOT NULL,
  payment_id text NOT NULL,
  order_id text NOT NULL,
  parent_payment_id text,
  invoice_id text,
  status text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'unvalued', 'credited', 'confirming', 'closed')),
  facts_digest text,
  outcome_amount text,
  outcome_currency text,
  price_amount text,
  price_currency text,
  legs int NOT NULL CHECK (legs BETWEEN 0 AND 2),
  get_confirmed boolean NOT NULL,
  quarantined boolean NOT NULL,
  partition int NOT NULL,
  received_asset text,
  incoming numeric(78, 0) NOT NULL CHECK (incoming >= 0),
  confirmed numeric(78, 0) NOT NULL CHECK (confirmed BETWEEN 0 AND incoming),
  receipt_due_at timestamptz,
  receipt_failures int NOT NULL,
  receipt_hash text,
  unvalued_offset bigint,
  received_id uuid NOT NULL,
  first_seen_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (client_id, provider, payment_id)
) WITH (fillfactor = 70);
CREATE INDEX payment_status_receipts ON payment_status (partition, receipt_due_at) WHERE receipt_due_at IS NOT NULL;
CREATE INDEX payment_status_unvalued ON payment_status (partition, unvalued_offset) WHERE state = 'unvalued';
CREATE INDEX payment_status_order ON payment_status (client_id, order_id);

-- The sub-ledger: one immutable row per credited payment leg.
CREATE TABLE payout_accumulation (
  client_id bigint NOT NULL,
  provider text NOT NULL,
  payment_id text NOT NULL,
  leg int NOT NULL CHECK (leg IN (1, 2)),
  asset text NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  strategy text NOT NULL,
  gross numeric(78, 0) NOT NULL CHECK (gross > 0),
  fee numeric(78, 0) NOT NULL CHECK (fee >= 0),
  net numeric(78, 0) NOT NULL CHECK (net >= 0),
  received_asset text NOT NULL,
  received numeric(78, 0) NOT NULL CHECK (received > 0),
  rate_id text,
  rate text,
  order_id text NOT NULL,
  facts_digest text NOT NULL,
  event_id uuid NOT NULL,
  source_partition int NOT NULL,
  source_offset bigint NOT NULL,
  posting_set_id uuid NOT NULL,
  credited_at timestamptz NOT NULL,
  PRIMARY KEY (client_id, provider, payment_id, leg),
  CHECK (gross = fee + net)
);
CREATE UNIQUE INDEX payout_accumulation_seq ON payout_accumulation (client_id, asset, seq);

-- Every other change of a free balance, numbered in the same sequence.
CREATE TABLE client_entries (
  client_id bigint NOT NULL,
  asset text NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  kind text NOT NULL CHECK (kind IN ('returned', 'converted', 'refund', 'recovery', 'dust', 'adjustment')),
  amount numeric(78, 0) NOT NULL CHECK (amount <> 0),
  cause_kind text NOT NULL,
  cause_id text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (client_id, asset, seq)
);

-- A payout owns the entries (from_seq, to_seq] for ever; status is what users of the original know.
CREATE TABLE payout_batches (
  client_id bigint NOT NULL,
  payout_id uuid NOT NULL,
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  from_seq bigint NOT NULL,
  to_seq bigint NOT NULL,
  payment_count int NOT NULL,
  strategy text NOT NULL,
  state text NOT NULL CHECK (state IN ('requested', 'awaiting_approval', 'awaiting_funds', 'ordered', 'funded',
    'exchanging', 'refunded', 'completed', 'failed', 'cancelled', 'on_hold')),
  held_state text,
  funds_seen boolean NOT NULL,
  status text GENERATED ALWAYS AS (CASE
    WHEN state = 'completed' THEN 'completed'
    WHEN state IN ('failed', 'cancelled') THEN 'failed'
    WHEN attempt > 0 OR funds_seen THEN 'processing'
    ELSE 'pending' END) STORED,
  currency text NOT NULL,
  network text NOT NULL,
  address text NOT NULL,
  memo text,
  usd_value numeric(20, 2),
  approved_revision bigint,
  reason text,
  parked boolean NOT NULL,
  attempt int NOT NULL,
  returned_seq bigint,
  received text,
  payout_hash text,
  revision bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  completed_at timestamptz,
  PRIMARY KEY (client_id, payout_id),
  CHECK (to_seq > from_seq)
);
CREATE UNIQUE INDEX payout_batches_range ON payout_batches (client_id, asset, to_seq);
CREATE INDEX payout_batches_id ON payout_batches (payout_id);
-- Limits sum what was created in the last day and month.
CREATE INDEX payout_batches_created ON payout_batches (created_at) INCLUDE (usd_value, state);
CREATE INDEX payout_batches_open ON payout_batches (asset, created_at, payout_id)
  WHERE state NOT IN ('completed', 'cancelled');

-- Every transaction that changes position:open, other than a conversion's own postings, has a number here.
CREATE TABLE credit_batches (
  partition int NOT NULL,
  number bigint NOT NULL CHECK (number > 0),
  eth numeric(78, 0) NOT NULL,
  usdt numeric(78, 0) NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (partition, number)
);

CREATE TABLE conversions (
  conversion_id uuid PRIMARY KEY,
  eth numeric(78, 0) NOT NULL CHECK (eth > 0),
  -- What the next attempt sends: less than eth once a provider refunded less than it got.
  eth_open numeric(78, 0) NOT NULL CHECK (eth_open > 0),
  usdt_expected numeric(78, 0) NOT NULL,
  usdt_received numeric(78, 0),
  state text NOT NULL CHECK (state IN ('requested', 'awaiting_funds', 'ordered', 'funded', 'exchanging', 'refunded',
    'completed', 'failed', 'cancelled', 'on_hold')),
  held_state text,
  reason text,
  parked boolean NOT NULL,
  attempt int NOT NULL,
  revision bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  completed_at timestamptz
);
CREATE INDEX conversions_open ON conversions (created_at, conversion_id) WHERE state NOT IN ('completed', 'cancelled');

CREATE TABLE conversion_ranges (
  conversion_id uuid NOT NULL,
  partition int NOT NULL,
  from_batch bigint NOT NULL,
  to_batch bigint NOT NULL,
  PRIMARY KEY (conversion_id, partition),
  UNIQUE (partition, to_batch),
  CHECK (to_batch > from_batch)
);

-- One row per attempt of a payout or conversion at the swap provider. Only the order stored here is ever funded.
CREATE TABLE swap_orders (
  owner_kind text NOT NULL CHECK (owner_kind IN ('payout', 'conversion')),
  owner_id uuid NOT NULL,
  attempt int NOT NULL,
  state text NOT NULL CHECK (state IN ('creating', 'created', 'finished', 'refunded', 'closed')),
  reference text NOT NULL,
  started_at timestamptz NOT NULL,
  provider text NOT NULL,
  provider_id text,
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  to_currency text NOT NULL,
  to_network text NOT NULL,
  to_address text NOT NULL,
  to_memo text,
  expected text,
  payin_address text,
  payin_memo text,
  provider_status text,
  received text,
  payout_hash text,
  refund_hash text,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (owner_kind, owner_id, attempt)
);
CREATE UNIQUE INDEX swap_orders_provider ON swap_orders (provider, provider_id) WHERE provider_id IS NOT NULL;

CREATE TABLE transfers (
  transfer_id uuid PRIMARY KEY,
  owner_kind text NOT NULL CHECK (owner_kind IN ('payout', 'conversion', 'return')),
  owner_id text NOT NULL,
  client_id bigint,
  attempt int NOT NULL,
  asset text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  to_address text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('swap', 'direct', 'return')),
  state text NOT NULL CHECK (state IN ('chosen', 'signed', 'broadcast', 'final', 'reverted', 'cancelled', 'dropped')),
  nonce bigint,
  gas_limit numeric(78, 0) NOT NULL,
  max_fee numeric(78, 0) NOT NULL,
  priority_fee numeric(78, 0) NOT NULL,
  gas_held numeric(78, 0) NOT NULL CHECK (gas_held >= 0),
  hash text,
  block bigint,
  gas_spent numeric(78, 0),
  cancel_wanted boolean NOT NULL,
  reason text,
  revision bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (owner_kind, owner_id, attempt)
);
CREATE UNIQUE INDEX transfers_nonce ON transfers (nonce) WHERE nonce IS NOT NULL;
CREATE INDEX transfers_open ON transfers (created_at) WHERE state IN ('chosen', 'signed', 'broadcast');

-- Signed bytes, stored before they are broadcast; a nonce has a set of hashes and all are watched.
CREATE TABLE transfer_txs (
  hash text PRIMARY KEY,
  transfer_id uuid NOT NULL,
  nonce bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('original', 'replacement', 'cancel')),
  raw text NOT NULL,
  max_fee numeric(78, 0) NOT NULL,
  priority_fee numeric(78, 0) NOT NULL,
  signed_at timestamptz NOT NULL
);
CREATE INDEX transfer_txs_transfer ON transfer_txs (transfer_id);

CREATE TABLE wallets (
  chain_id bigint NOT NULL,
  address text NOT NULL,
  next_nonce bigint,
  halted text,
  cursor_block bigint,
  PRIMARY KEY (chain_id, address)
);

-- Accounts kept in one row each: their sign is enforced here.
CREATE TABLE wallet_accounts (
  account text NOT NULL,
  asset text NOT NULL,
  balance numeric(78, 0) NOT NULL CHECK (balance >= 0),
  PRIMARY KEY (account, asset)
);
INSERT INTO wallet_accounts (account, asset, balance) VALUES
  ('wallet:host', 'ETH', 0), ('wallet:host', 'USDT', 0), ('wallet:gas', 'ETH', 0), ('wallet:gas_held', 'ETH', 0),
  ('wallet:sending', 'ETH', 0), ('wallet:sending', 'USDT', 0), ('swap:in_transit', 'ETH', 0), ('swap:in_transit', 'USDT', 0);

-- The general ledger: one row per transfer of a posting set; a set id is the hash of its cause, so it can't be posted twice.
CREATE TABLE gl_transfers (
  posting_set_id uuid NOT NULL,
  line int NOT NULL,
  cause_kind text NOT NULL,
  cause_id text NOT NULL,
  debit text NOT NULL,
  credit text NOT NULL,
  asset text NOT NULL,
  partition int NOT NULL,
  client_id bigint,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  at timestamptz NOT NULL,
  PRIMARY KEY (posting_set_id, line),
  CHECK (debit <> credit)
);
CREATE INDEX gl_transfers_client ON gl_transfers (client_id, at) WHERE client_id IS NOT NULL;
CREATE INDEX gl_transfers_cause ON gl_transfers (cause_id);

-- Turnover per account pair: balances and custody are sums over these few rows.
CREATE TABLE gl_totals (
  debit text NOT NULL,
  credit text NOT NULL,
  asset text NOT NULL,
  partition int NOT NULL,
  cause_kind text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  PRIMARY KEY (debit, credit, asset, partition, cause_kind)
) WITH (fillfactor = 30);

CREATE VIEW gl_balances AS
  SELECT account, asset, partition, sum(signed) AS balance FROM (
    SELECT debit AS account, asset, partition, amount AS signed FROM gl_totals
    UNION ALL SELECT credit, asset, partition, -amount FROM gl_totals) both_sides
  GROUP BY account, asset, partition;

-- What arrived in the host wallet in finalized blocks; each (hash, log) is used at most once.
CREATE TABLE chain_deposits (
  hash text NOT NULL,
  log_index int NOT NULL,
  block bigint NOT NULL,
  asset text NOT NULL,
  from_address text NOT NULL,
  amount numeric(78, 0) NOT NULL CHECK (amount > 0),
  used_for text,
  used_id text,
  PRIMARY KEY (hash, log_index)
);
CREATE INDEX chain_deposits_unused ON chain_deposits (block) WHERE used_for IS NULL;

CREATE TABLE consumer_position (
  grp text NOT NULL,
  topic text NOT NULL,
  part int NOT NULL,
  epoch bigint NOT NULL,
  owner text NOT NULL,
  next_offset bigint NOT NULL,
  last_event_id text,
  credit_batch bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (grp, topic, part)
) WITH (fillfactor = 20);

CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shard int NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  event_id uuid NOT NULL,
  event_type text NOT NULL,
  value bytea NOT NULL,
  headers text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX outbox_shard ON outbox (shard, id);

CREATE TABLE intents (
  key text PRIMARY KEY,
  kind text NOT NULL,
  subject text NOT NULL,
  state text NOT NULL CHECK (state IN ('due', 'leased', 'done', 'parked')),
  attempt int NOT NULL DEFAULT 0,
  polls int NOT NULL DEFAULT 0,
  lease_token uuid,
  lease_until timestamptz,
  due_at timestamptz NOT NULL,
  first_failed_at timestamptz,
  last_error text,
  last_error_class text,
  parked_at timestamptz,
  revision bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX intents_due ON intents (kind, due_at) WHERE state IN ('due', 'leased', 'parked');
CREATE INDEX intents_leased ON intents (lease_until) WHERE state = 'leased';

CREATE TABLE quarantined (
  event_id uuid PRIMARY KEY,
  topic text NOT NULL,
  part int NOT NULL,
  source_offset bigint NOT NULL,
  attempt int NOT NULL,
  entity text,
  reason text NOT NULL,
  detail text NOT NULL,
  key text,
  value bytea NOT NULL,
  -- of a webhook: the form under which its signature matched
  signature_form text,
  at timestamptz NOT NULL,
  redriven_at timestamptz
);
CREATE INDEX quarantined_open ON quarantined (reason, at) WHERE redriven_at IS NULL;
CREATE INDEX quarantined_entity ON quarantined (entity) WHERE redriven_at IS NULL;
CREATE INDEX quarantined_key ON quarantined (key) WHERE redriven_at IS NULL;

-- What a person must look at: contradictions that are never resolved by guessing.
CREATE TABLE discrepancies (
  discrepancy_id uuid PRIMARY KEY,
  kind text NOT NULL,
  entity text NOT NULL,
  detail text NOT NULL,
  at timestamptz NOT NULL,
  resolved_at timestamptz
);

-- Results of the last run of each invariant.
CREATE TABLE checks (
  name text PRIMARY KEY,
  ok boolean,
  difference text NOT NULL,
  detail text NOT NULL,
  checked_at timestamptz NOT NULL
);

-- is_paid_out and batch_id of a payment: its payout is completed, or was returned and the payout that covers the returned
-- entry is (money.md, entries).
CREATE VIEW payout_accumulation_paid AS
  SELECT a.*, c.payout_id AS batch_id, coalesce(c.state = 'completed', false) AS is_paid_out, c.completed_at AS paid_out_at
    FROM payout_accumulation a
    LEFT JOIN LATERAL (
      WITH RECURSIVE covers AS (
        SELECT b.payout_id, b.state, b.returned_seq, b.completed_at
          FROM payout_batches b
         WHERE b.client_id = a.client_id AND b.asset = a.asset AND a.seq > b.from_seq AND a.seq <= b.to_seq
        UNION ALL
        SELECT b.payout_id, b.state, b.returned_seq, b.completed_at
          FROM covers
          JOIN payout_batches b ON b.client_id = a.client_id AND b.asset = a.asset
           AND covers.returned_seq > b.from_seq AND covers.returned_seq <= b.to_seq)
      SELECT * FROM covers WHERE returned_seq IS NULL LIMIT 1) c ON true;
