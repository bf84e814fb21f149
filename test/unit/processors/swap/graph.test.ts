/** Every edge of the graphs, legal and illegal, for payouts, conversions and transfers. */
import { describe, expect, test } from 'vitest';
import { assertEdge, GRAPHS, IllegalMove, isTerminal } from '../../../../processors/swap/graph.ts';

/** As flow.md has it, and the two additions that graph.ts explains. */
const LEGAL = {
  payout: `requested>awaiting_approval requested>awaiting_funds requested>on_hold requested>cancelled
    awaiting_approval>awaiting_funds awaiting_approval>on_hold awaiting_approval>cancelled
    awaiting_funds>ordered awaiting_funds>failed awaiting_funds>on_hold awaiting_funds>cancelled
    ordered>funded ordered>completed ordered>awaiting_funds ordered>failed ordered>on_hold ordered>cancelled
    funded>exchanging funded>completed funded>refunded funded>failed funded>on_hold
    exchanging>completed exchanging>refunded exchanging>failed exchanging>on_hold
    refunded>awaiting_funds refunded>on_hold
    failed>awaiting_funds failed>exchanging failed>cancelled
    on_hold>requested on_hold>awaiting_approval on_hold>awaiting_funds on_hold>ordered on_hold>funded
    on_hold>exchanging on_hold>cancelled`,
  transfer: `chosen>signed chosen>dropped signed>broadcast broadcast>final broadcast>reverted
    broadcast>cancelled`,
} as const;

/** Nobody approves a conversion, and its own transfer never ends it. */
function isOfPayoutsOnly(edge: string): boolean {
  return edge.includes('awaiting_approval') || edge === 'ordered>completed';
}

describe.each(['payout', 'conversion', 'transfer'] as const)('%s', (name) => {
  const states = Object.keys(GRAPHS[name]);
  const text = name === 'transfer' ? LEGAL.transfer : LEGAL.payout;
  const legal = new Set(text.split(/\s+/).filter((edge) => name !== 'conversion' || !isOfPayoutsOnly(edge)));
  const pairs = states.flatMap((from) => states.map((to) => [from, to] as const));

  test.each(pairs)('%s -> %s [failures 50, H7]', (from, to) => {
    if (legal.has(`${from}>${to}`)) assertEdge(name, from, to);
    else expect(() => assertEdge(name, from, to)).toThrow(IllegalMove);
  });

  test('nothing leaves a terminal state', () => {
    const terminal = states.filter((state) => isTerminal(name, state));
    const expected = { transfer: ['final', 'reverted', 'cancelled', 'dropped'] } as Record<string, string[]>;
    expect(terminal).toEqual(expected[name] ?? ['completed', 'cancelled']);
  });
});

test('a conversion waits for no approval: no edge leads there', () => {
  expect(Object.values(GRAPHS.conversion).flat()).not.toContain('awaiting_approval');
});

test('a state that nobody knows has no edges', () => {
  expect(isTerminal('payout', 'lost')).toBe(false);
  expect(() => assertEdge('payout', 'lost', 'completed')).toThrow(/cannot go from lost/);
});
