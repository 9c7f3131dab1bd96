-- CreateTable
CREATE TABLE "tenant" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "artifact_key" BYTEA NOT NULL,

    CONSTRAINT "tenant_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "user_account" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "issuer" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "active" BOOLEAN NOT NULL DEFAULT true,

    CONSTRAINT "user_account_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "membership" (
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,

    CONSTRAINT "membership_pkey" PRIMARY KEY ("tenant_id","user_id","role")
);

-- CreateTable
CREATE TABLE "document" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "graph_hash" TEXT NOT NULL,
    "published_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "document_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "graph_version" (
    "tenant_id" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "document_id" TEXT NOT NULL,
    "graph" TEXT NOT NULL,
    "receipt" TEXT NOT NULL,
    "markdown" TEXT NOT NULL,
    "published_by" TEXT NOT NULL,
    "published_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "graph_version_pkey" PRIMARY KEY ("tenant_id","hash")
);

-- CreateTable
CREATE TABLE "run" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "root_run_id" TEXT NOT NULL,
    "workflow_id" TEXT NOT NULL,
    "document_id" TEXT NOT NULL,
    "graph_hash" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "requester_id" TEXT NOT NULL,
    "input_digest" TEXT NOT NULL,
    "result_digest" TEXT,
    "practice" TEXT,
    "trace_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL DEFAULT 0,
    "head_hash" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "run_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "run_event" (
    "tenant_id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "source_key" TEXT NOT NULL,
    "node" TEXT,
    "body" TEXT NOT NULL,
    "prev_hash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "run_event_pkey" PRIMARY KEY ("tenant_id","run_id","seq")
);

-- CreateTable
CREATE TABLE "step_execution" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "root_run_id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "node" TEXT NOT NULL,
    "path" TEXT NOT NULL DEFAULT '',
    "generation" INTEGER NOT NULL DEFAULT 0,
    "status" TEXT NOT NULL,
    "fence" INTEGER NOT NULL DEFAULT 0,
    "memo_key" TEXT NOT NULL,
    "charged" INTEGER NOT NULL DEFAULT 0,
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "actor_id" TEXT NOT NULL,
    "output_digest" TEXT,
    "view" TEXT,
    "handoff" TEXT,
    "failure_class" TEXT,
    "failure_detail" TEXT,
    "started_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "step_execution_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "step_turn" (
    "tenant_id" TEXT NOT NULL,
    "step_execution_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "request_digest" TEXT NOT NULL,
    "response_digest" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "latency_ms" INTEGER NOT NULL,
    "tokens_in" INTEGER NOT NULL DEFAULT 0,
    "tokens_out" INTEGER NOT NULL DEFAULT 0,
    "cost_usd" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "step_turn_pkey" PRIMARY KEY ("tenant_id","step_execution_id","seq")
);

-- CreateTable
CREATE TABLE "artifact" (
    "tenant_id" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "content" TEXT NOT NULL,
    "bytes" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "artifact_pkey" PRIMARY KEY ("tenant_id","digest")
);

-- CreateTable
CREATE TABLE "effect" (
    "tenant_id" TEXT NOT NULL,
    "effect_key" TEXT NOT NULL,
    "root_run_id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "step_execution_id" TEXT NOT NULL,
    "node" TEXT NOT NULL,
    "slot" TEXT NOT NULL,
    "tool" TEXT NOT NULL,
    "request_digest" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "deadline" TIMESTAMPTZ(3) NOT NULL,
    "outcome_digest" TEXT,
    "sends" INTEGER NOT NULL DEFAULT 0,
    "first_intent_at" TIMESTAMPTZ(3) NOT NULL,
    "settled_at" TIMESTAMPTZ(3),

    CONSTRAINT "effect_pkey" PRIMARY KEY ("tenant_id","effect_key")
);

-- CreateTable
CREATE TABLE "gate" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "root_run_id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "node" TEXT NOT NULL,
    "path" TEXT NOT NULL DEFAULT '',
    "purpose" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "bindings" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "question" TEXT NOT NULL,
    "approver_roles" TEXT NOT NULL,
    "not_by" TEXT NOT NULL,
    "actions" TEXT NOT NULL,
    "shown" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "verdict" TEXT,
    "output_digest" TEXT,
    "view" TEXT,
    "opened_at" TIMESTAMPTZ(3) NOT NULL,
    "decided_at" TIMESTAMPTZ(3),
    "heard_at" TIMESTAMPTZ(3),

    CONSTRAINT "gate_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "decision" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "gate_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "comment" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "decided_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "decision_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "command" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "comment" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "heard_at" TIMESTAMPTZ(3),

    CONSTRAINT "command_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "idempotent_request" (
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "status" INTEGER NOT NULL,
    "body" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotent_request_pkey" PRIMARY KEY ("tenant_id","user_id","key")
);

-- CreateTable
CREATE TABLE "outbox" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "run_id" TEXT NOT NULL,
    "workflow_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "done_at" TIMESTAMPTZ(3),

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "user_account_issuer_subject_key" ON "user_account"("issuer", "subject");

-- CreateIndex
CREATE UNIQUE INDEX "user_account_tenant_id_email_key" ON "user_account"("tenant_id", "email");

-- CreateIndex
CREATE INDEX "graph_version_tenant_id_document_id_published_at_idx" ON "graph_version"("tenant_id", "document_id", "published_at");

-- CreateIndex
CREATE UNIQUE INDEX "run_workflow_id_key" ON "run"("workflow_id");

-- CreateIndex
CREATE INDEX "run_tenant_id_created_at_id_idx" ON "run"("tenant_id", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "run_id_key" ON "run"("id");

-- CreateIndex
CREATE UNIQUE INDEX "run_event_tenant_id_run_id_source_key_key" ON "run_event"("tenant_id", "run_id", "source_key");

-- CreateIndex
CREATE INDEX "step_execution_tenant_id_run_id_idx" ON "step_execution"("tenant_id", "run_id");

-- CreateIndex
CREATE UNIQUE INDEX "step_execution_tenant_id_root_run_id_node_path_generation_key" ON "step_execution"("tenant_id", "root_run_id", "node", "path", "generation");

-- CreateIndex
CREATE UNIQUE INDEX "step_execution_tenant_id_memo_key_key" ON "step_execution"("tenant_id", "memo_key");

-- CreateIndex
CREATE INDEX "effect_tenant_id_root_run_id_idx" ON "effect"("tenant_id", "root_run_id");

-- CreateIndex
CREATE INDEX "gate_tenant_id_status_idx" ON "gate"("tenant_id", "status");

-- CreateIndex
CREATE INDEX "gate_tenant_id_run_id_idx" ON "gate"("tenant_id", "run_id");

-- CreateIndex
CREATE UNIQUE INDEX "gate_tenant_id_root_run_id_node_path_subject_key" ON "gate"("tenant_id", "root_run_id", "node", "path", "subject");

-- CreateIndex
CREATE UNIQUE INDEX "decision_tenant_id_gate_id_user_id_key" ON "decision"("tenant_id", "gate_id", "user_id");

-- CreateIndex
CREATE INDEX "command_tenant_id_run_id_idx" ON "command"("tenant_id", "run_id");

-- CreateIndex
CREATE INDEX "outbox_done_at_next_at_idx" ON "outbox"("done_at", "next_at");

-- AddForeignKey
ALTER TABLE "user_account" ADD CONSTRAINT "user_account_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "membership" ADD CONSTRAINT "membership_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "document" ADD CONSTRAINT "document_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "document" ADD CONSTRAINT "document_tenant_id_graph_hash_fkey" FOREIGN KEY ("tenant_id", "graph_hash") REFERENCES "graph_version"("tenant_id", "hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "graph_version" ADD CONSTRAINT "graph_version_tenant_id_document_id_fkey" FOREIGN KEY ("tenant_id", "document_id") REFERENCES "document"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "graph_version" ADD CONSTRAINT "graph_version_tenant_id_published_by_fkey" FOREIGN KEY ("tenant_id", "published_by") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_tenant_id_root_run_id_fkey" FOREIGN KEY ("tenant_id", "root_run_id") REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_tenant_id_document_id_fkey" FOREIGN KEY ("tenant_id", "document_id") REFERENCES "document"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_tenant_id_graph_hash_fkey" FOREIGN KEY ("tenant_id", "graph_hash") REFERENCES "graph_version"("tenant_id", "hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_tenant_id_requester_id_fkey" FOREIGN KEY ("tenant_id", "requester_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run_event" ADD CONSTRAINT "run_event_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "step_execution" ADD CONSTRAINT "step_execution_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "step_execution" ADD CONSTRAINT "step_execution_tenant_id_actor_id_fkey" FOREIGN KEY ("tenant_id", "actor_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "step_turn" ADD CONSTRAINT "step_turn_tenant_id_step_execution_id_fkey" FOREIGN KEY ("tenant_id", "step_execution_id") REFERENCES "step_execution"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "artifact" ADD CONSTRAINT "artifact_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "effect" ADD CONSTRAINT "effect_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "effect" ADD CONSTRAINT "effect_tenant_id_step_execution_id_fkey" FOREIGN KEY ("tenant_id", "step_execution_id") REFERENCES "step_execution"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "gate" ADD CONSTRAINT "gate_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "decision" ADD CONSTRAINT "decision_tenant_id_gate_id_fkey" FOREIGN KEY ("tenant_id", "gate_id") REFERENCES "gate"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "decision" ADD CONSTRAINT "decision_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "command" ADD CONSTRAINT "command_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "command" ADD CONSTRAINT "command_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "idempotent_request" ADD CONSTRAINT "idempotent_request_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;



-- From here on by hand: what the schema language cannot say.

-- A document names its newest version and a version its document: checked at commit, either may come first.
ALTER TABLE "document" ALTER CONSTRAINT "document_tenant_id_graph_hash_fkey" DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE "graph_version" ALTER CONSTRAINT "graph_version_tenant_id_document_id_fkey" DEFERRABLE INITIALLY DEFERRED;

-- The two roles a running process may take. Roles belong to the server, so another database may have made them already,
-- or be making them now.
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['api_user', 'worker_user'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
      END;
    END IF;
    -- So that the owner's own address serves a small installation, too: it takes the role like any login.
    -- From 16 on, who makes a role is a member of it that may not take it.
    IF NOT pg_has_role(current_user, wanted,
      CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
    END IF;
  END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO api_user, worker_user;

-- Row-level security, forced on the owner, too. One policy for every table and role: the tenant is the transaction's.
DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY[
    'user_account', 'membership', 'document', 'graph_version', 'run', 'run_event', 'step_execution', 'step_turn',
    'artifact', 'effect', 'gate', 'decision', 'command', 'idempotent_request', 'outbox'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
      $policy$CREATE POLICY same_tenant ON %I
        USING (tenant_id = nullif(current_setting('app.tenant', true), ''))
        WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), ''))$policy$, tenant_table);
  END LOOP;
END
$$;
ALTER TABLE "tenant" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "tenant" FORCE ROW LEVEL SECURITY;
CREATE POLICY same_tenant ON "tenant"
  USING (id = nullif(current_setting('app.tenant', true), ''))
  WITH CHECK (id = nullif(current_setting('app.tenant', true), ''));

-- What each role may do. Nobody deletes; what is not granted here is refused.
GRANT SELECT ON "tenant", "user_account", "membership", "document", "graph_version", "run", "run_event",
  "step_execution", "step_turn", "artifact", "effect", "gate", "command" TO api_user, worker_user;
GRANT INSERT ON "artifact" TO api_user, worker_user;
GRANT UPDATE (status, result_digest, ended_at) ON "run" TO api_user, worker_user;

GRANT SELECT ON "decision", "idempotent_request", "outbox" TO api_user;
GRANT INSERT ON "document", "graph_version", "run", "decision", "command", "idempotent_request", "outbox" TO api_user;
GRANT UPDATE (title, graph_hash, published_at) ON "document" TO api_user;
GRANT UPDATE (status, body) ON "idempotent_request" TO api_user;
GRANT UPDATE (status, verdict, output_digest, view, decided_at) ON "gate" TO api_user;

GRANT INSERT ON "step_execution", "step_turn", "effect", "gate" TO worker_user;
GRANT UPDATE ON "step_execution", "effect" TO worker_user;
GRANT UPDATE (status, heard_at) ON "gate" TO worker_user;
GRANT UPDATE (heard_at) ON "command" TO worker_user;

-- Rows begin at their beginning, whoever inserts them: no run with a history it never had, no gate opened decided.
CREATE POLICY begins_empty ON "run" AS RESTRICTIVE FOR INSERT WITH CHECK (seq = 0 AND head_hash = '');
CREATE POLICY begins_open ON "gate" AS RESTRICTIVE FOR INSERT WITH CHECK (
  status = 'open' AND verdict IS NULL AND output_digest IS NULL AND view IS NULL AND decided_at IS NULL AND heard_at IS NULL);

-- The words a status may be.
ALTER TABLE "run" ADD CONSTRAINT "run_status_known" CHECK (
  status IN ('running', 'waiting', 'needs-attention', 'completed', 'rejected', 'failed', 'cancelled'));
ALTER TABLE "step_execution" ADD CONSTRAINT "step_execution_status_known" CHECK (
  status IN ('pending', 'running', 'validated', 'committed', 'failed', 'skipped', 'refused'));
ALTER TABLE "effect" ADD CONSTRAINT "effect_status_known" CHECK (status IN ('intent', 'succeeded', 'failed', 'unknown'));
ALTER TABLE "gate" ADD CONSTRAINT "gate_status_known" CHECK (status IN ('open', 'decided', 'lapsed'));

-- A step goes only where SEMANTICS lets it go; committed content stays as it was committed, and a fence only rises.
CREATE FUNCTION check_step_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status NOT IN ('pending', 'running', 'skipped', 'refused') THEN
      RAISE EXCEPTION 'step % cannot begin as %', NEW.id, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.status <> OLD.status AND (OLD.status || ' ' || NEW.status) NOT IN (
    'pending running', 'pending skipped', 'pending refused',
    'running validated', 'running failed', 'running skipped', 'running refused',
    'validated running', 'validated committed', 'validated refused', 'validated failed',
    'failed running'
  ) THEN
    RAISE EXCEPTION 'step % cannot go from % to %', NEW.id, OLD.status, NEW.status USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.status = 'committed' AND (NEW.output_digest, NEW.view, NEW.handoff, NEW.memo_key)
    IS DISTINCT FROM (OLD.output_digest, OLD.view, OLD.handoff, OLD.memo_key) THEN
    RAISE EXCEPTION 'step % is committed, its output cannot change', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.fence < OLD.fence THEN
    RAISE EXCEPTION 'the fence of step % cannot go from % to %', NEW.id, OLD.fence, NEW.fence USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER step_transition BEFORE INSERT OR UPDATE ON "step_execution"
  FOR EACH ROW EXECUTE FUNCTION check_step_transition();

-- A verdict is given once, to an open gate; after that the gate can only lapse. The worker, who may set the status but no
-- column of the verdict, can so lapse a gate and never decide one.
CREATE FUNCTION check_gate_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.status <> OLD.status AND (OLD.status || ' ' || NEW.status) NOT IN (
    'open decided', 'open lapsed', 'decided lapsed'
  ) THEN
    RAISE EXCEPTION 'gate % cannot go from % to %', NEW.id, OLD.status, NEW.status USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.status = 'open' AND NEW.status = 'decided' THEN
    IF NEW.verdict IS NULL OR NEW.output_digest IS NULL OR NEW.decided_at IS NULL THEN
      RAISE EXCEPTION 'gate % cannot be decided without verdict, output and time', NEW.id USING ERRCODE = 'check_violation';
    END IF;
  ELSIF (NEW.verdict, NEW.output_digest, NEW.view, NEW.decided_at)
    IS DISTINCT FROM (OLD.verdict, OLD.output_digest, OLD.view, OLD.decided_at) THEN
    RAISE EXCEPTION 'the verdict of gate % is given by deciding it while it is open, and once', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER gate_transition BEFORE UPDATE ON "gate" FOR EACH ROW EXECUTE FUNCTION check_gate_transition();

-- An effect that happened has happened.
CREATE FUNCTION check_effect_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.status = 'succeeded' AND (NEW.status <> OLD.status OR NEW.outcome_digest IS DISTINCT FROM OLD.outcome_digest) THEN
    RAISE EXCEPTION 'effect % succeeded, its outcome cannot change', NEW.effect_key USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER effect_transition BEFORE UPDATE ON "effect" FOR EACH ROW EXECUTE FUNCTION check_effect_transition();

-- The run log. No role has a right to write it; the owner, who has, is refused by the trigger.
CREATE FUNCTION refuse_log_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the run log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "run_event"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_log_change();

-- One field of what is hashed: its length in bytes of UTF-8, a colon, and the text; `-` for null. So no two lists of fields
-- read the same.
CREATE FUNCTION hashed_field(value text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN value IS NULL THEN '-' ELSE octet_length(convert_to(value, 'UTF8')) || ':' || value END;

-- Appends one event to a run of the transaction's tenant and returns its number; an event whose source key the run has
-- already is not appended again, and its number is returned. Numbers have no gaps: the run's row is held until commit,
-- so append last in a transaction. The row is locked FOR NO KEY UPDATE, as rows that refer to the run lock its key. It does
-- not NOTIFY: commits that do wait for each other to reach the disk, which halves what many runs at once achieve. The
-- store announces after the commit (announce.ts).
--
-- hash = lower-case hex of SHA-256 over the UTF-8 of the concatenated hashed_field of, in order: previous hash ('' at
-- first), tenant, run, number, type, source key, node, body, time as 2026-11-21T10:00:00.000Z. run-log.ts recomputes it.
CREATE FUNCTION append_run_event(in_run text, in_type text, in_source_key text, in_node text, in_body text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_tenant text := nullif(current_setting('app.tenant', true), '');
  known integer;
  previous text;
  next_seq integer;
  next_hash text;
  moment timestamptz;
BEGIN
  SELECT r.seq + 1, r.head_hash INTO next_seq, previous
    FROM public.run r WHERE r.tenant_id = in_tenant AND r.id = in_run FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no run % in this tenant to append an event to', in_run USING ERRCODE = 'no_data_found';
  END IF;
  SELECT e.seq INTO known
    FROM public.run_event e WHERE e.tenant_id = in_tenant AND e.run_id = in_run AND e.source_key = in_source_key;
  IF FOUND THEN
    RETURN known;
  END IF;
  moment := date_trunc('milliseconds', clock_timestamp());
  next_hash := encode(sha256(convert_to(
    public.hashed_field(previous) || public.hashed_field(in_tenant) || public.hashed_field(in_run)
    || public.hashed_field(next_seq::text) || public.hashed_field(in_type) || public.hashed_field(in_source_key)
    || public.hashed_field(in_node) || public.hashed_field(in_body)
    || public.hashed_field(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), 'UTF8')), 'hex');
  INSERT INTO public.run_event (tenant_id, run_id, seq, type, source_key, node, body, prev_hash, hash, at)
    VALUES (in_tenant, in_run, next_seq, in_type, in_source_key, in_node, in_body, previous, next_hash, moment);
  UPDATE public.run SET seq = next_seq, head_hash = next_hash WHERE tenant_id = in_tenant AND id = in_run;
  RETURN next_seq;
END
$$;

-- What must be asked before the tenant is known. These run as the owner, who is let past the tenant's policy on just these
-- tables, and for these commands.
CREATE POLICY before_tenant ON "user_account" FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY before_tenant ON "membership" FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY before_tenant ON "run" FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY before_tenant_read ON "outbox" FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY before_tenant_settle ON "outbox" FOR UPDATE TO CURRENT_USER USING (true);

-- The person a token is about.
CREATE FUNCTION identify(in_issuer text, in_subject text)
RETURNS TABLE (tenant text, user_id text, name text, email text, active boolean, roles text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.tenant_id, u.id, u.name, u.email, u.active, ARRAY(
      SELECT m.role FROM public.membership m WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id ORDER BY m.role)
    FROM public.user_account u WHERE u.issuer = in_issuer AND u.subject = in_subject
$$;

-- Whose run it is: what a worker that was handed a bare id needs to act in the right tenant.
CREATE FUNCTION run_scope(in_run text)
RETURNS TABLE (tenant text, requester text, root_run text, workflow_id text, document_id text, graph_hash text, trace_id text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.tenant_id, r.requester_id, r.root_run_id, r.workflow_id, r.document_id, r.graph_hash, r.trace_id, r.status
    FROM public.run r WHERE r.id = in_run
$$;

-- Takes rows that are due, each for one caller only, and puts them off: 1 s, then doubling to 60 s, unless settled before.
CREATE FUNCTION outbox_due(in_limit integer)
RETURNS TABLE (tenant text, id text, run_id text, workflow_id text, kind text, payload text, attempts integer)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE public.outbox o
    SET attempts = o.attempts + 1, next_at = clock_timestamp() + least(60, power(2, least(o.attempts, 6))) * interval '1 second'
    FROM (
      SELECT d.tenant_id, d.id FROM public.outbox d WHERE d.done_at IS NULL AND d.next_at <= clock_timestamp()
        ORDER BY d.next_at LIMIT in_limit FOR UPDATE SKIP LOCKED
    ) due
    WHERE o.tenant_id = due.tenant_id AND o.id = due.id
    RETURNING o.tenant_id, o.id, o.run_id, o.workflow_id, o.kind, o.payload, o.attempts
$$;

CREATE FUNCTION outbox_settle(in_tenant text, in_id text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE public.outbox SET done_at = clock_timestamp() WHERE tenant_id = in_tenant AND id = in_id AND done_at IS NULL
$$;

-- Functions can be called by everybody unless this is taken back.
REVOKE ALL ON FUNCTION append_run_event(text, text, text, text, text), identify(text, text), run_scope(text),
  outbox_due(integer), outbox_settle(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_run_event(text, text, text, text, text), run_scope(text) TO api_user, worker_user;
GRANT EXECUTE ON FUNCTION identify(text, text), outbox_due(integer), outbox_settle(text, text) TO api_user;
