-- A write that an agent asked its session's owner for, and that they said yes to, is made by a turn of its own: in the one
-- ledger of effects, beside those that steps make.
ALTER TABLE "session_turn" ADD COLUMN "performs" TEXT;
ALTER TABLE "session_turn" ADD CONSTRAINT "session_turn_tenant_id_performs_fkey" FOREIGN KEY ("tenant_id", "performs") REFERENCES "confirmation"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
CREATE UNIQUE INDEX "session_turn_tenant_id_performs_key" ON "session_turn"("tenant_id", "performs");

ALTER TABLE "effect" ALTER COLUMN "step_execution_id" DROP NOT NULL, ADD COLUMN "turn_id" TEXT;
ALTER TABLE "effect" ADD CONSTRAINT "effect_tenant_id_turn_id_fkey" FOREIGN KEY ("tenant_id", "turn_id") REFERENCES "session_turn"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "effect" ADD CONSTRAINT "effect_of_a_step_or_a_turn" CHECK ((step_execution_id IS NULL) <> (turn_id IS NULL));

-- Only what was said yes to in that session is done, and once.
CREATE POLICY performs_what_was_confirmed ON "session_turn" AS RESTRICTIVE FOR INSERT WITH CHECK (
  performs IS NULL OR EXISTS (
    SELECT FROM "confirmation" c
      WHERE c.tenant_id = "session_turn".tenant_id AND c.id = "session_turn".performs
        AND c.session_id = "session_turn".session_id AND c.state = 'confirmed'));
