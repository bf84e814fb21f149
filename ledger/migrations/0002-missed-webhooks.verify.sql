-- Each query returns rows (name, ok, detail).
SELECT 'tables exist' AS name, count(*) = 2 AS ok, count(*) || ' of 2 tables' AS detail
  FROM information_schema.tables WHERE table_schema = current_schema() AND table_name IN ('missed_webhooks', 'missed_looks');
SELECT 'indexes of what is looked for' AS name, count(*) = 3 AS ok, count(*) || ' of 3 indexes' AS detail
  FROM pg_indexes WHERE schemaname = current_schema() AND indexname IN ('missed_webhooks_found', 'missed_webhooks_payment', 'payment_status_open');
