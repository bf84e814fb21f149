/**
 * The control side of the NOWPayments simulator: make payments with `pay`, add late or contradictory statuses, make GET
 * say something else than the IPNs, and see what was made and delivered.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { json } from '../http.ts';
import type { Book, Payment } from './simulator-book.ts';
import type { Delivery } from './simulator-delivery.ts';
import type { Flow } from './simulator-flow.ts';
import type { SignatureForm } from './simulator-ipn.ts';
import { readPaySpecs } from './simulator-spec.ts';

export interface ControlOptions {
  readonly book: Book;
  readonly flow: Flow;
  readonly delivery: Delivery;
}

export function registerControl(app: FastifyInstance, options: ControlOptions): void {
  const { book, flow, delivery } = options;

  // { "wait": true } answers when every payment has reached its last status and nothing is left to deliver
  app.post('/_control/pay', async (request, reply) => {
    const body = request.body as json.Json | undefined;
    let started: Awaited<ReturnType<Flow['start']>>;
    try {
      started = await flow.start(readPaySpecs(body));
    } catch (error) {
      return wrong(reply, error);
    }
    const { payments, done } = started;
    if ((body as json.JsonObject).wait === true) {
      await done;
      await delivery.idle();
    }
    return reply.code(201).send({ payments: payments.map(summary), deliveries: delivery.counts });
  });

  app.get('/_control/payments', async (request) => {
    const { order_id: orderId } = request.query as { order_id?: string };
    const all = [...book.payments.values()];
    return (orderId === undefined ? all : all.filter((payment) => payment.orderId === orderId)).map(summary);
  });

  // { "set": { "payment_status": "refunded" } }: what GET answers from now on instead of the truth; {} ends it
  app.post('/_control/payments/:id', async (request, reply) => {
    const payment = book.payments.get((request.params as { id: string }).id);
    if (payment === undefined) return reply.code(404).send({ message: 'no such payment' });
    payment.lies = json.object(json.object(request.body as json.Json, 'control.body').set, 'control.set');
    book.savePayment(payment);
    return summary(payment);
  });

  // { "status": "refunded", "outcomeAmount": null, "sendAmount": null, "form": 1 }: one more status, with its IPN
  app.post('/_control/payments/:id/notify', async (request, reply) => {
    const payment = book.payments.get((request.params as { id: string }).id);
    if (payment === undefined) return reply.code(404).send({ message: 'no such payment' });
    const body = json.object(request.body as json.Json, 'control.body');
    const kept = body.outcomeAmount === undefined ? payment.outcomeAmount : undefined;
    const step = {
      status: json.text(body.status, 'control.status'),
      outcomeAmount: kept ?? json.nullableDecimal(body.outcomeAmount, 'control.outcomeAmount'),
      sendAmount: json.nullableDecimal(body.sendAmount, 'control.sendAmount'),
      notify: body.notify !== false,
    };
    await flow.step(payment, step, Number(String(body.form ?? 1)) as SignatureForm);
    return summary(payment);
  });

  app.get('/_control/invoices', async () => [...book.invoices.values()]);
  app.get('/_control/deliveries', async () => delivery.counts);
}

function wrong(reply: FastifyReply, error: unknown): FastifyReply {
  return reply.code(400).send({ message: error instanceof Error ? error.message : String(error) });
}

function summary(payment: Payment): unknown {
  return {
    paymentId: payment.paymentId,
    orderId: payment.orderId,
    invoiceId: payment.invoiceId,
    status: payment.status,
    priceAmount: payment.priceAmount,
    payAmount: payment.payAmount,
    payCurrency: payment.payCurrency,
    outcomeAmount: payment.outcomeAmount,
    outcomeCurrency: payment.outcomeCurrency,
    payoutHash: payment.payoutHash,
    error: payment.error,
  };
}
