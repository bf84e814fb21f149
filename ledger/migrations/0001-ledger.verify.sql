-- Each query returns rows (name, ok, detail).
SELECT 'tables exist' AS name, count(*) = 28 AS ok, count(*) || ' of 28 tables' AS detail
  FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
   AND table_name IN ('clients', 'plans', 'client_accounts', 'fee_schedule', 'rates', 'pair_limits', 'orders', 'payment_status',
     'payout_accumulation', 'client_entries', 'payout_batches', 'credit_batches', 'conversions', 'conversion_ranges', 'swap_orders',
     'transfers', 'transfer_txs', 'wallets', 'wallet_accounts', 'gl_transfers', 'gl_totals', 'chain_deposits', 'consumer_position',
     'outbox', 'intents', 'quarantined', 'discrepancies', 'checks');
SELECT 'payout columns of clients' AS name, count(*) = 3 AS ok, string_agg(column_name, ', ') AS detail
  FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'clients'
   AND column_name IN ('payout_strategy', 'payout_threshold_usd', 'payout_threshold_updated_at');
SELECT 'every client has an account per asset' AS name, count(*) = 0 AS ok, count(*) || ' clients without' AS detail
  FROM clients c WHERE (SELECT count(*) FROM client_accounts a WHERE a.client_id = c.client_id) <> 2;
SELECT 'wallet accounts exist' AS name, count(*) = 8 AS ok, count(*) || ' of 8 rows' AS detail FROM wallet_accounts;
SELECT 'amounts are numeric' AS name, count(*) = 0 AS ok, coalesce(string_agg(table_name || '.' || column_name, ', '), 'none else') AS detail
  FROM information_schema.columns WHERE table_schema = current_schema()
   AND column_name IN ('amount', 'available', 'reserved', 'unvalued', 'debt', 'gross', 'fee', 'net', 'balance') AND data_type <> 'numeric';
