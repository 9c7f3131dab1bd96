-- CreateTable
CREATE TABLE "proposal" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "graph_hash" TEXT,
    "run_id" TEXT,
    "definition" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'open',
    "started_by" TEXT NOT NULL,
    "assignee_id" TEXT,
    "assignee_role" TEXT,
    "assignee_epoch" INTEGER NOT NULL DEFAULT 0,
    "lock_version" INTEGER NOT NULL DEFAULT 0,
    "seq" INTEGER NOT NULL DEFAULT 0,
    "head_hash" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "proposal_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "section" (
    "tenant_id" TEXT NOT NULL,
    "proposal_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "digest" TEXT,
    "lock_version" INTEGER NOT NULL DEFAULT 0,
    "owner_role" TEXT,
    "owner_id" TEXT,

    CONSTRAINT "section_pkey" PRIMARY KEY ("tenant_id","proposal_id","name")
);

-- CreateTable
CREATE TABLE "section_version" (
    "tenant_id" TEXT NOT NULL,
    "proposal_id" TEXT NOT NULL,
    "section" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "base_digest" TEXT,
    "user_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "source_id" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "section_version_pkey" PRIMARY KEY ("tenant_id","proposal_id","section","version")
);

-- CreateTable
CREATE TABLE "proposal_event" (
    "tenant_id" TEXT NOT NULL,
    "proposal_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "source_key" TEXT NOT NULL,
    "section" TEXT,
    "body" TEXT NOT NULL,
    "prev_hash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "proposal_event_pkey" PRIMARY KEY ("tenant_id","proposal_id","seq")
);

-- CreateTable
CREATE TABLE "collaborator" (
    "tenant_id" TEXT NOT NULL,
    "proposal_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "added_by" TEXT NOT NULL,
    "added_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "collaborator_pkey" PRIMARY KEY ("tenant_id","proposal_id","user_id")
);

-- CreateTable
CREATE TABLE "transcript_grant" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "proposal_id" TEXT NOT NULL,
    "owner_id" TEXT NOT NULL,
    "grantee_id" TEXT NOT NULL,
    "granted_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "transcript_grant_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "suggestion" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "proposal_id" TEXT NOT NULL,
    "author_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "section" TEXT,
    "base_digest" TEXT,
    "body_digest" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'open',
    "made_at" TIMESTAMPTZ(3) NOT NULL,
    "decided_by" TEXT,
    "decided_at" TIMESTAMPTZ(3),
    "note" TEXT,
    "applied_digest" TEXT,

    CONSTRAINT "suggestion_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "notification" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "proposal_id" TEXT,
    "address" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "source_key" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "read_at" TIMESTAMPTZ(3),

    CONSTRAINT "notification_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateIndex
CREATE INDEX "proposal_tenant_id_created_at_id_idx" ON "proposal"("tenant_id", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "proposal_tenant_id_run_id_key" ON "proposal"("tenant_id", "run_id");

-- CreateIndex
CREATE UNIQUE INDEX "proposal_event_tenant_id_proposal_id_source_key_key" ON "proposal_event"("tenant_id", "proposal_id", "source_key");

-- CreateIndex
CREATE INDEX "collaborator_tenant_id_user_id_idx" ON "collaborator"("tenant_id", "user_id");

-- CreateIndex
CREATE INDEX "transcript_grant_tenant_id_proposal_id_grantee_id_idx" ON "transcript_grant"("tenant_id", "proposal_id", "grantee_id");

-- CreateIndex
CREATE INDEX "suggestion_tenant_id_proposal_id_made_at_id_idx" ON "suggestion"("tenant_id", "proposal_id", "made_at", "id");

-- CreateIndex
CREATE INDEX "notification_tenant_id_user_id_created_at_id_idx" ON "notification"("tenant_id", "user_id", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "notification_tenant_id_user_id_source_key_key" ON "notification"("tenant_id", "user_id", "source_key");

-- AddForeignKey
ALTER TABLE "proposal" ADD CONSTRAINT "proposal_tenant_id_graph_hash_fkey" FOREIGN KEY ("tenant_id", "graph_hash") REFERENCES "graph_version"("tenant_id", "hash") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "proposal" ADD CONSTRAINT "proposal_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "run"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "proposal" ADD CONSTRAINT "proposal_tenant_id_started_by_fkey" FOREIGN KEY ("tenant_id", "started_by") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "proposal" ADD CONSTRAINT "proposal_tenant_id_assignee_id_fkey" FOREIGN KEY ("tenant_id", "assignee_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "section" ADD CONSTRAINT "section_tenant_id_proposal_id_fkey" FOREIGN KEY ("tenant_id", "proposal_id") REFERENCES "proposal"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "section" ADD CONSTRAINT "section_tenant_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "owner_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "section_version" ADD CONSTRAINT "section_version_tenant_id_proposal_id_section_fkey" FOREIGN KEY ("tenant_id", "proposal_id", "section") REFERENCES "section"("tenant_id", "proposal_id", "name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "section_version" ADD CONSTRAINT "section_version_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "proposal_event" ADD CONSTRAINT "proposal_event_tenant_id_proposal_id_fkey" FOREIGN KEY ("tenant_id", "proposal_id") REFERENCES "proposal"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "collaborator" ADD CONSTRAINT "collaborator_tenant_id_proposal_id_fkey" FOREIGN KEY ("tenant_id", "proposal_id") REFERENCES "proposal"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "collaborator" ADD CONSTRAINT "collaborator_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "collaborator" ADD CONSTRAINT "collaborator_tenant_id_added_by_fkey" FOREIGN KEY ("tenant_id", "added_by") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transcript_grant" ADD CONSTRAINT "transcript_grant_tenant_id_proposal_id_fkey" FOREIGN KEY ("tenant_id", "proposal_id") REFERENCES "proposal"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transcript_grant" ADD CONSTRAINT "transcript_grant_tenant_id_owner_id_fkey" FOREIGN KEY ("tenant_id", "owner_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transcript_grant" ADD CONSTRAINT "transcript_grant_tenant_id_grantee_id_fkey" FOREIGN KEY ("tenant_id", "grantee_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "suggestion" ADD CONSTRAINT "suggestion_tenant_id_proposal_id_fkey" FOREIGN KEY ("tenant_id", "proposal_id") REFERENCES "proposal"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "suggestion" ADD CONSTRAINT "suggestion_tenant_id_author_id_fkey" FOREIGN KEY ("tenant_id", "author_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "suggestion" ADD CONSTRAINT "suggestion_tenant_id_decided_by_fkey" FOREIGN KEY ("tenant_id", "decided_by") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notification" ADD CONSTRAINT "notification_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notification" ADD CONSTRAINT "notification_tenant_id_proposal_id_fkey" FOREIGN KEY ("tenant_id", "proposal_id") REFERENCES "proposal"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what the schema language cannot say.

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY[
    'proposal', 'section', 'section_version', 'proposal_event', 'collaborator', 'transcript_grant', 'suggestion', 'notification'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
      $policy$CREATE POLICY same_tenant ON %I
        USING (tenant_id = nullif(current_setting('app.tenant', true), ''))
        WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), ''))$policy$, tenant_table);
  END LOOP;
END
$$;

-- What each role may do. The worker writes for runs and for agents in sessions; deciding a suggestion and granting a
-- transcript are people's deeds, for which it has no right.
GRANT SELECT ON "proposal", "section", "section_version", "proposal_event", "collaborator", "transcript_grant", "suggestion"
  TO api_user, worker_user;
GRANT SELECT ON "notification" TO api_user;
GRANT INSERT ON "proposal", "section", "section_version", "collaborator", "suggestion", "notification" TO api_user, worker_user;
GRANT INSERT ON "transcript_grant" TO api_user;
GRANT UPDATE (title, status, assignee_id, assignee_role, assignee_epoch, lock_version) ON "proposal" TO api_user;
GRANT UPDATE (assignee_id, assignee_role, assignee_epoch, lock_version) ON "proposal" TO worker_user;
GRANT UPDATE (digest, lock_version, owner_role, owner_id) ON "section" TO api_user;
GRANT UPDATE (digest, lock_version) ON "section" TO worker_user;
GRANT UPDATE (mode, added_by, added_at, revoked_at) ON "collaborator" TO api_user, worker_user;
GRANT UPDATE (revoked_at) ON "transcript_grant" TO api_user;
GRANT UPDATE (status, decided_by, decided_at, note, applied_digest) ON "suggestion" TO api_user;
GRANT UPDATE (status) ON "suggestion" TO worker_user;
GRANT UPDATE (read_at) ON "notification" TO api_user;

-- Rows begin at their beginning. A transcript is granted by the person whose it is and by nobody else, whatever the role;
-- a grant that was taken back stays so.
CREATE POLICY begins_empty ON "proposal" AS RESTRICTIVE FOR INSERT WITH CHECK (seq = 0 AND head_hash = '');
CREATE POLICY begins_open ON "suggestion" AS RESTRICTIVE FOR INSERT WITH CHECK (
  status IN ('open', 'stale') AND decided_by IS NULL AND decided_at IS NULL AND applied_digest IS NULL);
CREATE POLICY granted_by_its_owner ON "transcript_grant" AS RESTRICTIVE FOR INSERT WITH CHECK (
  owner_id = nullif(current_setting('app.user', true), '') AND revoked_at IS NULL);
CREATE POLICY taken_back_once ON "transcript_grant" AS RESTRICTIVE FOR UPDATE
  USING (revoked_at IS NULL) WITH CHECK (revoked_at IS NOT NULL);

-- The words a column may be.
ALTER TABLE "proposal" ADD CONSTRAINT "proposal_status_known" CHECK (status IN ('open', 'closed'));
ALTER TABLE "proposal" ADD CONSTRAINT "proposal_has_somebody" CHECK (num_nonnulls(assignee_id, assignee_role) = 1);
ALTER TABLE "section" ADD CONSTRAINT "section_owner_single" CHECK (num_nonnulls(owner_role, owner_id) <= 1);
ALTER TABLE "section" ADD CONSTRAINT "section_digest_versioned" CHECK ((digest IS NULL) = (lock_version = 0));
ALTER TABLE "section_version" ADD CONSTRAINT "section_version_source_known" CHECK (
  source IN ('person', 'step', 'suggestion', 'result', 'default', 'computed'));
ALTER TABLE "collaborator" ADD CONSTRAINT "collaborator_mode_known" CHECK (mode IN ('handoff', 'reviewer'));
ALTER TABLE "suggestion" ADD CONSTRAINT "suggestion_kind_known" CHECK (
  kind = 'comment' OR (kind IN ('replace', 'patch') AND section IS NOT NULL AND (kind = 'patch') = (section = '')));
ALTER TABLE "suggestion" ADD CONSTRAINT "suggestion_status_known" CHECK (
  status IN ('open', 'accepted', 'rejected', 'withdrawn', 'stale'));
ALTER TABLE "suggestion" ADD CONSTRAINT "suggestion_decided_by_somebody" CHECK (
  (status IN ('accepted', 'rejected', 'withdrawn')) = (decided_by IS NOT NULL AND decided_at IS NOT NULL));
ALTER TABLE "notification" ADD CONSTRAINT "notification_kind_known" CHECK (
  kind IN ('shared', 'assigned', 'suggested', 'decided', 'stale'));

-- Content changes with its version and with nothing else, one version at a time.
CREATE FUNCTION check_section_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.lock_version <> OLD.lock_version + (CASE WHEN NEW.digest IS DISTINCT FROM OLD.digest THEN 1 ELSE 0 END) THEN
    RAISE EXCEPTION 'section % goes from version % to the next with new content, not to %', NEW.name, OLD.lock_version, NEW.lock_version
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER section_change BEFORE UPDATE ON "section" FOR EACH ROW EXECUTE FUNCTION check_section_change();

-- Another assignee is another epoch; neither it nor the version ever falls.
CREATE FUNCTION check_proposal_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.lock_version < OLD.lock_version OR NEW.assignee_epoch < OLD.assignee_epoch THEN
    RAISE EXCEPTION 'version and assignee epoch of proposal % never fall', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.assignee_id, NEW.assignee_role) IS DISTINCT FROM (OLD.assignee_id, OLD.assignee_role)
    AND NEW.assignee_epoch <= OLD.assignee_epoch THEN
    RAISE EXCEPTION 'another assignee of proposal % needs another epoch', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER proposal_change BEFORE UPDATE ON "proposal" FOR EACH ROW EXECUTE FUNCTION check_proposal_change();

-- A suggestion is decided once. A stale one can still be turned down, taken back, or accepted as somebody edited it.
CREATE FUNCTION check_suggestion_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.status <> OLD.status AND (OLD.status || ' ' || NEW.status) NOT IN (
    'open accepted', 'open rejected', 'open withdrawn', 'open stale', 'stale accepted', 'stale rejected', 'stale withdrawn'
  ) THEN
    RAISE EXCEPTION 'suggestion % cannot go from % to %', NEW.id, OLD.status, NEW.status USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.status = OLD.status AND (NEW.decided_by, NEW.decided_at, NEW.note, NEW.applied_digest)
    IS DISTINCT FROM (OLD.decided_by, OLD.decided_at, OLD.note, OLD.applied_digest) THEN
    RAISE EXCEPTION 'suggestion % is decided once', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER suggestion_transition BEFORE UPDATE ON "suggestion" FOR EACH ROW EXECUTE FUNCTION check_suggestion_transition();

-- The history. Even the owner cannot change it.
CREATE FUNCTION refuse_history_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the history of a proposal is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "proposal_event"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "section_version"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- As append_run_event does for a run, and hashed like it: a proposal stands in the run's place, a section in the node's.
CREATE FUNCTION append_proposal_event(in_proposal text, in_type text, in_source_key text, in_section text, in_body text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_tenant text := nullif(current_setting('app.tenant', true), '');
  known integer;
  previous text;
  next_seq integer;
  next_hash text;
  moment timestamptz;
BEGIN
  SELECT p.seq + 1, p.head_hash INTO next_seq, previous
    FROM public.proposal p WHERE p.tenant_id = in_tenant AND p.id = in_proposal FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no proposal % in this tenant to append an event to', in_proposal USING ERRCODE = 'no_data_found';
  END IF;
  SELECT e.seq INTO known
    FROM public.proposal_event e WHERE e.tenant_id = in_tenant AND e.proposal_id = in_proposal AND e.source_key = in_source_key;
  IF FOUND THEN
    RETURN known;
  END IF;
  moment := date_trunc('milliseconds', clock_timestamp());
  next_hash := encode(sha256(convert_to(
    public.hashed_field(previous) || public.hashed_field(in_tenant) || public.hashed_field(in_proposal)
    || public.hashed_field(next_seq::text) || public.hashed_field(in_type) || public.hashed_field(in_source_key)
    || public.hashed_field(in_section) || public.hashed_field(in_body)
    || public.hashed_field(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), 'UTF8')), 'hex');
  INSERT INTO public.proposal_event (tenant_id, proposal_id, seq, type, source_key, section, body, prev_hash, hash, at)
    VALUES (in_tenant, in_proposal, next_seq, in_type, in_source_key, in_section, in_body, previous, next_hash, moment);
  UPDATE public.proposal SET seq = next_seq, head_hash = next_hash WHERE tenant_id = in_tenant AND id = in_proposal;
  RETURN next_seq;
END
$$;
REVOKE ALL ON FUNCTION append_proposal_event(text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_proposal_event(text, text, text, text, text) TO api_user, worker_user;
