/** What the gateway benchmark measures. */

export interface GatewayFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the gateway process per answered request, microseconds. */
  readonly cpuMicros: number;
  /** Answers other than 2xx, over all rounds. */
  readonly failed: number;
}

export interface GatewayBenchResult {
  readonly name: 'gateway';
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
  /** Medians over the rounds. */
  readonly durable: GatewayFigures;
  readonly verifyOnly: GatewayFigures;
  /** durable / verifyOnly. */
  readonly ratio: { readonly requestsPerSecond: number; readonly p99: number; readonly cpu: number };
}
