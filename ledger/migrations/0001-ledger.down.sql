DROP VIEW payout_accumulation_paid;
DROP VIEW gl_balances;
DROP TABLE checks, discrepancies, quarantined, intents, outbox, consumer_position, chain_deposits, gl_totals, gl_transfers,
  wallet_accounts, wallets, transfer_txs, transfers, swap_orders, conversion_ranges, conversions, credit_batches,
  payout_batches, client_entries, payout_accumulation, payment_status, orders, pair_limits, rates, fee_schedule,
  client_accounts, plans, clients;
