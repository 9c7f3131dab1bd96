-- AlterTable
ALTER TABLE "outbox" ALTER COLUMN "run_id" DROP NOT NULL;

-- CreateTable
CREATE TABLE "session" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "proposal_id" TEXT NOT NULL,
    "owner_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "session_turn" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "session_id" TEXT NOT NULL,
    "owner_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'queued',
    "fence" INTEGER NOT NULL DEFAULT 0,
    "epoch" INTEGER,
    "untrusted" BOOLEAN NOT NULL DEFAULT false,
    "stopping" BOOLEAN NOT NULL DEFAULT false,
    "failure" TEXT,
    "asked_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "session_turn_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "turn_entry" (
    "tenant_id" TEXT NOT NULL,
    "turn_id" TEXT NOT NULL,
    "owner_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "request_digest" TEXT NOT NULL,
    "response" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "latency_ms" INTEGER NOT NULL,
    "tokens_in" INTEGER NOT NULL DEFAULT 0,
    "tokens_out" INTEGER NOT NULL DEFAULT 0,
    "cost_usd" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "turn_entry_pkey" PRIMARY KEY ("tenant_id","turn_id","seq")
);

-- CreateTable
CREATE TABLE "message" (
    "tenant_id" TEXT NOT NULL,
    "session_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "owner_id" TEXT NOT NULL,
    "author" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "turn_id" TEXT,
    "body" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "message_pkey" PRIMARY KEY ("tenant_id","session_id","seq")
);

-- CreateTable
CREATE TABLE "confirmation" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "session_id" TEXT NOT NULL,
    "owner_id" TEXT NOT NULL,
    "turn_id" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'open',
    "asked_at" TIMESTAMPTZ(3) NOT NULL,
    "answered_at" TIMESTAMPTZ(3),

    CONSTRAINT "confirmation_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "session_tenant_id_proposal_id_owner_id_key" ON "session"("tenant_id", "proposal_id", "owner_id");

-- CreateIndex
CREATE UNIQUE INDEX "session_tenant_id_id_owner_id_key" ON "session"("tenant_id", "id", "owner_id");

-- CreateIndex
CREATE UNIQUE INDEX "session_turn_tenant_id_id_owner_id_key" ON "session_turn"("tenant_id", "id", "owner_id");

-- CreateIndex
CREATE UNIQUE INDEX "session_turn_tenant_id_session_id_number_key" ON "session_turn"("tenant_id", "session_id", "number");

-- AddForeignKey
ALTER TABLE "session" ADD CONSTRAINT "session_tenant_id_proposal_id_fkey" FOREIGN KEY ("tenant_id", "proposal_id") REFERENCES "proposal"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "session" ADD CONSTRAINT "session_tenant_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "owner_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "session_turn" ADD CONSTRAINT "session_turn_tenant_id_session_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "session_id", "owner_id") REFERENCES "session"("tenant_id", "id", "owner_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "turn_entry" ADD CONSTRAINT "turn_entry_tenant_id_turn_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "turn_id", "owner_id") REFERENCES "session_turn"("tenant_id", "id", "owner_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message" ADD CONSTRAINT "message_tenant_id_session_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "session_id", "owner_id") REFERENCES "session"("tenant_id", "id", "owner_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message" ADD CONSTRAINT "message_tenant_id_turn_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "turn_id", "owner_id") REFERENCES "session_turn"("tenant_id", "id", "owner_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "confirmation" ADD CONSTRAINT "confirmation_tenant_id_session_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "session_id", "owner_id") REFERENCES "session"("tenant_id", "id", "owner_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "confirmation" ADD CONSTRAINT "confirmation_tenant_id_turn_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "turn_id", "owner_id") REFERENCES "session_turn"("tenant_id", "id", "owner_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what the schema language cannot say.

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['session', 'session_turn', 'turn_entry', 'message', 'confirmation'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
      $policy$CREATE POLICY same_tenant ON %I
        USING (tenant_id = nullif(current_setting('app.tenant', true), ''))
        WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), ''))$policy$, tenant_table);
    -- Whatever is written of a session is written in its owner's name: the keys bind every row to the session's owner,
    -- and these to the person who acts. It holds for the worker as for the API.
    EXECUTE format(
      $policy$CREATE POLICY made_by_its_owner ON %I AS RESTRICTIVE FOR INSERT
        WITH CHECK (owner_id = nullif(current_setting('app.user', true), ''))$policy$, tenant_table);
    EXECUTE format(
      $policy$CREATE POLICY changed_by_its_owner ON %I AS RESTRICTIVE FOR UPDATE
        USING (owner_id = nullif(current_setting('app.user', true), ''))$policy$, tenant_table);
  END LOOP;
END
$$;

-- Of a session and its turns everybody of the tenant may know that they are there: they hold no content. The transcript is
-- its owner's, and of those to whom they granted it; the journal and what an agent asks are the owner's alone.
CREATE POLICY read_by_its_owner ON "turn_entry" AS RESTRICTIVE FOR SELECT
  USING (owner_id = nullif(current_setting('app.user', true), ''));
CREATE POLICY read_by_its_owner ON "confirmation" AS RESTRICTIVE FOR SELECT
  USING (owner_id = nullif(current_setting('app.user', true), ''));
CREATE POLICY read_by_whom_it_was_granted ON "message" AS RESTRICTIVE FOR SELECT USING (
  owner_id = nullif(current_setting('app.user', true), '') OR EXISTS (
    SELECT FROM "session" s
      JOIN "transcript_grant" g ON g.tenant_id = s.tenant_id AND g.proposal_id = s.proposal_id AND g.owner_id = s.owner_id
      WHERE s.tenant_id = "message".tenant_id AND s.id = "message".session_id AND g.revoked_at IS NULL
        AND g.grantee_id = nullif(current_setting('app.user', true), '')));

-- What each role may do. People speak, stop, ask again and confirm by the API; agents answer by the worker.
GRANT SELECT ON "session", "session_turn", "message", "confirmation" TO api_user, worker_user;
GRANT SELECT ON "turn_entry" TO worker_user;
GRANT INSERT ON "session", "session_turn" TO api_user;
GRANT INSERT ON "turn_entry", "confirmation" TO worker_user;
GRANT INSERT ON "message" TO api_user, worker_user;
GRANT UPDATE (seq) ON "session" TO api_user, worker_user;
GRANT UPDATE (state, stopping, failure, ended_at) ON "session_turn" TO api_user;
GRANT UPDATE (state, fence, epoch, untrusted, failure, ended_at) ON "session_turn" TO worker_user;
GRANT UPDATE (state, answered_at) ON "confirmation" TO api_user;

-- Rows begin at their beginning, and a message is the next of its session.
CREATE POLICY begins_empty ON "session" AS RESTRICTIVE FOR INSERT WITH CHECK (seq = 0);
CREATE POLICY begins_queued ON "session_turn" AS RESTRICTIVE FOR INSERT WITH CHECK (
  state = 'queued' AND fence = 0 AND epoch IS NULL AND NOT untrusted AND NOT stopping AND failure IS NULL AND ended_at IS NULL);
CREATE POLICY begins_open ON "confirmation" AS RESTRICTIVE FOR INSERT WITH CHECK (state = 'open' AND answered_at IS NULL);
CREATE POLICY next_of_its_session ON "message" AS RESTRICTIVE FOR INSERT WITH CHECK (EXISTS (
  SELECT FROM "session" s
    WHERE s.tenant_id = "message".tenant_id AND s.id = "message".session_id AND s.seq = "message".seq));
-- No agent speaks as a person, and no person as an agent.
CREATE POLICY people_speak ON "message" AS RESTRICTIVE FOR INSERT TO api_user WITH CHECK (author = 'owner');
CREATE POLICY agents_speak ON "message" AS RESTRICTIVE FOR INSERT TO worker_user WITH CHECK (author = 'agent');

-- The words a column may be.
ALTER TABLE "session_turn" ADD CONSTRAINT "session_turn_state_known" CHECK (
  state IN ('queued', 'running', 'done', 'failed', 'stopped'));
ALTER TABLE "session_turn" ADD CONSTRAINT "session_turn_ended" CHECK (
  (state IN ('done', 'failed', 'stopped')) = (ended_at IS NOT NULL) AND (state = 'failed') = (failure IS NOT NULL));
ALTER TABLE "turn_entry" ADD CONSTRAINT "turn_entry_kind_known" CHECK (kind IN ('model', 'tool'));
ALTER TABLE "message" ADD CONSTRAINT "message_author_known" CHECK (author IN ('owner', 'agent'));
ALTER TABLE "message" ADD CONSTRAINT "message_kind_known" CHECK (
  kind IN ('text', 'piece', 'action', 'asks', 'answer', 'turn'));
ALTER TABLE "confirmation" ADD CONSTRAINT "confirmation_state_known" CHECK (
  state IN ('open', 'confirmed', 'declined') AND (state = 'open') = (answered_at IS NULL));
-- What was written by an agent in a session.
ALTER TABLE "section_version" DROP CONSTRAINT "section_version_source_known";
ALTER TABLE "section_version" ADD CONSTRAINT "section_version_source_known" CHECK (
  source IN ('person', 'session', 'step', 'suggestion', 'result', 'default', 'computed'));
-- A start and a ring are of a run; a session has none.
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_of_a_run" CHECK ((kind = 'session') = (run_id IS NULL));

CREATE FUNCTION check_session_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.seq NOT IN (OLD.seq, OLD.seq + 1) THEN
    RAISE EXCEPTION 'session % goes from message % to the next, not to %', NEW.id, OLD.seq, NEW.seq USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER session_change BEFORE UPDATE ON "session" FOR EACH ROW EXECUTE FUNCTION check_session_change();

-- A turn that failed or was stopped may be asked for again. What it has seen it has seen.
CREATE FUNCTION check_turn_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.state <> OLD.state AND (OLD.state || ' ' || NEW.state) NOT IN (
    'queued running', 'queued stopped', 'running done', 'running failed', 'running stopped', 'failed queued', 'stopped queued'
  ) THEN
    RAISE EXCEPTION 'turn % cannot go from % to %', NEW.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.fence < OLD.fence OR (OLD.untrusted AND NOT NEW.untrusted) OR (OLD.epoch IS NOT NULL AND NEW.epoch IS DISTINCT FROM OLD.epoch) THEN
    RAISE EXCEPTION 'fence, epoch and trust of turn % are kept', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER turn_change BEFORE UPDATE ON "session_turn" FOR EACH ROW EXECUTE FUNCTION check_turn_change();

CREATE FUNCTION check_confirmation_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.state <> 'open' AND (NEW.state, NEW.answered_at) IS DISTINCT FROM (OLD.state, OLD.answered_at) THEN
    RAISE EXCEPTION 'confirmation % is answered once', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER confirmation_change BEFORE UPDATE ON "confirmation" FOR EACH ROW EXECUTE FUNCTION check_confirmation_change();

-- Even the owner of the database cannot change what was said.
CREATE FUNCTION refuse_transcript_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'a transcript is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "message"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_transcript_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "turn_entry"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_transcript_change();

-- Whose session it is: what a worker that was handed a bare id needs to act as its owner, and as nobody else.
CREATE POLICY before_tenant_session ON "session" FOR SELECT TO CURRENT_USER USING (true);
CREATE FUNCTION session_scope(in_session text) RETURNS TABLE (tenant text, owner text, proposal text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.tenant_id, s.owner_id, s.proposal_id FROM public.session s WHERE s.id = in_session
$$;
REVOKE ALL ON FUNCTION session_scope(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_scope(text) TO worker_user;
