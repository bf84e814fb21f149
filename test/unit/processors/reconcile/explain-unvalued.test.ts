/** Money without a value: it waits for a rate, is valued next, or is worth nothing and waits for nobody. */
import { expect, it } from 'vitest';
import { explainUnvalued } from '../../../../processors/reconcile/explain-unvalued.ts';
import { money } from '../../../../schemas/money.ts';

const WEI = money('ETH', 1n);
const MUCH = money('ETH', 10n ** 16n);

it.each([
  ['no rate', explainUnvalued(WEI, 'threshold', undefined), 'no_usable_rate'],
  ['a rate', explainUnvalued(MUCH, 'threshold', '4000'), 'next_step'],
  ['one wei that accumulates', explainUnvalued(WEI, 'threshold', '4000'), 'value_too_small'],
  ['one wei that is credited as it is', explainUnvalued(WEI, 'instant', '4000'), 'next_step'],
])('%s', (_name, told, rule) => {
  expect(told.rule).toBe(rule);
});
