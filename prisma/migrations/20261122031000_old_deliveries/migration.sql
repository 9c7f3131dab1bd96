-- CreateIndex
CREATE INDEX "webhook_delivery_state_last_at_idx" ON "webhook_delivery"("state", "last_at");


-- From here on by hand: what the schema language cannot say.

-- Removes deliveries that were settled more than in_days ago, at most in_limit of them, of any tenant; gives how many. Their
-- notifications stay. One that an admin has sent again at the same moment is either pending, and stays, or is gone already.
CREATE POLICY before_tenant_forget ON "webhook_delivery" FOR DELETE TO CURRENT_USER USING (state <> 'pending');
CREATE FUNCTION forget_deliveries(in_days integer, in_limit integer) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH forgotten AS (
    DELETE FROM public.webhook_delivery d
      USING (
        SELECT s.tenant_id, s.id FROM public.webhook_delivery s
          WHERE s.state IN ('delivered', 'dead') AND s.last_at < clock_timestamp() - in_days * interval '1 day'
          LIMIT in_limit
          FOR UPDATE SKIP LOCKED
      ) chosen
      WHERE d.tenant_id = chosen.tenant_id AND d.id = chosen.id
      RETURNING d.id
  )
  SELECT count(*)::integer FROM forgotten
$$;
REVOKE ALL ON FUNCTION forget_deliveries(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_deliveries(integer, integer) TO api_user;
