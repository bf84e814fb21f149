/**
 * What simulations must reach: every step of the graphs, every reason and every fault; and what they cannot reach, each
 * with why. Keys as in coverage.ts.
 */
import { GRAPHS } from '../../processors/swap/graph.ts';
import { REASON_CODES } from '../../schemas/reasons.ts';
import { FAULT_NAMES } from './faults.ts';

type Graph = Readonly<Record<string, readonly string[]>>;

/** Payments (flow.md), as one transaction after the other leaves them. `new`: not in the ledger yet. */
const PAYMENT: Graph = {
  new: ['open', 'unvalued', 'credited', 'closed'],
  open: ['unvalued', 'credited', 'confirming', 'closed'],
  confirming: ['credited', 'closed'],
  unvalued: ['credited', 'closed'],
  credited: ['closed'],
};

const ORDER: Graph = {
  new: ['creating'],
  creating: ['created', 'closed'],
  created: ['finished', 'refunded', 'closed'],
};

export const DECLARED_GRAPHS: Readonly<Record<string, Graph>> = {
  payment: PAYMENT,
  payout: { new: ['requested'], ...GRAPHS.payout },
  conversion: { new: ['requested'], ...GRAPHS.conversion },
  transfer: { new: ['chosen'], ...GRAPHS.transfer },
  order: ORDER,
};

/** Steps that one transaction may take together, where only its end is seen. */
export const COMPOUND: ReadonlySet<string> = new Set(['payment', 'order', 'transfer']);

/** `payout ordered` and so on. */
export function declaredStates(): string[] {
  return Object.entries(DECLARED_GRAPHS).flatMap(([name, graph]) => {
    const states = new Set([...Object.keys(graph), ...Object.values(graph).flat()]);
    states.delete('new');
    return [...states].map((state) => `${name} ${state}`);
  });
}

/** Everything that a key of coverage must exist for, but for what is excluded. */
export function declared(): string[] {
  const edges = Object.entries(DECLARED_GRAPHS).flatMap(([name, graph]) =>
    Object.entries(graph).flatMap(([from, to]) => to.map((one) => `edge ${name} ${from} ${one}`)),
  );
  const reasons = REASON_CODES.map((code) => `reason ${code}`);
  return [...edges, ...reasons, ...FAULT_NAMES.map((name) => `fault ${name}`)];
}

const HTTP = 'decided by the HTTP server, which is not simulated: test/int/gateway';

/** What no seed reaches, and why; one that is reached must leave this list. */
export const EXCLUDED: Readonly<Record<string, string>> = {
  'reason method_not_allowed': HTTP,
  'reason body_too_large': HTTP,
  'reason encoding_refused': HTTP,
  'reason body_timeout': HTTP,
  'reason not_durable': HTTP,
  'reason overloaded': HTTP,
  'reason draining': HTTP,
  'reason request_malformed': HTTP,
  'reason headers_too_large': HTTP,
  'reason not_found': HTTP,
  'reason gateway_defect': 'only a defect of the parser leads here, and none is known',
};
