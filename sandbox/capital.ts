/** Books the gas that `up` gives to the host wallet as the platform's capital, once. */
import { join } from 'node:path';
import { lastLineOf } from './command.ts';
import { readIfThere, writeWhole } from './files.ts';
import { homeLayout } from './home.ts';
import { runOwnCommand } from './programs.ts';

/** Whole ETH that the host wallet gets for gas on the development chain. */
export const GAS_ETH = '10';

/**
 * Books the funding transaction; settle must run, because it sees the deposit on chain.
 * @throws one line when the ledger refuses it
 */
export async function bookGas(
  home: string,
  tx: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const marker = join(homeLayout(home).data, 'gas-booked');
  if (readIfThere(marker) === tx) return;
  try {
    await runOwnCommand(
      ['wallet', 'deposit', GAS_ETH, '--account', 'gas', '--asset', 'ETH', '--tx', tx],
      env,
    );
  } catch (error) {
    // Booked by an earlier start that was killed before it could write the marker: the ledger is the one that knows.
    if (!/already booked as capital/.test(lastLineOf((error as Error).message))) throw error;
  }
  writeWhole(marker, tx);
}
