-- Of a run of the transaction's tenant that has ended: no step is under way any more. For the API, which closes runs whose
-- workflow is gone and has no other right on steps.
CREATE FUNCTION end_steps(in_run text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE public.step_execution s SET status = 'skipped', ended_at = date_trunc('milliseconds', clock_timestamp())
    FROM public.run r
    WHERE r.tenant_id = nullif(current_setting('app.tenant', true), '') AND r.id = in_run AND r.ended_at IS NOT NULL
      AND s.tenant_id = r.tenant_id AND s.run_id = r.id AND s.status IN ('pending', 'running')
$$;
REVOKE ALL ON FUNCTION end_steps(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_steps(text) TO api_user;
