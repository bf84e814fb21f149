/** A webhook endpoint for tests of the NOWPayments simulator: keeps what arrives and answers as it is told. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly raw: string;
  readonly signature: string;
  readonly body: Record<string, unknown>;
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** In order of arrival, refused ones included. */
  readonly received: Received[];
}

/** @param status the answer to the n-th request; default: 200 */
export async function receiver(
  status: (ipn: Received, index: number) => number = () => 200,
): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let raw = '';
    request.on('data', (chunk) => {
      raw += String(chunk);
    });
    request.on('end', () => {
      const signature = String(request.headers['x-nowpayments-sig']);
      const ipn = { raw, signature, body: JSON.parse(raw) as Record<string, unknown> };
      received.push(ipn);
      response.writeHead(status(ipn, received.length - 1)).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/nowpayments`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The documented rule, written down a second time: HMAC-SHA512 over the signed text. */
export function signs(signature: string, signed: string, secret: string): boolean {
  const expected = createHmac('sha512', secret).update(signed).digest();
  const given = Buffer.from(signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
