/** What does not compile: the compiler refuses these mistakes before any test runs (tsc reads this file, too). */
import { describe, expectTypeOf, it } from 'vitest';
import { payoutCreated, setAside } from '../../ledger/posting.ts';
import type { OrderReply } from '../../processors/swap/order.ts';
import type { Estimate, SwapStatus } from '../../providers/changenow/swap.ts';
import type { PaymentFacts } from '../../schemas/events.ts';
import { add, type Money, money, type Rate } from '../../schemas/money.ts';

type Never<T> = T extends Money ? 'fits' : 'does not fit';

describe('money', () => {
  it('of two assets does not add [failures 1, 13, H3]', () => {
    const eth = money('ETH', 1n);
    const usdt = money('USDT', 1n);
    // @ts-expect-error two assets
    expectTypeOf(() => add(eth, usdt)).toBeFunction();
    // @ts-expect-error gas is paid in ETH
    expectTypeOf(() => setAside(usdt, usdt)).toBeFunction();
    // @ts-expect-error not even when one of them may be either
    expectTypeOf(() => add<'ETH'>(eth, eth as Money)).toBeFunction();
  });

  it('is no number, no text, no rate and no price [failures 1, 2, 13]', () => {
    expectTypeOf<Parameters<typeof payoutCreated>>().toEqualTypeOf<[amount: Money]>();
    expectTypeOf<Never<number>>().toEqualTypeOf<'does not fit'>();
    expectTypeOf<Never<bigint>>().toEqualTypeOf<'does not fit'>();
    expectTypeOf<Never<string>>().toEqualTypeOf<'does not fit'>();
    expectTypeOf<Never<Rate>>().toEqualTypeOf<'does not fit'>();
    expectTypeOf<Never<PaymentFacts['price_amount']>>().toEqualTypeOf<'does not fit'>();
  });
});

describe('what a provider says', () => {
  it('is text beside a currency, never money: nothing of it can be posted [failures 2, 4, 20]', () => {
    expectTypeOf<Estimate['toAmount']>().toEqualTypeOf<string>();
    expectTypeOf<SwapStatus['amountTo']>().toEqualTypeOf<string | null>();
    // @ts-expect-error a quoted amount
    expectTypeOf((quote: Estimate) => payoutCreated(quote.toAmount)).toBeFunction();
    // @ts-expect-error what it says that it sent
    expectTypeOf((status: SwapStatus) => payoutCreated(status.amountTo)).toBeFunction();
  });

  it('as a quote is no order, so that it cannot be funded [failure 9]', () => {
    // @ts-expect-error a quote has no address to pay to
    expectTypeOf((quote: Estimate): OrderReply => quote).toBeFunction();
  });

  it('may be missing, and has to be asked for that [failure 35]', () => {
    // @ts-expect-error no amount yet
    expectTypeOf((status: SwapStatus): string => status.amountTo).toBeFunction();
  });
});
