-- A run that goes on with the work of another one, which takes no more steps from then on; each is resumed by one, whoever
-- resumes at once. `fresh`: steps done again whatever was recorded (JSON list of ids).
ALTER TABLE "run" ADD COLUMN "resumes_run_id" TEXT, ADD COLUMN "resumed_by" TEXT, ADD COLUMN "fresh" TEXT NOT NULL DEFAULT '[]';
ALTER TABLE "run" ADD CONSTRAINT "run_tenant_id_resumes_run_id_fkey" FOREIGN KEY ("tenant_id", "resumes_run_id")
  REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
CREATE UNIQUE INDEX "run_tenant_id_resumes_run_id_key" ON "run"("tenant_id", "resumes_run_id");
GRANT UPDATE (resumed_by) ON "run" TO api_user;
-- A gate that still stands is asked by the run that goes on.
GRANT UPDATE (run_id) ON "gate" TO worker_user;

-- What was resumed hears nothing more for the run that goes on.
CREATE OR REPLACE FUNCTION ring_caller(in_run text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO public.outbox (tenant_id, id, run_id, workflow_id, kind, payload, next_at)
    SELECT c.tenant_id, gen_random_uuid()::text, c.id, c.workflow_id, 'ring', json_build_object('run', in_run)::text, clock_timestamp()
      FROM public.run r
      JOIN public.run d ON d.tenant_id = r.tenant_id AND d.id = r.caller_run_id
      JOIN public.run c ON c.tenant_id = d.tenant_id AND c.root_run_id = d.root_run_id AND c.ended_at IS NULL AND c.resumed_by IS NULL
      WHERE r.tenant_id = nullif(current_setting('app.tenant', true), '') AND r.id = in_run
$$;
