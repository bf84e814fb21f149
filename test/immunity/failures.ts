/**
 * What went wrong in the system that Spillway replaces: 118 recorded failures and 23 hazards of its code, one line each.
 * A test that proves one impossible here names it in its title, as in `[failure 43]`; what is left waits for a part.
 */
import type { PartName } from './parts.ts';

/** What of a failure can be proven only once a part is built. */
export type Waits = Readonly<Partial<Record<PartName, string>>>;

export interface Failure {
  readonly id: string;
  readonly what: string;
  readonly waits: Waits;
}

export interface Section {
  readonly title: string;
  readonly failures: readonly Failure[];
}

type Row = readonly [id: number | `H${number}`, what: string, waits?: Waits];

const section = (title: string, rows: readonly Row[]): Section => ({
  title,
  failures: rows.map(([id, what, waits = {}]) => ({ id: String(id), what, waits })),
});

export const SECTIONS: readonly Section[] = [
  section('Wrong amount, wrong unit, wrong currency', [
    [1, 'pending dollars were sent to be swapped as if they were ETH, 3,807 times too much'],
    [2, 'the amount of SHIB that a quote mentioned was ordered as USDT'],
    [3, 'payouts in USDT went out as plain ETH, because the currency was never looked at'],
    [4, 'what had really been received was lost on the way; later steps sent an estimate of it'],
    [5, 'of two fields that look alike the one before the fee was sent: the fee went to the exchange'],
    [6, 'one of two code paths took no fee at all'],
    [7, 'the fee was 15 % while everybody believed 3 %'],
    [8, '“accumulated USDT” was a number in a table: no swap was ever made'],
    [9, 'a quote was taken for the swap itself'],
    [10, 'two services tested one threshold and could both pay it out'],
    [11, 'the source currency of a swap was a constant, so a second leg sold the wrong coin'],
    [12, 'what was owed came from the invoice, not from what arrived: debts above holdings'],
    [13, 'an amount of coins was compared with a price in dollars'],
    [14, 'the invoice price was checked, not what was received: paying too little passed'],
    [15, 'good payments were refused by a tolerance that was a constant in code'],
    [16, 'columns were too narrow for coins of a low price, and the payout stopped'],
    [17, 'amounts were binary floats, exact to 15 digits'],
    [18, 'the ETH was sent, then its record was refused for a 19th decimal'],
    [19, 'the ETH was sent, then its record was refused for “eth” instead of “ETH”'],
    [20, 'a column said one currency and held another'],
    [21, 'a column held dollars or USDT depending on a status; the threshold was summed over the wrong one'],
    [22, 'the amount really sent was missing in one of three tables: nothing could be reconciled'],
    [23, 'addresses in lower case were refused when they were to be used'],
  ]),
  section('Message contract', [
    [24, 'the sender added a field and every reply was taken for an expired token'],
    [25, 'packing and unpacking were written twice and differed'],
    [26, 'the order of two fields differed again: an amount was read as 2.7e-292'],
    [27, 'a key was renamed on one side'],
    [28, 'a parameter was renamed in all callers but one: threshold payouts were dead'],
    [29, 'ids were cut to 16 bytes, so that answers found nothing'],
    [30, 'tokens ran out before slow swaps and retries were done'],
    [31, 'a reply did not carry what the next step needed'],
    [32, 'an endpoint did not exist, and two sides signed with different keys'],
    [33, 'numbers came as text: the link failed after the money was taken', { notify: 'the invite link' }],
    [34, 'null where text was expected stopped every payment'],
    [35, 'an amount that was not known yet was read as a number'],
    [36, 'a log line crashed on the type of a value and took the work with it'],
    [37, 'malformed input ended in odd errors: 415, 500 instead of 400'],
  ]),
  section('Idempotency, ordering and lost work', [
    [
      38,
      'a crash after the effect and a retry: a dozen invites and double rows for one payment',
      { notify: 'invites' },
    ],
    [39, 'the same trigger from outside again and again: nine invites', { notify: 'invites' }],
    [40, 'ids of payments were made up on the way, so a repeat was not seen', { notify: 'invites' }],
    [41, 'the guard against repeats called a method that did not exist, and silently did nothing'],
    [42, 'the guard let everything pass while its database was away'],
    [43, 'check, then act: two deliveries at once both passed the check'],
    [44, 'a retry inserted the same row for ever'],
    [45, 'the key of a table was not the natural one, so duplicates were legal'],
    [46, 'every status of a payment started the payout'],
    [47, 'access was given without looking whether the payment was real', { notify: 'the invite' }],
    [48, 'the webhook expected a row that was not there yet, and failed for ever'],
    [49, 'a payout could start before its USDT was there'],
    [50, 'the exchange was asked once, right after the deposit, and never again'],
    [51, 'a swap that took longer than 15 minutes was forgotten'],
    [52, 'the last step was never written: batches were swapped and not paid out'],
    [53, 'a setting of the retry queue was not loaded'],
    [54, 'methods were called that did not exist'],
    [55, 'with the exchange away for three minutes a payout was lost, while the user had access'],
    [56, 'a failure was answered 200, so nobody tried again'],
    [57, 'permanent errors were tried every minute for a day, then dropped silently'],
    [58, 'two versions of the webhook ran in two regions', { deploy: 'one ingress' }],
    [59, 'the outside trigger stopped, and nobody noticed for half an hour', { observability: 'the alerts' }],
    [
      60,
      'the payment page said “confirmed” before there was access',
      { notify: 'the invite as its own step' },
    ],
    [61, 'a donation had no order: the page knew nothing of it', { telegram: 'donations' }],
  ]),
  section('Identity and addressing', [
    [62, 'the separator of an order id ate the minus sign of the channel'],
    [63, 'a character in an address was not encoded: every invoice was refused'],
    [64, 'two ids of one channel were mixed up: clients were paid by the wrong strategy'],
    [65, 'an unknown strategy meant “pay instantly”'],
    [66, 'queries named columns that the table does not have'],
    [
      67,
      'the list of choices came from the wrong table and refused good ones',
      { dashboard: 'the list of choices' },
    ],
  ]),
  section('Configuration, deployment, infrastructure', [
    [68, 'a line end behind a secret broke queues, tokens and links'],
    [69, 'a variable held the name of a secret instead of the secret'],
    [70, 'the secret of the webhook stood under another name: every webhook was refused'],
    [71, 'a service ran without any of its settings', { deploy: 'required values of the chart' }],
    [72, 'a queue had never been created'],
    [73, 'the fix was never deployed', { deploy: 'immutable images' }],
    [74, 'a module was missing in the image', { deploy: 'a test of the image' }],
    [
      75,
      'a permission was missing: 50 attempts, and money waiting',
      { deploy: 'ACLs', observability: 'an alert on age' },
    ],
    [76, 'a column was renamed in the database and not in the code; NOT NULL on what is filled later'],
    [77, 'the database could not be reached, a minute per call, and the service counted as healthy'],
    [78, 'connections were used wrongly: expiry, lists and broadcasts broke'],
    [79, 'pools of connections ran dry'],
    [80, 'a setting was read under a key that nobody wrote'],
    [81, 'a service that died early took its logs with it'],
    [82, 'an old page was served under the main address', { deploy: 'one ingress' }],
  ]),
  section('Telegram and payment', [
    [83, 'a kind of button that groups refuse: no way to pay', { telegram: 'all of it' }],
    [84, 'the button to pay opened a warning', { telegram: 'all of it' }],
    [85, 'the keyboard to pay was sent to the channel', { telegram: 'all of it' }],
    [
      86,
      'the standing button was edited away, and prompts vanished in the middle of a payment',
      { telegram: 'all of it' },
    ],
    [87, 'a button had no handler', { telegram: 'all of it' }],
    [88, 'the state of a conversation was in the memory of one process', { telegram: 'all of it' }],
    [89, 'messages counted as sent that never arrived', { telegram: 'broadcasts', notify: 'messages' }],
    [90, 'what a person started by hand waited up to a day', { telegram: 'broadcasts' }],
    [91, 'new channels were left out of the broadcasts', { telegram: 'broadcasts' }],
    [
      92,
      'the payment page was stuck: another origin, a fixed address, silent errors',
      { dashboard: 'the page' },
    ],
  ]),
  section('Accounts and dashboard', [
    [93, 'one name was registered twice', { accounts: 'all of it' }],
    [94, 'the link to confirm a mail address was broken', { accounts: 'all of it' }],
    [95, 'mails pointed to a wrong site, from a default', { accounts: 'all of it' }],
    [96, 'sessions ended every 15 minutes', { accounts: 'all of it' }],
    [97, 'a token of one service was refused by another', { accounts: 'all of it' }],
    [98, 'the next user saw the channels of the one before', { dashboard: 'all of it' }],
    [99, 'one limit for everything broke normal use', { accounts: 'all of it' }],
    [100, 'a value could not be removed: null was dropped', { accounts: 'removing tiers' }],
    [101, 'a pasted wallet address was doubled', { dashboard: 'the form' }],
    [102, 'a redirect broke the form, and a button was not shown', { dashboard: 'all of it' }],
    [103, 'twenty columns were never filled'],
  ]),
  section('Security', [
    [104, 'wallet addresses were not checked by the server'],
    [105, 'a captured request could be sent again'],
    [106, 'a header of the sender decided who the sender is'],
    [107, 'update, then insert: two at once made two rows'],
    [108, 'no limit per payout, day or month'],
    [109, 'SQL was built from text'],
    [110, 'errors told about the inside'],
    [111, 'inner endpoints took calls that nobody signed', { deploy: 'ACLs and network policies' }],
    [112, 'the old form had no rate limit', { accounts: 'all of it' }],
    [113, 'no lockout; times and answers told which accounts exist', { accounts: 'all of it' }],
    [114, 'logs showed tokens, keys and wallets'],
    [
      115,
      'no security headers, and any origin was allowed',
      { accounts: 'headers of the API', dashboard: 'headers of the pages' },
    ],
    [
      116,
      'work could be read on its way, and services did not know each other',
      { deploy: 'identities and ACLs' },
    ],
    [117, 'pools of database connections had no bound'],
    [118, 'no roles, and no check of how fast money moves', { accounts: 'roles of operators' }],
  ]),
  section('Hazards in its code', [
    ['H1', 'no price: the webhook was answered 200 and the payment went nowhere'],
    ['H2', 'the row was written, the message was not, the webhook was answered 200'],
    ['H3', 'an outcome counted as ETH whatever its currency was'],
    ['H4', 'in threshold mode the fee was divided among the clients again'],
    ['H5', 'rows that came between two statements joined a batch whose ETH they had not brought'],
    ['H6', 'all unpaid rows of a client were marked paid, also those that were not summed'],
    ['H7', 'rows were marked paid when the work was queued, and stayed so when it failed'],
    ['H8', 'a retry after a timeout could make a second swap; the first was an orphan'],
    ['H9', 'a late receipt was taken for a failure and the money sent again'],
    ['H10', 'the nonce was the latest count, read by several instances at once'],
    ['H11', 'send first, record afterwards'],
    [
      'H12',
      'access lasted 30 days whatever was bought, and a renewal did not prolong it',
      { notify: 'expiry of access' },
    ],
    ['H13', 'one order id for all purchases of a user'],
    ['H14', 'columns too narrow for prices and ids'],
    ['H15', 'price and days came from a link that anybody could edit', { telegram: 'the link itself' }],
    ['H16', 'access counted as ended although the removal had failed; local clock', { notify: 'removal' }],
    ['H17', 'a pool below the minimum of the exchange failed for ever'],
    ['H18', 'a failed or refunded swap was logged, and its rows stayed “swapping”'],
    ['H19', 'broadcasts stopped for good after their first success', { telegram: 'broadcasts' }],
    [
      'H20',
      'private keys in the environment, no reserve for gas, no cap per transfer',
      { signer: 'a signer of its own' },
    ],
    ['H21', 'refunds, part payments and expiry were never handled, and any order of statuses was taken'],
    ['H22', 'coins that need a memo had no field for one'],
    ['H23', 'a change of threshold or wallet split what was collected into parts that never reached it'],
  ]),
];

export const FAILURES: ReadonlyMap<string, Failure> = new Map(
  SECTIONS.flatMap(({ failures }) => failures).map((failure) => [failure.id, failure]),
);
