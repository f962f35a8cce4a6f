create or replace function tasker._failed_ancestor (p_step_id bigint)
  returns bigint
  language sql
  stable
begin atomic
-- The failed step because of which a step will not run: the last one, if there are several.
--
-- Returns  its step_id
-- Calls    _parents
with recursive above as (
  select p_step_id as step_id, 'upstream_failed'::tasker.step_state as state
  union
  select parent.step_id, parent.state
    from above
   cross join tasker._parents(above.step_id) as parent
   where above.state = 'upstream_failed'
     and parent.outcome = 'failed'
)
select max(above.step_id) from above where above.state = 'error';
end;

comment on function tasker._failed_ancestor is 'The failed step because of which a step will not run.';
