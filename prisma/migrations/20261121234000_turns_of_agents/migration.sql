-- An agent may hand work to another within a step: each such delegation has a journal of its own beside the step's, named
-- by the turn at which it was handed over. `agents`: who was asked, last, after those for whom.
ALTER TABLE "step_turn" ADD COLUMN "delegation" TEXT NOT NULL DEFAULT '', ADD COLUMN "agents" TEXT[] NOT NULL DEFAULT '{}';
ALTER TABLE "step_turn" DROP CONSTRAINT "step_turn_pkey";
ALTER TABLE "step_turn" ADD CONSTRAINT "step_turn_pkey" PRIMARY KEY ("tenant_id", "step_execution_id", "delegation", "seq");
