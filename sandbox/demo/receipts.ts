/** What really reached the clients, seen from outside the ledger: the swap simulator's book, and the chain. */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { heldAssetOf } from '../../schemas/assets.ts';
import { type BookEntry, bookOf } from './control.ts';
import type { RegisteredClient } from './register.ts';
import type { World } from './world.ts';

export interface Arrived {
  readonly clientId: string;
  /** Payouts on other chains, one entry each. */
  readonly book: readonly BookEntry[];
  /** Balance on the development chain, minor units, for a client that takes a held asset. */
  readonly onChain: { readonly asset: LedgerAsset; readonly minor: bigint } | null;
}

/** The addresses of the scenario are new, so all that is there came from its payouts. */
export async function whatArrived(world: World, clients: readonly RegisteredClient[]): Promise<Arrived[]> {
  return Promise.all(
    clients.map(async (client) => {
      const asset = heldAssetOf(client.currency, client.network);
      if (asset === undefined) {
        return { clientId: client.id, book: await bookOf(world.changenow, client.address), onChain: null };
      }
      const balances = await world.chain.balances(client.address, 'finalized');
      return { clientId: client.id, book: [], onChain: { asset, minor: balances[asset] } };
    }),
  );
}
