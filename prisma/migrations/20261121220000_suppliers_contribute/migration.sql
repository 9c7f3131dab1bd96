-- Who supplied an output for a step wrote it: besides those whom gate_contributors knew before.
CREATE OR REPLACE FUNCTION gate_contributors(in_gate text) RETURNS TABLE (user_id text)
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
  SELECT c.user_id
    FROM asked a
    JOIN public.step_execution e ON e.tenant_id = a.tenant_id AND e.root_run_id = a.root_run_id
      AND a.sources @> to_jsonb(e.output_digest)
    JOIN public.run r ON r.tenant_id = a.tenant_id AND r.root_run_id = a.root_run_id
    JOIN public.command c ON c.tenant_id = r.tenant_id AND c.run_id = r.id AND c.kind = 'supply'
      AND c.node = e.node AND c.path = e.path
  UNION
  SELECT w.user_id
    FROM asked a
    JOIN public.proposal p ON p.tenant_id = a.tenant_id AND p.run_id = a.root_run_id
    JOIN public.section_version v ON v.tenant_id = p.tenant_id AND v.proposal_id = p.id AND a.sources @> to_jsonb(v.digest)
    JOIN public.section_version w ON w.tenant_id = v.tenant_id AND w.proposal_id = v.proposal_id AND w.section = v.section
      AND w.version <= v.version AND w.source IN ('person', 'suggestion')
$$;
