-- AlterTable
ALTER TABLE "notification" ADD COLUMN "seq" INTEGER;

-- CreateTable
CREATE TABLE "webhook" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "kinds" TEXT[],
    "sealed" TEXT NOT NULL,
    "sealed_before" TEXT,
    "before_until" TIMESTAMPTZ(3),
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "failing_since" TIMESTAMPTZ(3),
    "disabled_at" TIMESTAMPTZ(3),
    "disabled_why" TEXT,
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "webhook_delivery" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "webhook_id" TEXT NOT NULL,
    "notification_id" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'pending',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "fence" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "leased_until" TIMESTAMPTZ(3),
    "last_status" INTEGER,
    "last_failure" TEXT,
    "last_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "webhook_delivery_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE INDEX "webhook_tenant_id_created_at_id_idx" ON "webhook"("tenant_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "webhook_delivery_tenant_id_webhook_id_state_next_at_idx" ON "webhook_delivery"("tenant_id", "webhook_id", "state", "next_at");

-- CreateIndex
CREATE INDEX "webhook_delivery_tenant_id_webhook_id_created_at_id_idx" ON "webhook_delivery"("tenant_id", "webhook_id", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "webhook_delivery_tenant_id_webhook_id_notification_id_key" ON "webhook_delivery"("tenant_id", "webhook_id", "notification_id");

-- CreateIndex
CREATE INDEX "notification_tenant_id_user_id_read_at_idx" ON "notification"("tenant_id", "user_id", "read_at");

-- CreateIndex
CREATE UNIQUE INDEX "notification_tenant_id_user_id_seq_key" ON "notification"("tenant_id", "user_id", "seq");

-- AddForeignKey
ALTER TABLE "webhook" ADD CONSTRAINT "webhook_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_tenant_id_webhook_id_fkey" FOREIGN KEY ("tenant_id", "webhook_id") REFERENCES "webhook"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_tenant_id_notification_id_fkey" FOREIGN KEY ("tenant_id", "notification_id") REFERENCES "notification"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;


-- From here on by hand: what the schema language cannot say.

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['webhook', 'webhook_delivery'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
      $policy$CREATE POLICY same_tenant ON %I
        USING (tenant_id = nullif(current_setting('app.tenant', true), ''))
        WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), ''))$policy$, tenant_table);
  END LOOP;
END
$$;

-- Webhooks are the API's alone: the worker, which notifies, can neither read a secret nor say where anything is sent.
-- Deliveries are made by the trigger below and by nobody else.
GRANT SELECT, INSERT ON "webhook" TO api_user;
GRANT UPDATE (kinds, sealed, sealed_before, before_until, failing_since, disabled_at, disabled_why, removed_at)
  ON "webhook" TO api_user;
GRANT SELECT, UPDATE (state, attempts, next_at, leased_until, last_status, last_failure, last_at) ON "webhook_delivery" TO api_user;

ALTER TABLE "webhook" ADD CONSTRAINT "webhook_wants_something" CHECK (cardinality(kinds) > 0);
ALTER TABLE "webhook" ADD CONSTRAINT "webhook_disabled_known" CHECK (
  (disabled_at IS NULL) = (disabled_why IS NULL) AND (disabled_why IS NULL OR disabled_why IN ('admin', 'gone')));
ALTER TABLE "webhook" ADD CONSTRAINT "webhook_secret_before_ends" CHECK ((sealed_before IS NULL) = (before_until IS NULL));
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_state_known" CHECK (state IN ('pending', 'delivered', 'dead'));

-- One delivery for each webhook that wants the kind, in the transaction that tells the person, whoever tells them. A
-- notification that was there already fires no trigger, so it is delivered once.
CREATE FUNCTION deliver_notifications() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.webhook_delivery (tenant_id, id, webhook_id, notification_id, next_at, created_at)
    SELECT t.tenant_id, 'msg_' || replace(gen_random_uuid()::text, '-', ''), w.id, t.id, moment.now, moment.now
      FROM told t
      JOIN public.webhook w ON w.tenant_id = t.tenant_id AND w.removed_at IS NULL AND w.disabled_at IS NULL AND t.kind = ANY (w.kinds),
        (SELECT date_trunc('milliseconds', clock_timestamp()) AS now) moment;
  RETURN NULL;
END
$$;
CREATE TRIGGER deliver AFTER INSERT ON "notification" REFERENCING NEW TABLE AS told
  FOR EACH STATEMENT EXECUTE FUNCTION deliver_notifications();

-- Hands out deliveries that are due: at most in_limit, at most in_each of one webhook, one of a webhook that is failing, and
-- none of those in in_busy. Each goes to one caller for in_lease milliseconds; one that is not settled by then is due again.
-- Webhooks are taken in no order, so that none comes always last.
CREATE POLICY before_tenant_read ON "webhook" FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY before_tenant_read ON "webhook_delivery" FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY before_tenant_lease ON "webhook_delivery" FOR UPDATE TO CURRENT_USER USING (true);
CREATE FUNCTION deliveries_due(in_limit integer, in_each integer, in_busy text[], in_lease integer)
RETURNS TABLE (tenant text, id text, webhook text, fence integer)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE public.webhook_delivery d
    SET fence = d.fence + 1, attempts = d.attempts + 1, leased_until = clock_timestamp() + in_lease * interval '1 millisecond'
    FROM (
      SELECT due.tenant_id, due.id
        FROM (
          SELECT w.tenant_id, w.id, w.failing_since FROM public.webhook w
            WHERE w.removed_at IS NULL AND w.disabled_at IS NULL AND w.id <> ALL (in_busy) ORDER BY random()
        ) ready,
        LATERAL (
          SELECT c.tenant_id, c.id FROM public.webhook_delivery c
            WHERE c.tenant_id = ready.tenant_id AND c.webhook_id = ready.id AND c.state = 'pending'
              AND c.next_at <= clock_timestamp() AND (c.leased_until IS NULL OR c.leased_until <= clock_timestamp())
            ORDER BY c.next_at LIMIT CASE WHEN ready.failing_since IS NULL THEN in_each ELSE 1 END
            FOR UPDATE SKIP LOCKED
        ) due
        LIMIT in_limit
    ) chosen
    WHERE d.tenant_id = chosen.tenant_id AND d.id = chosen.id
    RETURNING d.tenant_id, d.id, d.webhook_id, d.fence
$$;

-- Numbers what the transaction's user was told and has no number yet, in the order in which it was told. Done by whoever
-- reads a person's stream and not by who tells them: what is committed late then comes late, instead of being passed over.
CREATE FUNCTION number_notifications() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_tenant text := nullif(current_setting('app.tenant', true), '');
  in_user text := nullif(current_setting('app.user', true), '');
BEGIN
  PERFORM FROM public.notification n WHERE n.tenant_id = in_tenant AND n.user_id = in_user AND n.seq IS NULL LIMIT 1;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- One reader at a time; the statement after it sees what the one before has numbered.
  PERFORM FROM public.user_account u WHERE u.tenant_id = in_tenant AND u.id = in_user FOR NO KEY UPDATE;
  UPDATE public.notification n SET seq = numbered.seq
    FROM (
      SELECT t.id, row_number() OVER (ORDER BY t.created_at, t.id) + (
          SELECT coalesce(max(k.seq), 0) FROM public.notification k WHERE k.tenant_id = in_tenant AND k.user_id = in_user) AS seq
        FROM public.notification t WHERE t.tenant_id = in_tenant AND t.user_id = in_user AND t.seq IS NULL
    ) numbered
    WHERE n.tenant_id = in_tenant AND n.id = numbered.id;
END
$$;

REVOKE ALL ON FUNCTION deliver_notifications(), deliveries_due(integer, integer, text[], integer), number_notifications() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION deliveries_due(integer, integer, text[], integer), number_notifications() TO api_user;
