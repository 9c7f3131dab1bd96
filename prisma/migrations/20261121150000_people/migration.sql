-- AlterTable
ALTER TABLE "tenant" ADD COLUMN "admin_head_hash" TEXT NOT NULL DEFAULT '',
ADD COLUMN "admin_seq" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "user_account" ADD COLUMN "kind" TEXT NOT NULL DEFAULT 'person';

-- AlterTable
ALTER TABLE "membership" DROP CONSTRAINT "membership_pkey",
ADD COLUMN "via" TEXT NOT NULL DEFAULT '',
ADD CONSTRAINT "membership_pkey" PRIMARY KEY ("tenant_id", "user_id", "role", "via");

-- CreateTable
CREATE TABLE "people_group" (
    "tenant_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "roles" TEXT[],

    CONSTRAINT "people_group_pkey" PRIMARY KEY ("tenant_id","name")
);

-- CreateTable
CREATE TABLE "group_member" (
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "group_name" TEXT NOT NULL,

    CONSTRAINT "group_member_pkey" PRIMARY KEY ("tenant_id","user_id","group_name")
);

-- CreateTable
CREATE TABLE "api_key" (
    "tenant_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "scopes" TEXT[],
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("tenant_id","id")
);

-- CreateTable
CREATE TABLE "admin_event" (
    "tenant_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "what" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "detail" TEXT NOT NULL,
    "prev_hash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "admin_event_pkey" PRIMARY KEY ("tenant_id","seq")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_key_id_key" ON "api_key"("id");

-- AddForeignKey
ALTER TABLE "people_group" ADD CONSTRAINT "people_group_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group_member" ADD CONSTRAINT "group_member_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group_member" ADD CONSTRAINT "group_member_tenant_id_group_name_fkey" FOREIGN KEY ("tenant_id", "group_name") REFERENCES "people_group"("tenant_id", "name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "admin_event" ADD CONSTRAINT "admin_event_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;



-- From here on by hand: what the schema language cannot say.

ALTER TABLE "user_account" ADD CONSTRAINT "user_account_kind_known" CHECK (kind IN ('person', 'service'));
-- 256 random bits are asked for where keys are made; what is kept is never shorter than their hash.
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_hash_is_sha256" CHECK (secret_hash ~ '^[0-9a-f]{64}$');

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['people_group', 'group_member', 'api_key', 'admin_event'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
      $policy$CREATE POLICY same_tenant ON %I
        USING (tenant_id = nullif(current_setting('app.tenant', true), ''))
        WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), ''))$policy$, tenant_table);
  END LOOP;
END
$$;

-- The worker reads people and their roles, as before, and touches none of it. Roles, groups and the log of their changes
-- are written by the functions below only.
GRANT SELECT ON "people_group", "group_member", "api_key", "admin_event" TO api_user;
GRANT INSERT ON "user_account", "api_key" TO api_user;
GRANT UPDATE (name, email, active) ON "user_account" TO api_user;
GRANT UPDATE (revoked_at) ON "api_key" TO api_user;

-- A key that was revoked stays so, and none is born used.
CREATE FUNCTION check_key_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
    RAISE EXCEPTION 'key % is revoked, and stays so', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER key_transition BEFORE UPDATE ON "api_key" FOR EACH ROW EXECUTE FUNCTION check_key_transition();

-- For tables that only people may write to: the trigger's argument names the column with the writer's id. Whoever is no
-- service is left to the foreign key.
CREATE FUNCTION refuse_service() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM public.user_account u
      WHERE u.tenant_id = NEW.tenant_id AND u.id = to_jsonb(NEW) ->> TG_ARGV[0] AND u.kind = 'service') THEN
    RAISE EXCEPTION 'a service cannot write to %', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER only_people BEFORE INSERT OR UPDATE ON "decision" FOR EACH ROW EXECUTE FUNCTION refuse_service('user_id');

-- The admin log. No role has a right to write it; the owner, who has, is refused by the trigger.
CREATE FUNCTION refuse_admin_log_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the admin log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "admin_event"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_admin_log_change();

-- Appends one event to the log of the transaction's tenant, in the name of its user, and returns its number. Holds the tenant's
-- row until commit: changes of people come one after the other, so that each sees what those before it left.
--
-- hash = lower-case hex of SHA-256 over the UTF-8 of the concatenated hashed_field of, in order: previous hash ('' at
-- first), tenant, number, actor, what, subject, detail, time as 2026-11-21T10:00:00.000Z. admin-log.ts recomputes it.
CREATE FUNCTION append_admin_event(in_what text, in_subject text, in_detail text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_tenant text := nullif(current_setting('app.tenant', true), '');
  in_actor text := nullif(current_setting('app.user', true), '');
  previous text;
  next_seq integer;
  next_hash text;
  moment timestamptz;
BEGIN
  IF in_actor IS NULL THEN
    RAISE EXCEPTION 'an admin event needs somebody who acts' USING ERRCODE = 'no_data_found';
  END IF;
  SELECT t.admin_seq + 1, t.admin_head_hash INTO next_seq, previous
    FROM public.tenant t WHERE t.id = in_tenant FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no tenant to append an admin event to' USING ERRCODE = 'no_data_found';
  END IF;
  moment := date_trunc('milliseconds', clock_timestamp());
  next_hash := encode(sha256(convert_to(
    public.hashed_field(previous) || public.hashed_field(in_tenant) || public.hashed_field(next_seq::text)
    || public.hashed_field(in_actor) || public.hashed_field(in_what) || public.hashed_field(in_subject)
    || public.hashed_field(in_detail)
    || public.hashed_field(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), 'UTF8')), 'hex');
  INSERT INTO public.admin_event (tenant_id, seq, at, actor, what, subject, detail, prev_hash, hash)
    VALUES (in_tenant, next_seq, moment, in_actor, in_what, in_subject, in_detail, previous, next_hash);
  UPDATE public.tenant SET admin_seq = next_seq, admin_head_hash = next_hash WHERE id = in_tenant;
  RETURN next_seq;
END
$$;

-- Makes a person's own roles and groups be exactly these, and their memberships what follows from both; null leaves one as it
-- is. Returns false when this tenant has no such person.
CREATE FUNCTION set_memberships(in_user text, in_roles text[], in_groups text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_tenant text := nullif(current_setting('app.tenant', true), '');
BEGIN
  PERFORM FROM public.user_account u WHERE u.tenant_id = in_tenant AND u.id = in_user AND u.kind = 'person' FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF in_roles IS NOT NULL THEN
    DELETE FROM public.membership m
      WHERE m.tenant_id = in_tenant AND m.user_id = in_user AND m.via = '' AND m.role <> ALL (in_roles);
    INSERT INTO public.membership (tenant_id, user_id, role)
      SELECT DISTINCT in_tenant, in_user, role FROM unnest(in_roles) role ON CONFLICT DO NOTHING;
  END IF;
  IF in_groups IS NOT NULL THEN
    DELETE FROM public.group_member g
      WHERE g.tenant_id = in_tenant AND g.user_id = in_user AND g.group_name <> ALL (in_groups);
    DELETE FROM public.membership m
      WHERE m.tenant_id = in_tenant AND m.user_id = in_user AND m.via <> '' AND m.via <> ALL (in_groups);
    INSERT INTO public.group_member (tenant_id, user_id, group_name)
      SELECT DISTINCT in_tenant, in_user, name FROM unnest(in_groups) name ON CONFLICT DO NOTHING;
    INSERT INTO public.membership (tenant_id, user_id, role, via)
      SELECT in_tenant, in_user, role, g.name FROM public.people_group g, unnest(g.roles) role
        WHERE g.tenant_id = in_tenant AND g.name = ANY (in_groups) ON CONFLICT DO NOTHING;
  END IF;
  RETURN true;
END
$$;

-- Makes the group if it is not there, and its roles be exactly these, for all its members at once.
CREATE FUNCTION set_group_roles(in_group text, in_roles text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_tenant text := nullif(current_setting('app.tenant', true), '');
BEGIN
  IF in_group = '' THEN
    RAISE EXCEPTION 'a group has a name' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO public.people_group (tenant_id, name, roles)
    VALUES (in_tenant, in_group, ARRAY(SELECT DISTINCT role FROM unnest(in_roles) role ORDER BY role))
    ON CONFLICT (tenant_id, name) DO UPDATE SET roles = excluded.roles;
  DELETE FROM public.membership m WHERE m.tenant_id = in_tenant AND m.via = in_group AND m.role <> ALL (in_roles);
  INSERT INTO public.membership (tenant_id, user_id, role, via)
    SELECT in_tenant, g.user_id, role, in_group FROM public.group_member g, unnest(in_roles) role
      WHERE g.tenant_id = in_tenant AND g.group_name = in_group ON CONFLICT DO NOTHING;
END
$$;

-- The person a token is about. No token speaks for a service.
CREATE OR REPLACE FUNCTION identify(in_issuer text, in_subject text)
RETURNS TABLE (tenant text, user_id text, name text, email text, active boolean, roles text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.tenant_id, u.id, u.name, u.email, u.active, ARRAY(
      SELECT DISTINCT m.role FROM public.membership m WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id ORDER BY m.role)
    FROM public.user_account u WHERE u.issuer = in_issuer AND u.subject = in_subject AND u.kind = 'person'
$$;

-- The service that a key is of, and what the key must be held against. A service has no roles.
CREATE POLICY before_tenant_read ON "api_key" FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY before_tenant_use ON "api_key" FOR UPDATE TO CURRENT_USER USING (true);
CREATE FUNCTION identify_key(in_id text)
RETURNS TABLE (tenant text, user_id text, name text, email text, active boolean, secret_hash text, scopes text[],
  expires_at timestamptz, revoked boolean, last_used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.tenant_id, u.id, u.name, u.email, u.active, k.secret_hash, k.scopes, k.expires_at, k.revoked_at IS NOT NULL, k.last_used_at
    FROM public.api_key k JOIN public.user_account u ON u.tenant_id = k.tenant_id AND u.id = k.user_id AND u.kind = 'service'
    WHERE k.id = in_id
$$;

CREATE FUNCTION note_key_use(in_id text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE public.api_key SET last_used_at = date_trunc('milliseconds', clock_timestamp())
    WHERE id = in_id AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
$$;

REVOKE ALL ON FUNCTION append_admin_event(text, text, text), set_memberships(text, text[], text[]),
  set_group_roles(text, text[]), identify_key(text), note_key_use(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_admin_event(text, text, text), set_memberships(text, text[], text[]),
  set_group_roles(text, text[]), identify_key(text), note_key_use(text) TO api_user;
