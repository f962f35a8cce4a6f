create or replace function tasker._parent_states (p_step_id bigint)
  returns jsonb
  language sql
  stable
begin atomic
-- How the parents of a step of a gated template stand, for its handler.
--
-- Calls    _parents, _last_error
select coalesce(jsonb_object_agg(parent.name, jsonb_build_object(
         'state', parent.state,
         'outcome', parent.outcome,
         'error', case when parent.state in ('error', 'skipped')
                       then tasker._last_error(parent.step_id) end,
         'attempts', parent.attempt)), '{}')
  from tasker._parents(p_step_id) as parent;
end;

comment on function tasker._parent_states is 'How the parents of a step of a gated template stand, for its handler.';
