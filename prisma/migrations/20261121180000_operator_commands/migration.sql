-- Orders of operators beyond cancel: which step one is about, what came with it, and whether it had an effect.
ALTER TABLE "command" ADD COLUMN "node" TEXT, ADD COLUMN "path" TEXT NOT NULL DEFAULT '',
  ADD COLUMN "body" TEXT NOT NULL DEFAULT '{}', ADD COLUMN "applied" BOOLEAN;
ALTER TABLE "command" ADD CONSTRAINT "command_kind_known" CHECK (
  kind IN ('cancel', 'abort', 'pause', 'unpause', 'retry', 'supply', 'skip', 'settle'));
-- An order is what its author gave; that it was heard, and had an effect, is the worker's to say.
CREATE POLICY begins_unheard ON "command" AS RESTRICTIVE FOR INSERT WITH CHECK (heard_at IS NULL AND applied IS NULL);
GRANT UPDATE (applied) ON "command" TO worker_user;

-- Nothing new is started in a run that is paused. `swept_at`: when it was last held against its workflow.
ALTER TABLE "run" ADD COLUMN "paused" BOOLEAN NOT NULL DEFAULT false, ADD COLUMN "swept_at" TIMESTAMPTZ(3);
GRANT UPDATE (paused) ON "run" TO worker_user;

-- What a person answered about a write: it happened; it did not; it is to be sent again, whatever was recorded. After the
-- last two it is sent under the next generation of its key, and never again under this one.
ALTER TABLE "effect" ADD COLUMN "answer" TEXT;
ALTER TABLE "effect" ADD CONSTRAINT "effect_answer_known" CHECK (answer IN ('happened', 'did not happen', 'send again'));

-- Runs that have not ended and were not looked at for so many seconds, those longest unseen first. Each is handed to one caller.
CREATE POLICY before_tenant_sweep ON "run" FOR UPDATE TO CURRENT_USER USING (true);
CREATE FUNCTION runs_to_sweep(in_limit integer, in_seconds integer)
RETURNS TABLE (tenant text, run text, workflow_id text, requester text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE public.run r SET swept_at = date_trunc('milliseconds', clock_timestamp())
    FROM (
      SELECT o.tenant_id, o.id FROM public.run o
        WHERE o.ended_at IS NULL
          AND coalesce(o.swept_at, o.created_at) <= clock_timestamp() - make_interval(secs => in_seconds)
        ORDER BY coalesce(o.swept_at, o.created_at) LIMIT in_limit FOR UPDATE SKIP LOCKED
    ) due
    WHERE r.tenant_id = due.tenant_id AND r.id = due.id
    RETURNING r.tenant_id, r.id, r.workflow_id, r.requester_id
$$;
REVOKE ALL ON FUNCTION runs_to_sweep(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runs_to_sweep(integer, integer) TO api_user;

-- A parked step may be left out by an operator.
CREATE OR REPLACE FUNCTION check_step_transition() RETURNS trigger
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
    'failed running', 'failed skipped'
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
