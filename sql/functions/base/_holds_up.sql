create or replace function tasker._holds_up (p_state tasker.step_state, p_features jsonb)
  returns boolean
  language sql
  immutable
begin atomic
-- Does a parent in this state make a step wait? In a gated template (p_features) while it is open,
-- in others until it is done.
--
-- Calls    _satisfies
select case when p_features ? 'run_on'
            then p_state in ('pending', 'enqueued', 'in_progress', 'waiting_for_retry',
                              'waiting')
            else not tasker._satisfies(p_state) end;
end;

comment on function tasker._holds_up is 'Whether a parent in this state makes a step wait.';
