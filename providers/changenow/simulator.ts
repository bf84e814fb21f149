/**
 * ChangeNOW v2 for development and tests: the documented API, a control side, real deposits, proceeds and
 * refunds on the development chain, and a book of what was paid in other currencies.
 */
import type { FastifyInstance } from 'fastify';
import type { DevBank } from '../evm/dev-bank.ts';
import { createSimulatorApp } from '../simulator-app.ts';
import { registerApi } from './simulator-api.ts';
import { registerControl } from './simulator-control.ts';
import { createEngine } from './simulator-engine.ts';
import { createOrderBook } from './simulator-orders.ts';

export interface ChangeNowSimulatorOptions {
  readonly apiKey: string;
  readonly usdtContract: string;
  /** Its account on the development chain. Null: no chain, orders wait for ever. */
  readonly bank: DevBank | null;
  /** Keeps orders, scripts and settings over a restart. */
  readonly stateFile?: string | null;
}

export interface ChangeNowSimulator {
  readonly app: FastifyInstance;
  /** @returns the address; port 0 picks a free one */
  listen(port: number, host?: string): Promise<string>;
  close(): Promise<void>;
}

export function createChangeNowSimulator(options: ChangeNowSimulatorOptions): ChangeNowSimulator {
  const { apiKey, usdtContract, bank } = options;
  const memory = createOrderBook(options.stateFile ?? null);
  const engine = createEngine(memory, bank);
  const { app, listen, close } = createSimulatorApp(() => memory.clear());
  registerApi(app, { memory, apiKey, usdtContract });
  registerControl(app, { memory, engine });
  return {
    app,
    async listen(port, host) {
      engine.start();
      return listen(port, host);
    },
    async close() {
      await close();
      await engine.stop();
      bank?.close();
    },
  };
}
