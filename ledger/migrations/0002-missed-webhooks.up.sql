-- What reconcile found at the payment provider and no webhook had brought: one row per payment and status that it fed.
CREATE TABLE missed_webhooks (
  client_id bigint NOT NULL,
  event_id uuid NOT NULL,
  provider text NOT NULL,
  payment_id text NOT NULL,
  order_id text NOT NULL,
  status text NOT NULL,
  outcome_amount text,
  outcome_currency text,
  -- when it became so, as the provider says; how late we were is the difference to found_at
  told_at timestamptz NOT NULL,
  found_at timestamptz NOT NULL,
  PRIMARY KEY (client_id, event_id)
);
CREATE INDEX missed_webhooks_found ON missed_webhooks (found_at);
CREATE INDEX missed_webhooks_payment ON missed_webhooks (payment_id);

-- How far each look at the provider's list has come: every payment made before seen_to was compared at that age.
CREATE TABLE missed_looks (
  look int PRIMARY KEY,
  age_ms bigint NOT NULL,
  seen_to timestamptz NOT NULL,
  -- of the last answer that was compared, and why there is none since
  looked_at timestamptz,
  error text,
  -- the provider refuses its list: what is known is asked for one by one
  refused boolean NOT NULL,
  -- of the list, where more was made in one second than one transaction compares; else 0
  next_page int NOT NULL,
  -- then: the last one asked for of those first seen at seen_to
  after_client bigint,
  after_payment text
);

-- Payments that are not over, in the order in which they were first seen: asked for one by one where the list is refused.
CREATE INDEX payment_status_open ON payment_status (first_seen_at, client_id, payment_id) WHERE state = 'open';
