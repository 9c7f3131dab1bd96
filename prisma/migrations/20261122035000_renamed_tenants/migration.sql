-- From here on by hand: what the schema language cannot say.

-- An admin renames their own tenant: same_tenant holds it against any other.
GRANT UPDATE (name) ON "tenant" TO api_user;
