-- CreateTable
CREATE TABLE "connection" (
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "tool" TEXT NOT NULL,
    "sealed" TEXT NOT NULL,
    "made_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "connection_pkey" PRIMARY KEY ("tenant_id","user_id","tool")
);

-- AddForeignKey
ALTER TABLE "connection" ADD CONSTRAINT "connection_tenant_id_user_id_fkey" FOREIGN KEY ("tenant_id", "user_id") REFERENCES "user_account"("tenant_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what the schema language cannot say.

ALTER TABLE "connection" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "connection" FORCE ROW LEVEL SECURITY;
CREATE POLICY same_tenant ON "connection"
  USING (tenant_id = nullif(current_setting('app.tenant', true), ''))
  WITH CHECK (tenant_id = nullif(current_setting('app.tenant', true), ''));
-- A credential is seen, made and changed in the name of the person whose it is, and in no other.
CREATE POLICY its_owner_alone ON "connection" AS RESTRICTIVE
  USING (user_id = nullif(current_setting('app.user', true), ''))
  WITH CHECK (user_id = nullif(current_setting('app.user', true), ''));

-- The API puts it in and cannot read it; the worker reads it and cannot put one in.
GRANT SELECT (tenant_id, user_id, tool, made_at), INSERT, UPDATE (sealed, made_at) ON "connection" TO api_user;
GRANT SELECT ON "connection" TO worker_user;
