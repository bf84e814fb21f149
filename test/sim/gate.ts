/** Compares what simulations reached with what is declared; says what is missing, in a few lines for people. */
import type { Counts } from './coverage.ts';
import { COMPOUND, DECLARED_GRAPHS, declared, declaredStates, EXCLUDED } from './declared.ts';
import { FAULT_NAMES } from './faults.ts';

/** From so many seeds on, what was never reached fails. */
export const GATE_FROM = 200;

export interface Verdict {
  /** Declared, not excluded, and never reached. */
  readonly missing: readonly string[];
  /** Excluded as impossible, but reached. */
  readonly surprising: readonly string[];
  /** Steps that no graph has. */
  readonly undeclared: readonly string[];
}

export function compare(counts: Counts): Verdict {
  const all = declared();
  const isReached = (key: string): boolean => (counts[key] ?? 0) > 0;
  const known = new Set(all);
  return {
    missing: all.filter((key) => !isReached(key) && !Object.hasOwn(EXCLUDED, key)),
    surprising: Object.keys(EXCLUDED).filter(isReached),
    undeclared: Object.keys(counts).filter((key) => isExactEdge(key) && !known.has(key)),
  };
}

function isExactEdge(key: string): boolean {
  const [what, graph] = key.split(' ');
  return what === 'edge' && graph! in DECLARED_GRAPHS && !COMPOUND.has(graph!);
}

/** One line of figures, then one per kind of thing that is not as it must be. */
export function linesOf(counts: Counts, verdict: Verdict): string[] {
  const reached = Object.keys(counts);
  const all = declared().filter((key) => !Object.hasOwn(EXCLUDED, key));
  const share = (kind: string): string => {
    const keys = all.filter((key) => key.startsWith(`${kind} `));
    return `${keys.filter((key) => (counts[key] ?? 0) > 0).length} of ${keys.length}`;
  };
  const states = declaredStates();
  const seen = new Set(reached.filter((key) => key.startsWith('edge ')).map(stateOf));
  const pairs = reached.filter((key) => key.startsWith('pair ')).length;
  const lines = [
    `coverage: ${states.filter((state) => seen.has(state)).length} of ${states.length} states, ` +
      `${share('edge')} transitions, ${share('reason')} reasons, ${share('fault')} faults, ` +
      `${pairs} of ${states.length * FAULT_NAMES.length} pairs of fault and state`,
  ];
  if (verdict.missing.length > 0) lines.push(`never reached: ${verdict.missing.join(', ')}`);
  if (verdict.surprising.length > 0)
    lines.push(`excluded in test/sim/declared.ts, but reached: ${verdict.surprising.join(', ')}`);
  if (verdict.undeclared.length > 0) lines.push(`in no graph: ${verdict.undeclared.join(', ')}`);
  return lines;
}

/** The state that a step leads to. */
function stateOf(edge: string): string {
  const [, graph, , to] = edge.split(' ');
  return `${graph} ${to}`;
}

export function isGood({ missing, surprising, undeclared }: Verdict): boolean {
  return missing.length + surprising.length + undeclared.length === 0;
}
