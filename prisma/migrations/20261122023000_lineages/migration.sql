-- The view of a run lists its lineage: without this, all the tenant's runs are looked at.
CREATE INDEX "run_tenant_id_root_run_id_idx" ON "run"("tenant_id", "root_run_id");
