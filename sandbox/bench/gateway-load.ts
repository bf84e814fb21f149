/** The load of the gateway benchmark: signed bodies with payment ids of their own, sent by autocannon. */
import { createHmac, randomBytes } from 'node:crypto';
import autocannon from 'autocannon';
import { WEBHOOK_PATH } from '../../gateway/webhook.ts';
import { makeOrderId } from '../../schemas/order-id.ts';
import { orderMac } from '../../schemas/order-mac.ts';

export interface SignedBody {
  readonly paymentId: string;
  readonly body: string;
  readonly signature: string;
}

export interface LoadResult {
  readonly answered: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx, and connections that failed. */
  readonly failed: number;
}

const CLIENTS = 1_000;

/** Makes signed finished payments; each has its own payment id, clients repeat after 1,000. */
export class BodyMaker {
  readonly #ipnSecret: string;
  readonly #orders: readonly string[];
  #nextId = 5_000_000_000;

  constructor(secrets: { readonly ipn: string; readonly order: string }) {
    this.#ipnSecret = secrets.ipn;
    const mac = orderMac(secrets.order);
    this.#orders = Array.from({ length: CLIENTS }, (_, i) =>
      makeOrderId({ client: String(-1_000_000_000_000 - i), random: randomBytes(10), mac }),
    );
  }

  make(count: number): SignedBody[] {
    return Array.from({ length: count }, () => this.#one());
  }

  #one(): SignedBody {
    const paymentId = String(this.#nextId++);
    const order = this.#orders[this.#nextId % CLIENTS];
    const body =
      '{"actually_paid":50.214711,"actually_paid_at_fiat":0,"created_at":"2025-11-02T14:21:08.335Z",' +
      '"fee":{"currency":"usdttrc20","depositFee":0.00021,"serviceFee":0.0001,"withdrawalFee":0},' +
      `"invoice_id":4522629741,"order_description":"Payment-Test-1","order_id":"${order}",` +
      '"outcome_amount":0.01327841,"outcome_currency":"eth","parent_payment_id":null,' +
      '"pay_address":"0x0944fe0c9dfb369bab13dfae62765500a1b2c3d4","pay_amount":50.214711,' +
      `"pay_currency":"usdttrc20","payment_id":${paymentId},"payment_status":"finished",` +
      '"price_amount":50,"price_currency":"usd","purchase_id":"6084744717"}';
    const signature = createHmac('sha512', this.#ipnSecret).update(body).digest('hex');
    return { paymentId, body, signature };
  }
}

/** Sends the bodies round and round for some seconds over kept connections. */
export async function sendLoad(options: {
  readonly url: string;
  readonly bodies: readonly SignedBody[];
  readonly connections: number;
  readonly seconds: number;
}): Promise<LoadResult> {
  let next = 0;
  const result = await autocannon({
    url: options.url,
    connections: options.connections,
    duration: options.seconds,
    requests: [
      {
        method: 'POST',
        path: WEBHOOK_PATH,
        setupRequest(request) {
          const { body, signature } = options.bodies[next++ % options.bodies.length]!;
          request.body = body;
          request.headers = { 'content-type': 'application/json', 'x-nowpayments-sig': signature };
          return request;
        },
      },
    ],
  });
  return {
    answered: result['2xx'],
    seconds: result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failed: result.non2xx + result.errors + result.timeouts,
  };
}
