-- A run that a step of another run called: by which step, of which run, and that the caller has heard of its end.
ALTER TABLE "run" ADD COLUMN "called_by" TEXT, ADD COLUMN "caller_run_id" TEXT, ADD COLUMN "heard_at" TIMESTAMPTZ(3);
ALTER TABLE "run" ADD CONSTRAINT "run_tenant_id_called_by_fkey" FOREIGN KEY ("tenant_id", "called_by")
  REFERENCES "step_execution"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "run" ADD CONSTRAINT "run_tenant_id_caller_run_id_fkey" FOREIGN KEY ("tenant_id", "caller_run_id")
  REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "run" ADD CONSTRAINT "run_called_whole" CHECK ((called_by IS NULL) = (caller_run_id IS NULL));
CREATE INDEX "run_tenant_id_called_by_idx" ON "run"("tenant_id", "called_by");
GRANT UPDATE (heard_at) ON "run" TO worker_user;

-- Starts a run for a step that is under way, as that step's actor: a worker may start no other. In the transaction's tenant.
CREATE FUNCTION call_run(in_step text, in_run text, in_workflow text, in_document text, in_graph text, in_title text,
  in_input text, in_trace text, in_payload text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  step public.step_execution%ROWTYPE;
  caller public.run%ROWTYPE;
  tenant text := nullif(current_setting('app.tenant', true), '');
BEGIN
  SELECT * INTO STRICT step FROM public.step_execution WHERE tenant_id = tenant AND id = in_step AND status = 'running';
  SELECT * INTO STRICT caller FROM public.run WHERE tenant_id = tenant AND id = step.run_id AND ended_at IS NULL;
  INSERT INTO public.run (tenant_id, id, root_run_id, workflow_id, document_id, graph_hash, title, status, requester_id,
      input_digest, practice, trace_id, created_at, called_by, caller_run_id)
    VALUES (tenant, in_run, in_run, in_workflow, in_document, in_graph, in_title, 'running', step.actor_id,
      in_input, caller.practice, in_trace, date_trunc('milliseconds', clock_timestamp()), in_step, caller.id);
  INSERT INTO public.outbox (tenant_id, id, run_id, workflow_id, kind, payload, next_at)
    VALUES (tenant, gen_random_uuid()::text, in_run, in_workflow, 'start', in_payload, clock_timestamp());
END
$$;

-- Rings the run that called this one, or the run that goes on with its work.
CREATE FUNCTION ring_caller(in_run text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO public.outbox (tenant_id, id, run_id, workflow_id, kind, payload, next_at)
    SELECT c.tenant_id, gen_random_uuid()::text, c.id, c.workflow_id, 'ring', json_build_object('run', in_run)::text, clock_timestamp()
      FROM public.run r
      JOIN public.run d ON d.tenant_id = r.tenant_id AND d.id = r.caller_run_id
      JOIN public.run c ON c.tenant_id = d.tenant_id AND c.root_run_id = d.root_run_id AND c.ended_at IS NULL
      WHERE r.tenant_id = nullif(current_setting('app.tenant', true), '') AND r.id = in_run
$$;

-- Cancels what a run that was cancelled had called, in its requester's name.
CREATE FUNCTION cancel_called(in_run text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH ordered AS (
    INSERT INTO public.command (tenant_id, id, run_id, kind, user_id, comment, created_at)
      SELECT r.tenant_id, gen_random_uuid()::text, r.id, 'cancel', c.requester_id, '', date_trunc('milliseconds', clock_timestamp())
        FROM public.run r
        JOIN public.run c ON c.tenant_id = r.tenant_id AND c.id = r.caller_run_id AND c.status = 'cancelled'
        WHERE r.tenant_id = nullif(current_setting('app.tenant', true), '') AND r.caller_run_id = in_run AND r.ended_at IS NULL
      RETURNING tenant_id, id, run_id
  )
  INSERT INTO public.outbox (tenant_id, id, run_id, workflow_id, kind, payload, next_at)
    SELECT o.tenant_id, gen_random_uuid()::text, o.run_id, r.workflow_id, 'ring', json_build_object('command', o.id)::text, clock_timestamp()
      FROM ordered o JOIN public.run r ON r.tenant_id = o.tenant_id AND r.id = o.run_id
$$;

REVOKE ALL ON FUNCTION call_run(text, text, text, text, text, text, text, text, text), ring_caller(text), cancel_called(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION call_run(text, text, text, text, text, text, text, text, text), ring_caller(text), cancel_called(text)
  TO worker_user;
GRANT EXECUTE ON FUNCTION ring_caller(text) TO api_user;
