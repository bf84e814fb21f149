/** What the gateway counts. Every webhook request is counted once, by the status and the reason of its answer. */
import type { Registry } from 'prom-client';
import { counter, gauge, histogram } from '../processors/runtime/metrics.ts';
import { type HttpReasonCode, httpStatusOf, type ReasonCode } from '../schemas/reasons.ts';
import type { SignatureForm } from './ipn/signature.ts';

export type GatewayReason = ReasonCode | 'received';

export interface GatewayMetrics {
  /** One webhook answered, with the seconds since its headers had arrived. */
  answered(status: number, reason: GatewayReason, seconds: number): void;
  /** Refused below HTTP requests, by the parser. */
  refused(reason: HttpReasonCode): void;
  signed(form: SignatureForm, secret: 'current' | 'previous'): void;
  statusAsked(status: number): void;
}

/** Seconds; the promise is 2 s, the usual case a few milliseconds. */
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];

export function gatewayMetrics(registry: Registry, inFlight: () => number): GatewayMetrics {
  const requests = counter(registry, 'spillway_gateway_requests_total', 'Webhooks answered', [
    'status',
    'reason',
  ]);
  const forms = counter(
    registry,
    'spillway_gateway_signatures_total',
    'Authentic webhooks by signature form',
    ['form', 'secret'],
  );
  const seconds = histogram(
    registry,
    'spillway_gateway_request_seconds',
    'Webhook answered, since its headers had arrived',
    REQUEST_SECONDS,
  );
  const asked = counter(registry, 'spillway_gateway_order_status_total', 'Order status answers', ['status']);
  const open = gauge(registry, 'spillway_gateway_in_flight', 'Webhooks being read or published');
  Object.assign(open, {
    collect(this: typeof open) {
      this.set(inFlight());
    },
  });

  // Looking a label set up hashes its values each time; the few that occur are kept.
  const children = new Map<string, ReturnType<typeof requests.labels>>();
  const count = (status: number, reason: GatewayReason): void => {
    const key = `${status} ${reason}`;
    let child = children.get(key);
    if (!child) {
      child = requests.labels(String(status), reason);
      children.set(key, child);
    }
    child.inc();
  };

  return {
    answered(status, reason, took) {
      count(status, reason);
      seconds.observe(took);
    },
    refused: (reason) => count(httpStatusOf(reason), reason),
    signed: (form, secret) => forms.labels(form, secret).inc(),
    statusAsked: (status) => asked.labels(String(status)).inc(),
  };
}
