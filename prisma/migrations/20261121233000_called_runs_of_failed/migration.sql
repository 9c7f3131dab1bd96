-- What a run that was aborted, or whose workflow was terminated, had called is cancelled, too.
CREATE OR REPLACE FUNCTION cancel_called(in_run text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH ordered AS (
    INSERT INTO public.command (tenant_id, id, run_id, kind, user_id, comment, created_at)
      SELECT r.tenant_id, gen_random_uuid()::text, r.id, 'cancel', c.requester_id, '', date_trunc('milliseconds', clock_timestamp())
        FROM public.run r
        JOIN public.run c ON c.tenant_id = r.tenant_id AND c.id = r.caller_run_id AND c.status IN ('cancelled', 'failed')
        WHERE r.tenant_id = nullif(current_setting('app.tenant', true), '') AND r.caller_run_id = in_run AND r.ended_at IS NULL
      RETURNING tenant_id, id, run_id
  )
  INSERT INTO public.outbox (tenant_id, id, run_id, workflow_id, kind, payload, next_at)
    SELECT o.tenant_id, gen_random_uuid()::text, o.run_id, r.workflow_id, 'ring', json_build_object('command', o.id)::text, clock_timestamp()
      FROM ordered o JOIN public.run r ON r.tenant_id = o.tenant_id AND r.id = o.run_id
$$;
GRANT EXECUTE ON FUNCTION cancel_called(text) TO api_user;
