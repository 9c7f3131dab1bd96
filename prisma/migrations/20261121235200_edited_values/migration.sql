-- What an operator gave a step in place of what it reads is kept with the work that was given it: a resume looks there.
ALTER TABLE "step_execution" ADD COLUMN "edited" TEXT;
