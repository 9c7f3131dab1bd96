-- What the proposal held where a step writes, when its work began: a digest, empty where there was nothing. Whoever writes
-- there meanwhile makes the step's output stale.
ALTER TABLE "step_execution" ADD COLUMN "base_digest" TEXT;
