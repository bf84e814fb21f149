/** What holds money that came while no rate was usable. Pure; asked of the function that values it. */
import type { Money } from '../../schemas/money.ts';
import { reasonText } from '../../schemas/reasons.ts';
import { valueReceived } from '../convert/value.ts';
import { amountText } from './audit-compare.ts';

export interface Unvalued {
  readonly rule: 'no_usable_rate' | 'next_step' | 'value_too_small';
  readonly text: string;
}

/**
 * @param strategy of the client now: by it a value is given
 * @param usdtPerEth exact text; undefined: no rate is usable
 */
export function explainUnvalued(amount: Money, strategy: string, usdtPerEth: string | undefined): Unvalued {
  const name = amountText(amount.asset, amount.minor);
  if (usdtPerEth === undefined)
    return { rule: 'no_usable_rate', text: `${name} that wait for a usable rate` };
  const rate = { rate_id: '', usdt_per_eth: usdtPerEth };
  return valueReceived(amount, { strategy, feeBps: 0, rate }).kind === 'valued'
    ? { rule: 'next_step', text: `${name} that are valued next: there is a usable rate` }
    : { rule: 'value_too_small', text: `${name}, ${reasonText('value_too_small')}` };
}
