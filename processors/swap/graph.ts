/** The legal steps of payouts, conversions and transfers (flow.md), as data. Nothing moves along any other edge. */

export type PayoutState =
  | 'requested'
  | 'awaiting_approval'
  | 'awaiting_funds'
  | 'ordered'
  | 'funded'
  | 'exchanging'
  | 'refunded'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'on_hold';
export type ConversionState = Exclude<PayoutState, 'awaiting_approval'>;
export type TransferState =
  | 'chosen'
  | 'signed'
  | 'broadcast'
  | 'final'
  | 'reverted'
  | 'cancelled'
  | 'dropped';

type Graph<S extends string> = Readonly<Record<S, readonly S[]>>;

/**
 * Beyond flow.md: `awaiting_funds -> failed` (the provider's reply to an order contradicts the request, before anything
 * was set aside) and `failed -> exchanging` (a person asks for another look while the coins are still at the provider).
 */
const PAYOUT: Graph<PayoutState> = {
  requested: ['awaiting_approval', 'awaiting_funds', 'on_hold', 'cancelled'],
  awaiting_approval: ['awaiting_funds', 'on_hold', 'cancelled'],
  awaiting_funds: ['ordered', 'failed', 'on_hold', 'cancelled'],
  ordered: ['funded', 'completed', 'awaiting_funds', 'failed', 'on_hold', 'cancelled'],
  funded: ['exchanging', 'completed', 'refunded', 'failed', 'on_hold'],
  exchanging: ['completed', 'refunded', 'failed', 'on_hold'],
  refunded: ['awaiting_funds', 'on_hold'],
  failed: ['awaiting_funds', 'exchanging', 'cancelled'],
  on_hold: [
    'requested',
    'awaiting_approval',
    'awaiting_funds',
    'ordered',
    'funded',
    'exchanging',
    'cancelled',
  ],
  completed: [],
  cancelled: [],
};

/** Nobody approves a conversion, and each is a swap: it is never over once its own transfer is final. */
function withoutApproval(): Graph<ConversionState> {
  const edges = Object.entries(PAYOUT)
    .filter(([from]) => from !== 'awaiting_approval')
    .map(([from, to]) => [from, to.filter((state) => state !== 'awaiting_approval')]);
  const graph = Object.fromEntries(edges) as Graph<ConversionState>;
  return { ...graph, ordered: graph.ordered.filter((state) => state !== 'completed') };
}

/** Signed bytes go out, or go out again, before anybody asks what became of them: nothing ends without `broadcast`. */
const TRANSFER: Graph<TransferState> = {
  chosen: ['signed', 'dropped'],
  signed: ['broadcast'],
  broadcast: ['final', 'reverted', 'cancelled'],
  final: [],
  reverted: [],
  cancelled: [],
  dropped: [],
};

export const GRAPHS = { payout: PAYOUT, conversion: withoutApproval(), transfer: TRANSFER } as const;
export type GraphName = keyof typeof GRAPHS;

/** Asked for a step that the graph does not have: a fault of ours, or a decision that came too late. */
export class IllegalMove extends Error {
  override name = 'IllegalMove';
}

/** @throws IllegalMove */
export function assertEdge(graph: GraphName, from: string, to: string): void {
  const edges: Readonly<Record<string, readonly string[]>> = GRAPHS[graph];
  if (!edges[from]?.includes(to)) throw new IllegalMove(`a ${graph} cannot go from ${from} to ${to}`);
}

export function isTerminal(graph: GraphName, state: string): boolean {
  const edges: Readonly<Record<string, readonly string[]>> = GRAPHS[graph];
  return edges[state]?.length === 0;
}
