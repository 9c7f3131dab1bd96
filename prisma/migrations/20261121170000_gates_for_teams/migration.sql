-- DropIndex
DROP INDEX "decision_tenant_id_gate_id_user_id_key";

-- AlterTable
ALTER TABLE "decision" ADD COLUMN     "for_user_id" TEXT,
ADD COLUMN     "form_digest" TEXT;

-- AlterTable
ALTER TABLE "gate" ADD COLUMN     "approver_people" TEXT NOT NULL DEFAULT '[]',
ADD COLUMN     "claimed_at" TIMESTAMPTZ(3),
ADD COLUMN     "claimed_by" TEXT,
ADD COLUMN     "due_at" TIMESTAMPTZ(3),
ADD COLUMN     "escalated_at" TIMESTAMPTZ(3),
ADD COLUMN     "if_overdue" TEXT,
ADD COLUMN     "need" TEXT NOT NULL DEFAULT 'any',
ADD COLUMN     "quorum" INTEGER,
ADD COLUMN     "sources" TEXT NOT NULL DEFAULT '[]';

-- CreateTable
CREATE TABLE "gate_delegation" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "gate_id" TEXT NOT NULL,
    "from_user_id" TEXT NOT NULL,
    "to_user_id" TEXT NOT NULL,
    "made_at" TIMESTAMPTZ(3) NOT NULL,
    "withdrawn_at" TIMESTAMPTZ(3),

    CONSTRAINT "gate_delegation_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "gate_message" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "gate_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "to_user_id" TEXT,
    "answers" TEXT,
    "text" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "gate_message_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE INDEX "gate_delegation_tenant_id_gate_id_idx" ON "gate_delegation"("tenant_id", "gate_id");

-- CreateIndex
CREATE INDEX "gate_delegation_tenant_id_to_user_id_idx" ON "gate_delegation"("tenant_id", "to_user_id");

-- CreateIndex
CREATE INDEX "gate_message_tenant_id_gate_id_at_idx" ON "gate_message"("tenant_id", "gate_id", "at");

-- CreateIndex
CREATE INDEX "decision_tenant_id_gate_id_decided_at_idx" ON "decision"("tenant_id", "gate_id", "decided_at");

-- AddForeignKey
ALTER TABLE "gate" ADD CONSTRAINT "gate_tenant_id_claimed_by_fkey" FOREIGN KEY ("tenant_id", "claimed_by") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "decision" ADD CONSTRAINT "decision_tenant_id_for_user_id_fkey" FOREIGN KEY ("tenant_id", "for_user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "gate_delegation" ADD CONSTRAINT "gate_delegation_tenant_id_gate_id_fkey" FOREIGN KEY ("tenant_id", "gate_id") REFERENCES "gate"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "gate_delegation" ADD CONSTRAINT "gate_delegation_tenant_id_from_user_id_fkey" FOREIGN KEY ("tenant_id", "from_user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "gate_delegation" ADD CONSTRAINT "gate_delegation_tenant_id_to_user_id_fkey" FOREIGN KEY ("tenant_id", "to_user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "gate_message" ADD CONSTRAINT "gate_message_tenant_id_gate_id_fkey" FOREIGN KEY ("tenant_id", "gate_id") REFERENCES "gate"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "gate_message" ADD CONSTRAINT "gate_message_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "gate_message" ADD CONSTRAINT "gate_message_tenant_id_to_user_id_fkey" FOREIGN KEY ("tenant_id", "to_user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what the schema language cannot say.

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['gate_delegation', 'gate_message'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
      $policy$CREATE POLICY same_tenant ON %I
        USING (tenant_id = nullif(current_setting('app.tenant', true), ''))
        WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), ''))$policy$, tenant_table);
  END LOOP;
END
$$;

-- Claims, delegations and questions are people's deeds: the worker has no right to any, and reads delegations only to know whom
-- to remind.
GRANT UPDATE (claimed_by, claimed_at) ON "gate" TO api_user;
GRANT SELECT, INSERT ON "gate_delegation", "gate_message" TO api_user;
GRANT UPDATE (withdrawn_at) ON "gate_delegation" TO api_user;
GRANT SELECT ON "gate_delegation" TO worker_user;

-- Each in their own name, whoever writes. A delegation that was withdrawn stays so.
CREATE POLICY by_oneself ON "decision" AS RESTRICTIVE FOR INSERT WITH CHECK (
  user_id = nullif(current_setting('app.user', true), ''));
CREATE POLICY by_oneself ON "gate_delegation" AS RESTRICTIVE FOR INSERT WITH CHECK (
  from_user_id = nullif(current_setting('app.user', true), '') AND withdrawn_at IS NULL);
CREATE POLICY withdrawn_once ON "gate_delegation" AS RESTRICTIVE FOR UPDATE
  USING (withdrawn_at IS NULL) WITH CHECK (withdrawn_at IS NOT NULL);
CREATE POLICY by_oneself ON "gate_message" AS RESTRICTIVE FOR INSERT WITH CHECK (
  user_id = nullif(current_setting('app.user', true), ''));
CREATE POLICY begins_unclaimed ON "gate" AS RESTRICTIVE FOR INSERT WITH CHECK (
  claimed_by IS NULL AND claimed_at IS NULL AND escalated_at IS NULL);
CREATE TRIGGER only_people BEFORE INSERT ON "gate_delegation" FOR EACH ROW EXECUTE FUNCTION refuse_service('to_user_id');
CREATE TRIGGER only_people BEFORE INSERT ON "gate_message" FOR EACH ROW EXECUTE FUNCTION refuse_service('user_id');

-- The words a column may be.
ALTER TABLE "gate" ADD CONSTRAINT "gate_need_known" CHECK (need IN ('any', 'all'));
ALTER TABLE "gate" ADD CONSTRAINT "gate_quorum_of_several" CHECK (quorum IS NULL OR (quorum >= 2 AND need = 'any'));
ALTER TABLE "gate" ADD CONSTRAINT "gate_overdue_with_due" CHECK (if_overdue IS NULL OR due_at IS NOT NULL);
ALTER TABLE "gate" ADD CONSTRAINT "gate_claim_whole" CHECK ((claimed_by IS NULL) = (claimed_at IS NULL));
ALTER TABLE "gate_message" ADD CONSTRAINT "gate_message_kind_known" CHECK (
  (kind = 'question' AND to_user_id IS NOT NULL AND answers IS NULL) OR (kind = 'answer' AND answers IS NOT NULL));
ALTER TABLE "notification" DROP CONSTRAINT "notification_kind_known";
ALTER TABLE "notification" ADD CONSTRAINT "notification_kind_known" CHECK (kind IN (
  'shared', 'assigned', 'suggested', 'decided', 'stale',
  'gate-opened', 'reminder', 'overdue', 'escalated', 'delegated', 'question', 'answer'));

-- Does what the document says of a gate that is overdue, under the lock that decisions take, so that of a decision and the due
-- date the first to commit counts; by the clock of the database. This is the worker's only way to a verdict, and the only
-- verdict there is this way is `overdue`: `in_output` names the artifact with its content, which is looked at.
-- Answers not-open, not-due, overdue (nothing is said to be done), escalated, asked (escalated before) or decided.
CREATE FUNCTION close_overdue(in_gate text, in_output text, in_view text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_tenant text := nullif(current_setting('app.tenant', true), '');
  it public.gate%ROWTYPE;
  what text;
  moment timestamptz;
BEGIN
  SELECT * INTO it FROM public.gate g WHERE g.tenant_id = in_tenant AND g.id = in_gate FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no gate % in this tenant', in_gate USING ERRCODE = 'no_data_found';
  END IF;
  moment := date_trunc('milliseconds', clock_timestamp());
  IF it.status <> 'open' OR EXISTS (
    SELECT FROM public.run r WHERE r.tenant_id = in_tenant AND r.id = it.run_id AND r.ended_at IS NOT NULL) THEN
    RETURN 'not-open';
  END IF;
  IF it.due_at IS NULL OR it.due_at > moment THEN
    RETURN 'not-due';
  END IF;
  what := it.if_overdue::jsonb ->> 'do';
  IF what IS NULL THEN
    RETURN 'overdue';
  END IF;
  IF what = 'ask' THEN
    IF it.escalated_at IS NOT NULL THEN
      RETURN 'asked';
    END IF;
    UPDATE public.gate SET escalated_at = moment, claimed_by = NULL, claimed_at = NULL
      WHERE tenant_id = in_tenant AND id = in_gate;
    RETURN 'escalated';
  END IF;
  IF NOT EXISTS (SELECT FROM public.artifact a WHERE a.tenant_id = in_tenant AND a.digest = in_output
    AND a.content = '{"action":"overdue","by":"","comment":""}') THEN
    RAISE EXCEPTION 'the verdict of gate % that nobody decided can only be overdue', in_gate USING ERRCODE = 'check_violation';
  END IF;
  UPDATE public.gate SET status = 'decided', verdict = 'overdue', output_digest = in_output, view = in_view, decided_at = moment
    WHERE tenant_id = in_tenant AND id = in_gate;
  RETURN 'decided';
END
$$;
REVOKE ALL ON FUNCTION close_overdue(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_overdue(text, text, text) TO worker_user;

-- Who wrote something that the gate shows: decided or filled in what led to it, gave the run's input, or wrote to a section
-- as it is shown, however much of it was written over since.
CREATE FUNCTION gate_contributors(in_gate text) RETURNS TABLE (user_id text)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  WITH asked AS (
    SELECT g.tenant_id, g.root_run_id, g.sources::jsonb AS sources FROM public.gate g
      WHERE g.tenant_id = nullif(current_setting('app.tenant', true), '') AND g.id = in_gate
  )
  SELECT unnest(array_remove(ARRAY[d.user_id, d.for_user_id], NULL))
    FROM asked a
    JOIN public.gate s ON s.tenant_id = a.tenant_id AND s.root_run_id = a.root_run_id AND a.sources @> to_jsonb(s.output_digest)
    JOIN public.decision d ON d.tenant_id = s.tenant_id AND d.gate_id = s.id AND d.action = s.verdict
  UNION
  SELECT r.requester_id
    FROM asked a
    JOIN public.run r ON r.tenant_id = a.tenant_id AND r.root_run_id = a.root_run_id AND a.sources @> to_jsonb(r.input_digest)
  UNION
  SELECT w.user_id
    FROM asked a
    JOIN public.proposal p ON p.tenant_id = a.tenant_id AND p.run_id = a.root_run_id
    JOIN public.section_version v ON v.tenant_id = p.tenant_id AND v.proposal_id = p.id AND a.sources @> to_jsonb(v.digest)
    JOIN public.section_version w ON w.tenant_id = v.tenant_id AND w.proposal_id = v.proposal_id AND w.section = v.section
      AND w.version <= v.version AND w.source IN ('person', 'suggestion')
$$;
REVOKE ALL ON FUNCTION gate_contributors(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate_contributors(text) TO api_user;

-- Does `not by` bind this person?
CREATE FUNCTION is_barred(in_gate public.gate, in_user text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT (in_gate.not_by::jsonb @> '"requester"'::jsonb AND EXISTS (
      SELECT FROM public.run r WHERE r.tenant_id = in_gate.tenant_id AND r.id = in_gate.run_id AND r.requester_id = in_user))
    OR (in_gate.not_by::jsonb @> '"contributors"'::jsonb AND EXISTS (
      SELECT FROM public.gate_contributors(in_gate.id) c WHERE c.user_id = in_user))
$$;

-- Is the vote this person's to give, by the roles they hold now and by what `not by` says?
CREATE FUNCTION holds_vote(in_gate public.gate, in_user text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
      SELECT FROM public.user_account u
        WHERE u.tenant_id = in_gate.tenant_id AND u.id = in_user AND u.active AND u.kind = 'person')
    AND (
      in_gate.approver_people::jsonb @> to_jsonb(in_user)
      OR (in_gate.escalated_at IS NOT NULL AND in_gate.if_overdue::jsonb #> '{approvers,people}' @> to_jsonb(in_user))
      OR EXISTS (
        SELECT FROM public.membership m
          WHERE m.tenant_id = in_gate.tenant_id AND m.user_id = in_user
            AND (in_gate.approver_roles::jsonb @> to_jsonb(m.role)
              OR (in_gate.escalated_at IS NOT NULL AND in_gate.if_overdue::jsonb #> '{approvers,roles}' @> to_jsonb(m.role)))))
    AND NOT public.is_barred(in_gate, in_user)
$$;

-- Their own vote, or one that was delegated to them. The API looks at the same again when they decide, and says why not.
CREATE FUNCTION may_vote(in_gate public.gate, in_user text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT public.holds_vote(in_gate, in_user)
    OR (NOT public.is_barred(in_gate, in_user) AND EXISTS (
      SELECT FROM public.gate_delegation d
        JOIN public.membership m ON m.tenant_id = d.tenant_id AND m.user_id = d.to_user_id
        JOIN public.user_account u ON u.tenant_id = d.tenant_id AND u.id = d.to_user_id AND u.active
        WHERE d.tenant_id = in_gate.tenant_id AND d.gate_id = in_gate.id AND d.to_user_id = in_user AND d.withdrawn_at IS NULL
          AND public.holds_vote(in_gate, d.from_user_id)))
$$;
REVOKE ALL ON FUNCTION holds_vote(public.gate, text), is_barred(public.gate, text), may_vote(public.gate, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION holds_vote(public.gate, text), is_barred(public.gate, text), may_vote(public.gate, text) TO api_user;

-- Is the gate one for this person to do something about? Not once they voted, or somebody did for them.
CREATE FUNCTION waits_for(in_gate public.gate, in_user text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT public.may_vote(in_gate, in_user) AND NOT EXISTS (
    SELECT FROM public.decision d
      WHERE d.tenant_id = in_gate.tenant_id AND d.gate_id = in_gate.id AND (d.user_id = in_user OR d.for_user_id = in_user))
$$;
REVOKE ALL ON FUNCTION waits_for(public.gate, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION waits_for(public.gate, text) TO api_user;
