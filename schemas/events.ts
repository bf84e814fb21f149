/**
 * The values of all topics as TypeScript sees them. Avro (schemas/avro) is the same, field by field; status and
 * kind fields are open strings on the wire. Amounts of ledger assets are Money; everything a provider says about
 * other currencies is an observed quantity: exact decimal text.
 */
import type { Money } from './money.ts';

/** What NOWPayments said about one payment in one IPN, as authenticated. Amounts are exact decimal text. */
export interface PaymentFacts {
  readonly provider: string;
  readonly payment_id: string;
  readonly parent_payment_id: string | null;
  readonly invoice_id: string | null;
  /** The client's open channel id as decimal text, read from the order id. */
  readonly client_id: string;
  readonly order_id: string;
  readonly payment_status: string;
  readonly price_amount: string | null;
  readonly price_currency: string | null;
  readonly pay_amount: string | null;
  readonly pay_currency: string | null;
  readonly actually_paid: string | null;
  readonly pay_address: string | null;
  readonly outcome_amount: string | null;
  /** NOWPayments currency code, lower case. */
  readonly outcome_currency: string | null;
}

export interface PaymentReceived {
  readonly event_id: string;
  readonly occurred_at: Date;
  readonly payment: PaymentFacts;
  /** SHA-256 of the raw body, hex. */
  readonly raw_digest: string;
  /** Which rule the signature matched: raw | sorted | javascript; none when not a webhook. */
  readonly signature_form: string;
  /** webhook | reconcile | redrive */
  readonly source: string;
}

/** status: no value in it; valued; unvalued: no usable rate; rejected: decoded but not processable, see reason. */
export type ValuedKind = 'status' | 'valued' | 'unvalued' | 'rejected';

export interface PaymentValued {
  readonly event_id: string;
  readonly occurred_at: Date;
  /** event_id of the payments.received record. */
  readonly received_id: string;
  readonly kind: string;
  readonly payment: PaymentFacts;
  /** instant | threshold; null unless kind is valued or unvalued. */
  readonly strategy: string | null;
  /** What the payment brought in, in the asset received; null unless valued or unvalued. */
  readonly received: Money | null;
  /** In the asset credited: gross = fee + net. */
  readonly gross: Money | null;
  readonly fee: Money | null;
  readonly net: Money | null;
  readonly fee_bps: number | null;
  readonly rate_id: string | null;
  /** USDT per ETH, exact decimal text; null when no conversion was needed. */
  readonly rate: string | null;
  /** A code of schemas/reasons.ts when kind is rejected or unvalued. */
  readonly reason: string | null;
}

export interface PaymentCredited {
  readonly event_id: string;
  readonly occurred_at: Date;
  readonly client_id: string;
  readonly provider: string;
  readonly payment_id: string;
  /** 1, or 2 for the rest of a partially paid payment. */
  readonly leg: number;
  readonly order_id: string;
  /** Entry number of the client and asset; strictly rising. */
  readonly seq: bigint;
  readonly strategy: string;
  readonly gross: Money;
  readonly fee: Money;
  readonly net: Money;
  readonly rate_id: string | null;
  /** Free balance of the client in that asset right after the credit, before a payout took it. */
  readonly available: Money;
  readonly threshold_usd: string | null;
  /** The payout that this credit triggered. */
  readonly payout_id: string | null;
  /** Whether the whole price was paid, so that access may be given. */
  readonly access: boolean;
}

export interface Destination {
  readonly currency: string;
  readonly network: string;
  readonly address: string;
  readonly memo: string | null;
}

export interface SwapView {
  readonly provider: string;
  readonly id: string;
  /** Observed quantities, exact decimal text in the target currency. */
  readonly expected: string | null;
  readonly received: string | null;
  readonly payout_hash: string | null;
}

export interface TransferView {
  readonly hash: string;
  readonly nonce: bigint;
  readonly to: string;
  readonly amount: Money;
  readonly block: bigint | null;
}

export interface PayoutEvent {
  readonly event_id: string;
  readonly occurred_at: Date;
  readonly created_at: Date;
  readonly payout_id: string;
  readonly client_id: string;
  readonly strategy: string;
  readonly status: string;
  readonly reason: string | null;
  readonly parked: boolean;
  readonly amount: Money;
  readonly payment_count: number;
  readonly from_seq: bigint;
  readonly to_seq: bigint;
  readonly destination: Destination;
  readonly swap: SwapView | null;
  readonly transfer: TransferView | null;
  readonly attempt: number;
  readonly revision: bigint;
}

export interface ConversionEvent {
  readonly event_id: string;
  readonly occurred_at: Date;
  readonly created_at: Date;
  readonly conversion_id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly parked: boolean;
  /** ETH that goes out, USDT that was locked against it, USDT that came. */
  readonly amount: Money;
  readonly expected: Money;
  readonly received: Money | null;
  readonly swap: SwapView | null;
  readonly transfer: TransferView | null;
  readonly attempt: number;
  readonly revision: bigint;
}

export interface JournalTransfer {
  /** Account names of ledger/accounts.ts; partition -1 for accounts kept in one row. */
  readonly debit: string;
  readonly credit: string;
  readonly partition: number;
  readonly amount: Money;
}

export interface JournalEntry {
  readonly client_id: string;
  readonly seq: bigint;
  readonly kind: string;
  /** Signed change of the client's free balance. */
  readonly amount: Money;
}

export interface JournalRecord {
  readonly event_id: string;
  readonly occurred_at: Date;
  readonly posting_set_id: string;
  readonly cause_kind: string;
  readonly cause_id: string;
  readonly transfers: readonly JournalTransfer[];
  readonly entries: readonly JournalEntry[];
}

export interface ClientPolicyEvent {
  readonly event_id: string;
  readonly occurred_at: Date;
  readonly client_id: string;
  readonly strategy: string;
  readonly threshold_usd: string | null;
  readonly currency: string;
  readonly network: string;
  readonly revision: bigint;
}

export interface QuarantineRecord {
  readonly event_id: string;
  readonly occurred_at: Date;
  /** Where the bytes came from: a topic, or `webhook` for a raw HTTP body (partition and offset -1). */
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly attempt: number;
  /** `payment:<client>:<provider>:<id>`, `payout:<id>`, `conversion:<id>`; null where nothing could be read. */
  readonly entity: string | null;
  readonly reason: string;
  readonly detail: string;
  readonly key: string | null;
  readonly value: Buffer;
}

export interface TopicValues {
  'payments.received': PaymentReceived;
  'payments.valued': PaymentValued;
  'payments.credited': PaymentCredited;
  payouts: PayoutEvent;
  conversions: ConversionEvent;
  journal: JournalRecord;
  clients: ClientPolicyEvent;
  quarantine: QuarantineRecord;
}
