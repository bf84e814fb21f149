/**
 * What the NOWPayments simulator knows: invoices and payments, in memory and, when a file is given, appended to it line
 * by line, so that a restarted simulator still answers for the payments that it made.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { json } from '../http.ts';

export interface Invoice {
  readonly id: string;
  readonly orderId: string;
  readonly description: string;
  readonly priceAmount: string;
  readonly priceCurrency: string;
  readonly ipnUrl: string | null;
  readonly successUrl: string | null;
  readonly createdAt: string;
}

/** Amounts are exact decimal text; null = not known yet. */
export interface Payment {
  readonly paymentId: string;
  readonly invoiceId: string | null;
  readonly orderId: string | null;
  readonly description: string;
  readonly parentPaymentId: string | null;
  readonly purchaseId: string;
  readonly payAddress: string;
  readonly payAmount: string;
  readonly payCurrency: string;
  readonly priceAmount: string;
  readonly priceCurrency: string;
  readonly ipnUrl: string | null;
  readonly createdAt: string;
  /** What the subscriber will send, and what GET says as long as the outcome is not fixed. */
  readonly willPay: string;
  readonly estimate: string;
  status: string;
  actuallyPaid: string;
  outcomeAmount: string | null;
  outcomeCurrency: string | null;
  /** What has been sent on chain so far, in minor units as text. */
  sentMinor: string;
  payinHash: string | null;
  payoutHash: string | null;
  updatedAt: string;
  /** Fields that GET answers instead of the true ones: a provider that contradicts its own IPNs. */
  lies: json.JsonObject;
  /** Why the payment stopped on its way, when it did. */
  error: string | null;
}

export interface Book {
  readonly invoices: Map<string, Invoice>;
  readonly payments: Map<string, Payment>;
  saveInvoice(invoice: Invoice): void;
  savePayment(payment: Payment): void;
  /** The newest invoice of an order. */
  invoiceOfOrder(orderId: string): Invoice | undefined;
  nextId(): string;
  clear(): void;
}

export function createBook(file: string | null): Book {
  const invoices = new Map<string, Invoice>();
  const payments = new Map<string, Payment>();
  const byOrder = new Map<string, Invoice>();
  const keep = (kind: 'invoice' | 'payment', row: Invoice | Payment): void => {
    if (file !== null) appendFileSync(file, `${json.stringifyJson({ kind, row })}\n`);
  };
  const book: Book = {
    invoices,
    payments,
    saveInvoice(invoice) {
      invoices.set(invoice.id, invoice);
      byOrder.set(invoice.orderId, invoice);
      keep('invoice', invoice);
    },
    savePayment(payment) {
      payments.set(payment.paymentId, payment);
      keep('payment', payment);
    },
    invoiceOfOrder: (orderId) => byOrder.get(orderId),
    nextId: idsFrom(Date.now()),
    clear() {
      invoices.clear();
      payments.clear();
      byOrder.clear();
      if (file !== null) writeFileSync(file, '');
    },
  };
  load(file, book, byOrder);
  return book;
}

/**
 * 15 digits from the clock on, so that a restart never gives an id twice; not more, because a number of more than 15
 * significant digits would not survive signature form 3.
 */
function idsFrom(startMs: number): () => string {
  let next = BigInt(startMs) * 100n;
  return () => {
    next += 1n;
    return next.toString();
  };
}

function load(file: string | null, book: Book, byOrder: Map<string, Invoice>): void {
  if (file === null || !existsSync(file)) return;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const entry = lineOf(line);
    if (entry?.kind === 'payment') book.payments.set(entry.row.paymentId, entry.row);
    if (entry?.kind === 'invoice') {
      book.invoices.set(entry.row.id, entry.row);
      byOrder.set(entry.row.orderId, entry.row);
    }
  }
}

type Line = { kind: 'invoice'; row: Invoice } | { kind: 'payment'; row: Payment };

function lineOf(line: string): Line | null {
  try {
    return line === '' ? null : (json.parseJson(line) as unknown as Line);
  } catch {
    return null; // the last line of a killed process may be cut; the row before it stands
  }
}

/** A hash or address that looks real and is the same for the same cause. */
export function lookalike(cause: string, hexDigits: number): string {
  return `0x${createHash('sha256').update(cause).digest('hex').slice(0, hexDigits)}`;
}
