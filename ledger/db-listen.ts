/**
 * One connection of its own that listens to one channel and comes back by itself. Notifications only ever wake
 * somebody up: after a break the listener is called once, because some may have been missed.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Client, escapeIdentifier } from 'pg';

export interface ListenerOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly channel: string;
  readonly fn: (payload: string) => void;
  readonly onError: (error: Error) => void;
}

const RECONNECT_MS = 1_000;

/**
 * @returns a function that stops listening
 * @throws when the first connection fails; later breaks are mended here
 */
export async function openListener(options: ListenerOptions): Promise<() => void> {
  const state: { stopped: boolean; client: Client | null } = { stopped: false, client: null };
  const stop = () => {
    state.stopped = true;
    state.client?.end().catch(options.onError);
  };

  const connect = async (): Promise<void> => {
    const client = new Client({
      connectionString: options.url,
      application_name: `${options.applicationName} listen`,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    client.on('error', options.onError);
    client.on('notification', (message) => options.fn(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${escapeIdentifier(options.channel)}`);
    } catch (error) {
      client.end().catch(options.onError);
      throw error;
    }
    client.on('end', () => void comeBack());
    state.client = client;
    if (state.stopped) stop();
    else options.fn('');
  };

  const comeBack = async (): Promise<void> => {
    while (!state.stopped) {
      await pause(RECONNECT_MS);
      try {
        if (!state.stopped) await connect();
        return;
      } catch (error) {
        options.onError(error as Error);
      }
    }
  };

  await connect();
  return stop;
}
