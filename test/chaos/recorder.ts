/**
 * Stands between the NOWPayments simulator and the gateway and writes down every answer: what was answered 200 must be
 * found again at the end.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorder {
  /** Where webhooks go. */
  readonly url: string;
  /** SHA-256 of every body that was answered 200, in hex, with the result the answer named. */
  readonly answered: ReadonlyMap<string, string>;
  /** Webhooks without a 200: refused, or nobody there. The sender repeats them. */
  readonly refused: number;
  close(): Promise<void>;
}

const ANSWER_MS = 3_000;
const SIGNATURE = 'x-nowpayments-sig';

/** @param target where the gateway takes webhooks */
export async function startRecorder(target: string): Promise<Recorder> {
  const answered = new Map<string, string>();
  let refused = 0;
  const forward = async (raw: Buffer, signature: string): Promise<number> => {
    try {
      const response = await fetch(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json', [SIGNATURE]: signature },
        body: new Uint8Array(raw),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const text = await response.text();
      if (response.status === 200) {
        const digest = createHash('sha256').update(raw).digest('hex');
        answered.set(digest, (JSON.parse(text) as { result: string }).result);
      } else refused += 1;
      return response.status;
    } catch {
      // Killed before or while it answered: to the sender there was no answer.
      refused += 1;
      return 502;
    }
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void forward(Buffer.concat(chunks), String(request.headers[SIGNATURE] ?? '')).then((status) =>
        response.writeHead(status).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/webhooks/nowpayments`,
    answered,
    get refused() {
      return refused;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
