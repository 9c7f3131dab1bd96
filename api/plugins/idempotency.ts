/** `request.once`: the work of a POST that creates, done once for each Idempotency-Key. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { z } from 'zod';
import type { Tx } from '../../prisma/open.ts';
import type { Answer } from '../idempotency.ts';
import { fingerprintOf, once } from '../idempotency.ts';
import { personOf } from './identity.ts';

const key = z.string().min(1).max(255);

/** For routes that create: without the header they answer idempotency-key-required. */
export const idempotencyKeyRequired = z.object({ 'idempotency-key': key });
export const idempotencyKeyAllowed = z.object({ 'idempotency-key': key.optional() });

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Runs `work` in one transaction as the caller and keeps its answer under the request's Idempotency-Key, where it
     * has one. A problem that `work` throws keeps nothing, so the request may be repeated.
     */
    once(work: (tx: Tx) => Promise<Answer>): Promise<Answer & { replayed: boolean }>;
  }
}

export const idempotency = fp(
  async (app) => {
    app.decorateRequest('once', async function runOnce(this: FastifyRequest, work: (tx: Tx) => Promise<Answer>) {
      const person = personOf(this);
      const { data } = key.safeParse(this.headers['idempotency-key']);
      return this.actAs(async (tx) => {
        if (data === undefined) return { ...(await work(tx)), replayed: false };
        const path = this.url.split('?')[0] ?? this.url;
        return once(tx, person, data, fingerprintOf(this.method, path, this.body), () => work(tx));
      });
    });
  },
  { name: 'idempotency', dependencies: ['database', 'identity'], fastify: '5.x' },
);

/** The answer as JSON, checked against its schema before it is kept: what is replayed is what was promised. */
export function answer<Schema extends z.ZodType>(status: number, schema: Schema, body: z.output<Schema>): Answer {
  return { status, body: JSON.stringify(schema.parse(body)) };
}

/** Sends the kept bytes as they are; `Idempotency-Replayed: true` marks a repeated answer. */
export function sendAnswer(
  reply: FastifyReply,
  { status, body, replayed }: Answer & { replayed: boolean },
): FastifyReply {
  if (replayed) reply.header('idempotency-replayed', 'true');
  return reply.code(status).header('content-type', 'application/json; charset=utf-8').send(body);
}
