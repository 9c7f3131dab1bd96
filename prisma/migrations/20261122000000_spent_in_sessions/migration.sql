-- What a turn of a session was paid for, and for whom: budgets of a step, an agent and a document cover what people talk
-- over as they cover the rest. On the turn and not in its journal, which only its owner reads: a proposal's sessions draw
-- on the same budgets, whoever they are of.
ALTER TABLE "session_turn"
  ADD COLUMN "agent" TEXT,
  ADD COLUMN "step" TEXT,
  ADD COLUMN "tokens" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "cost_usd" DOUBLE PRECISION NOT NULL DEFAULT 0;
GRANT UPDATE (agent, step, tokens, cost_usd) ON "session_turn" TO worker_user;

ALTER POLICY begins_queued ON "session_turn" WITH CHECK (
  state = 'queued' AND fence = 0 AND epoch IS NULL AND NOT untrusted AND NOT stopping AND failure IS NULL AND ended_at IS NULL
  AND agent IS NULL AND step IS NULL AND tokens = 0 AND cost_usd = 0);

CREATE OR REPLACE FUNCTION check_turn_change() RETURNS trigger
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
  IF NEW.tokens < OLD.tokens OR NEW.cost_usd < OLD.cost_usd THEN
    RAISE EXCEPTION 'what turn % was paid for is kept', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
