DROP INDEX payment_status_open;
DROP TABLE missed_looks, missed_webhooks;
