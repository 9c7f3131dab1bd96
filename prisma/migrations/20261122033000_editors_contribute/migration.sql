-- Who resumed the run, a run whose work it goes on with, or one that called it, with another input than it had: what its input
-- is now is theirs as well, however often it was edited since. The log of the run that was resumed says who it was.
CREATE FUNCTION input_editors(in_run text) RETURNS TABLE (user_id text)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  WITH RECURSIVE behind AS (
    SELECT r.tenant_id, r.id, r.input_digest, r.resumes_run_id, r.caller_run_id FROM public.run r
      WHERE r.tenant_id = nullif(current_setting('app.tenant', true), '') AND r.id = in_run
    UNION
    SELECT r.tenant_id, r.id, r.input_digest, r.resumes_run_id, r.caller_run_id
      FROM behind b
      JOIN public.run r ON r.tenant_id = b.tenant_id AND r.id = ANY(ARRAY[b.resumes_run_id, b.caller_run_id])
  )
  SELECT e.body::jsonb ->> 'user'
    FROM behind b
    JOIN public.run r ON r.tenant_id = b.tenant_id AND r.id = b.resumes_run_id AND r.input_digest <> b.input_digest
    JOIN public.run_event e ON e.tenant_id = r.tenant_id AND e.run_id = r.id AND e.source_key = 'run.resumed'
$$;
REVOKE ALL ON FUNCTION input_editors(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION input_editors(text) TO api_user;

-- Besides those whom gate_contributors knew before: who resumed with another input, where that is shown, and who gave a step
-- other values than it read, where what it made of them is shown.
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
  SELECT unnest(ARRAY[r.requester_id] || ARRAY(SELECT i.user_id FROM public.input_editors(r.id) i))
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
  SELECT c.user_id
    FROM asked a
    JOIN public.step_execution e ON e.tenant_id = a.tenant_id AND e.root_run_id = a.root_run_id
      AND a.sources @> to_jsonb(e.output_digest)
    CROSS JOIN LATERAL jsonb_each(e.edited::jsonb) v
    JOIN public.command c ON c.tenant_id = e.tenant_id AND c.id = v.value ->> 'order'
  UNION
  SELECT w.user_id
    FROM asked a
    JOIN public.proposal p ON p.tenant_id = a.tenant_id AND p.run_id = a.root_run_id
    JOIN public.section_version v ON v.tenant_id = p.tenant_id AND v.proposal_id = p.id AND a.sources @> to_jsonb(v.digest)
    JOIN public.section_version w ON w.tenant_id = v.tenant_id AND w.proposal_id = v.proposal_id AND w.section = v.section
      AND w.version <= v.version AND w.source IN ('person', 'suggestion')
$$;

-- `requester` binds who started the run, and so who started it over another input by a resume.
CREATE OR REPLACE FUNCTION is_barred(in_gate public.gate, in_user text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT (in_gate.not_by::jsonb @> '"requester"'::jsonb AND EXISTS (
      SELECT FROM public.run r WHERE r.tenant_id = in_gate.tenant_id AND r.id = in_gate.run_id
        AND (r.requester_id = in_user
          OR (num_nonnulls(r.resumes_run_id, r.caller_run_id) > 0
            AND EXISTS (SELECT FROM public.input_editors(r.id) i WHERE i.user_id = in_user)))))
    OR (in_gate.not_by::jsonb @> '"contributors"'::jsonb AND EXISTS (
      SELECT FROM public.gate_contributors(in_gate.id) c WHERE c.user_id = in_user))
$$;
