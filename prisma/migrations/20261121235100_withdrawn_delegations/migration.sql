-- Is the gate one for this person to do something about? Not once they voted, or somebody did for them by a delegation that
-- still stands: what was cast under one that was withdrawn counts no more, and whose vote it is has it to give again.
CREATE OR REPLACE FUNCTION waits_for(in_gate public.gate, in_user text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT public.may_vote(in_gate, in_user) AND NOT EXISTS (
    SELECT FROM public.decision d
      WHERE d.tenant_id = in_gate.tenant_id AND d.gate_id = in_gate.id AND (d.user_id = in_user OR d.for_user_id = in_user)
        AND (d.for_user_id IS NULL OR d.for_user_id = d.user_id OR EXISTS (
          SELECT FROM public.gate_delegation g
            WHERE g.tenant_id = d.tenant_id AND g.gate_id = d.gate_id AND g.from_user_id = d.for_user_id
              AND g.to_user_id = d.user_id AND g.withdrawn_at IS NULL)))
$$;
