-- Whose task it is when a proposal gets another assignee: open tasks that are its assignee's are looked at again by their runs,
-- which ask the one it is now. By a trigger, since the API and the worker both hand proposals over.
CREATE FUNCTION ring_tasks_of_assignee() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.outbox (tenant_id, id, run_id, workflow_id, kind, payload, next_at)
    SELECT g.tenant_id, gen_random_uuid()::text, g.run_id, r.workflow_id, 'ring', json_build_object('gate', g.id)::text, clock_timestamp()
      FROM public.gate g JOIN public.run r ON r.tenant_id = g.tenant_id AND r.id = g.run_id AND r.ended_at IS NULL
      WHERE g.tenant_id = NEW.tenant_id AND g.root_run_id = NEW.run_id AND g.purpose = 'task' AND g.status = 'open'
        AND g.bindings ~ '"assigneeEpoch":';
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION ring_tasks_of_assignee() FROM PUBLIC;
CREATE TRIGGER another_assignee AFTER UPDATE OF assignee_epoch ON "proposal" FOR EACH ROW
  WHEN (NEW.run_id IS NOT NULL AND NEW.assignee_epoch > OLD.assignee_epoch) EXECUTE FUNCTION ring_tasks_of_assignee();
