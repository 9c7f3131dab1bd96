-- Lists of gates and runs of one status are read in their order, a page of them: however many there are.
DROP INDEX "gate_tenant_id_status_idx";
CREATE INDEX "gate_tenant_id_status_opened_at_id_idx" ON "gate"("tenant_id", "status", "opened_at", "id");
CREATE INDEX "run_tenant_id_status_created_at_id_idx" ON "run"("tenant_id", "status", "created_at", "id");
