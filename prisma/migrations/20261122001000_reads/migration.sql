-- CreateTable
CREATE TABLE "read_log" (
    "tenant_id" TEXT NOT NULL,
    "thing" TEXT NOT NULL,
    "seq" INTEGER NOT NULL DEFAULT 0,
    "head_hash" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "read_log_pkey" PRIMARY KEY ("tenant_id","thing")
);

-- CreateTable
CREATE TABLE "read_event" (
    "tenant_id" TEXT NOT NULL,
    "thing" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "reader" TEXT NOT NULL,
    "what" TEXT NOT NULL,
    "part" TEXT NOT NULL DEFAULT '',
    "prev_hash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "read_event_pkey" PRIMARY KEY ("tenant_id","thing","seq")
);

-- CreateIndex
CREATE INDEX "read_event_tenant_id_thing_reader_what_part_at_idx" ON "read_event"("tenant_id", "thing", "reader", "what", "part", "at");

-- CreateIndex
CREATE INDEX "read_event_tenant_id_at_thing_seq_idx" ON "read_event"("tenant_id", "at", "thing", "seq");

-- CreateIndex
CREATE INDEX "run_event_tenant_id_at_run_id_seq_idx" ON "run_event"("tenant_id", "at", "run_id", "seq");

-- CreateIndex
CREATE INDEX "proposal_event_tenant_id_at_proposal_id_seq_idx" ON "proposal_event"("tenant_id", "at", "proposal_id", "seq");

-- CreateIndex
CREATE INDEX "admin_event_tenant_id_at_seq_idx" ON "admin_event"("tenant_id", "at", "seq");

-- AddForeignKey
ALTER TABLE "read_log" ADD CONSTRAINT "read_log_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "read_event" ADD CONSTRAINT "read_event_tenant_id_thing_fkey" FOREIGN KEY ("tenant_id", "thing") REFERENCES "read_log"("tenant_id", "thing") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what the schema language cannot say.

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['read_log', 'read_event'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
      $policy$CREATE POLICY same_tenant ON %I
        USING (tenant_id = nullif(current_setting('app.tenant', true), ''))
        WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), ''))$policy$, tenant_table);
  END LOOP;
END
$$;

-- Written by the function below only.
GRANT SELECT ON "read_log", "read_event" TO api_user;

CREATE FUNCTION refuse_read_log_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the log of reads is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "read_event"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_read_log_change();

-- Notes that the transaction's user reads a part of a thing, unless that was noted within the last so many seconds; gives the
-- moment at which it was noted. Each thing has a log of its own, held until commit: people who read different things do not
-- wait for each other, and whoever was noted a moment ago waits for nobody.
--
-- hash = lower-case hex of SHA-256 over the UTF-8 of the concatenated hashed_field of, in order: previous hash ('' at
-- first), tenant, thing, number, reader, what, part, time as 2026-11-21T10:00:00.000Z. read-log.ts recomputes it.
CREATE FUNCTION note_read(in_what text, in_thing text, in_part text, in_seconds integer) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_tenant text := nullif(current_setting('app.tenant', true), '');
  in_reader text := nullif(current_setting('app.user', true), '');
  previous text;
  next_seq integer;
  next_hash text;
  moment timestamptz;
BEGIN
  IF in_reader IS NULL THEN
    RAISE EXCEPTION 'a read needs somebody who reads' USING ERRCODE = 'no_data_found';
  END IF;
  SELECT max(e.at) INTO moment FROM public.read_event e
    WHERE e.tenant_id = in_tenant AND e.thing = in_thing AND e.reader = in_reader AND e.what = in_what AND e.part = in_part
      AND e.at > clock_timestamp() - make_interval(secs => in_seconds);
  IF moment IS NOT NULL THEN
    RETURN moment;
  END IF;
  INSERT INTO public.read_log (tenant_id, thing) VALUES (in_tenant, in_thing) ON CONFLICT DO NOTHING;
  SELECT l.seq + 1, l.head_hash INTO next_seq, previous
    FROM public.read_log l WHERE l.tenant_id = in_tenant AND l.thing = in_thing FOR NO KEY UPDATE;
  -- Another request of the same person may have noted it while this one waited.
  SELECT max(e.at) INTO moment FROM public.read_event e
    WHERE e.tenant_id = in_tenant AND e.thing = in_thing AND e.reader = in_reader AND e.what = in_what AND e.part = in_part
      AND e.at > clock_timestamp() - make_interval(secs => in_seconds);
  IF moment IS NOT NULL THEN
    RETURN moment;
  END IF;
  moment := date_trunc('milliseconds', clock_timestamp());
  next_hash := encode(sha256(convert_to(
    public.hashed_field(previous) || public.hashed_field(in_tenant) || public.hashed_field(in_thing)
    || public.hashed_field(next_seq::text) || public.hashed_field(in_reader) || public.hashed_field(in_what)
    || public.hashed_field(in_part)
    || public.hashed_field(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), 'UTF8')), 'hex');
  INSERT INTO public.read_event (tenant_id, thing, seq, at, reader, what, part, prev_hash, hash)
    VALUES (in_tenant, in_thing, next_seq, moment, in_reader, in_what, in_part, previous, next_hash);
  UPDATE public.read_log SET seq = next_seq, head_hash = next_hash WHERE tenant_id = in_tenant AND thing = in_thing;
  RETURN moment;
END
$$;
REVOKE ALL ON FUNCTION note_read(text, text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_read(text, text, text, integer) TO api_user, worker_user;
