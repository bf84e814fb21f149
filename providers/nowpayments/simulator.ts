/**
 * NOWPayments for development and tests: the documented API, a control side that makes payments, signed IPNs, and real
 * outcome transfers on the development chain.
 */
import type { FastifyInstance } from 'fastify';
import { createSimulatorApp } from '../simulator-app.ts';
import { registerApi } from './simulator-api.ts';
import { createBook } from './simulator-book.ts';
import type { OutcomeSender } from './simulator-chain.ts';
import { registerControl } from './simulator-control.ts';
import { createDelivery } from './simulator-delivery.ts';
import { createFlow } from './simulator-flow.ts';
import { registerList } from './simulator-list.ts';

export interface NowPaymentsSimulatorOptions {
  readonly apiKey: string;
  readonly ipnSecret: string;
  /** What the list of payments wants beside the key; default nothing. */
  readonly login?: { readonly email: string; readonly password: string };
  /** Null: no chain; payments then have no payout hash. */
  readonly sender: OutcomeSender | null;
  /** US dollars per ETH, exact decimal text; default 4,000. */
  readonly ethUsd?: () => Promise<string>;
  /** Waits before an IPN that was not taken is repeated, ms; after the last one it is given up. */
  readonly retryMs?: readonly number[];
  /** Keeps invoices and payments over a restart. */
  readonly stateFile?: string | null;
}

export interface NowPaymentsSimulator {
  readonly app: FastifyInstance;
  /** @returns the address; port 0 picks a free one */
  listen(port: number, host?: string): Promise<string>;
  close(): Promise<void>;
}

/** The provider repeats for a day; development is faster: about 15 minutes in all. */
const RETRY_MS_DEFAULT = [500, 1_000, 2_000, 3_000, 5_000, ...Array<number>(90).fill(10_000)];

export function createNowPaymentsSimulator(options: NowPaymentsSimulatorOptions): NowPaymentsSimulator {
  const ethUsd = options.ethUsd ?? (async () => '4000');
  const book = createBook(options.stateFile ?? null);
  const delivery = createDelivery(options.retryMs ?? RETRY_MS_DEFAULT);
  const flow = createFlow({ book, delivery, sender: options.sender, ipnSecret: options.ipnSecret, ethUsd });
  const { app, listen, close } = createSimulatorApp(() => {
    book.clear();
    delivery.reset();
  });
  registerApi(app, { book, apiKey: options.apiKey });
  registerList(app, { book, apiKey: options.apiKey, login: options.login ?? null });
  registerControl(app, { book, flow, delivery });
  return {
    app,
    listen,
    async close() {
      delivery.reset();
      await close();
      options.sender?.close();
    },
  };
}
