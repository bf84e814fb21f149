/**
 * Hosts one role as a process: health server, log, metrics, ordered drain on SIGTERM and SIGINT, exit on anything that
 * can't be mended here. A role that exits is started again by its supervisor; that is the only way back.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { SettingsWith } from '../../schemas/settings.ts';
import { type Clock, type RandomSource, systemClock, systemRandom } from './clock.ts';
import { failPoint } from './fail-point.ts';
import { type HealthServer, startHealth } from './health.ts';
import { createLogger, type Log } from './logger.ts';

export interface RoleContext {
  readonly name: string;
  readonly log: Log;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Name of this process, unique while it runs: owner of positions and shards. */
  readonly owner: string;
  /** The process must exit now; the drain is tried, but not waited for longer than its limit. */
  readonly onFatal: (error: Error) => void;
}

export interface RunningRole {
  ready(): boolean;
  progress(): { ok: boolean; detail: string };
  /** Stops intake, finishes what is in hand, flushes, leaves. */
  stop(): Promise<void>;
}

export interface RoleOptions {
  readonly name: string;
  readonly settings: SettingsWith<'METRICS_PORT' | 'LISTEN_HOST' | 'LOG_LEVEL'>;
  readonly start: (context: RoleContext) => Promise<RunningRole>;
  /** Ends the process; replaced by tests. */
  readonly exit?: (code: number) => void;
  /** How long a drain may take, in milliseconds; 20,000. */
  readonly drainMs?: number;
}

const DRAIN_MS = 20_000;
const START_MS = 60_000;

/** Runs until the process ends. Exit codes: 0 after a clean drain, 1 after a failure. */
export async function runRole(options: RoleOptions): Promise<void> {
  const { name, settings } = options;
  const log = createLogger({ role: name, level: settings.LOG_LEVEL });
  const registry = new Registry();
  registry.setDefaultLabels({ role: name });
  collectDefaultMetrics({ register: registry });
  const host = new RoleHost(options, log);
  host.watchProcess();
  const address = { host: settings.LISTEN_HOST, port: settings.METRICS_PORT };
  try {
    host.health = await startHealth(address, registry, host);
    log.info({ kind: 'endpoint', port: host.health.port }, `health and metrics on port ${host.health.port}`);
    host.role = await options.start({
      name,
      log,
      registry,
      clock: systemClock,
      random: systemRandom,
      owner: `${name}-${process.pid}-${systemRandom.uuid().slice(0, 8)}`,
      onFatal: (error) => host.fatal(error),
    });
    log.info({ kind: 'start' }, `${name} started`);
    if (host.isEnding) await host.role.stop();
  } catch (error) {
    host.fatal(error as Error);
  }
}

class RoleHost {
  role: RunningRole | null = null;
  health: HealthServer | null = null;
  readonly #options: RoleOptions;
  readonly #log: Log;
  readonly #startedAt = performance.now();
  #ending = false;

  constructor(options: RoleOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  get isEnding(): boolean {
    return this.#ending;
  }

  ready(): boolean {
    return !this.#ending && (this.role?.ready() ?? false);
  }

  progress(): { ok: boolean; detail: string } {
    if (this.role) return this.role.progress();
    const ms = performance.now() - this.#startedAt;
    return { ok: ms < START_MS, detail: `starting for ${Math.round(ms / 1_000)} s` };
  }

  watchProcess(): void {
    process.once('SIGTERM', () => void this.#end(0, 'SIGTERM'));
    process.once('SIGINT', () => void this.#end(0, 'SIGINT'));
    process.on('unhandledRejection', (error) => this.fatal(error as Error));
    process.on('uncaughtException', (error) => this.fatal(error));
    process.removeAllListeners('warning');
    process.on('warning', (warning) => {
      // kafkajs on Node 24 (its issue 1751): harmless, and so frequent that it hides every other warning.
      if (warning.name !== 'TimeoutNegativeWarning')
        this.#log.warn({ err: warning }, 'warning of the runtime');
    });
  }

  fatal(error: Error): void {
    this.#log.fatal({ kind: 'failure', err: error }, `${this.#options.name} must stop: ${error.message}`);
    void this.#end(1, 'a fatal error');
  }

  async #end(code: number, cause: string): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#log.info({ kind: 'status' }, `draining after ${cause}`);
    const { drainMs = DRAIN_MS, exit = (status) => process.exit(status) } = this.#options;
    const limit = setTimeout(() => {
      this.#log.error('the drain took too long; what is left is taken up by the next owner');
      exit(1);
    }, drainMs);
    limit.unref();
    let status = code;
    failPoint('drain.begun');
    try {
      await this.role?.stop();
      // Last, so that the drain can be watched.
      await this.health?.close();
      if (code === 0) this.#log.info({ kind: 'success' }, 'drained');
    } catch (error) {
      this.#log.error({ err: error }, 'the drain failed');
      status = 1;
    }
    clearTimeout(limit);
    exit(status);
  }
}
