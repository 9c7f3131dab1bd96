-- The sweeper looks for open runs that nobody looked at for longest, every half minute: among all that ever ran without this.
CREATE INDEX "run_to_sweep_idx" ON "run" ((coalesce("swept_at", "created_at"))) WHERE "ended_at" IS NULL;
-- What a run called that is still open, when it is cancelled or fails.
CREATE INDEX "run_tenant_id_caller_run_id_idx" ON "run"("tenant_id", "caller_run_id");
