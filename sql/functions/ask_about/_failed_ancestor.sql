create or replace function tasker._failed_ancestor (p_step_id bigint)
  returns bigint
  language sql
  stable
begin atomic
-- The failed step because of which a step will not run: the last one, if there are several.
--
-- Returns  its step_id
with recursive above as (
  select p_step_id as step_id, 'upstream_failed'::tasker.step_state as state
  union
  select parent.step_id, parent.state
    from above
    join tasker.steps as step on step.step_id = above.step_id
                             and above.state = 'upstream_failed'
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = step.step_id & 1048575
   cross join unnest(link.parents) as parent_no
    join tasker.steps as parent on parent.step_id = (p_step_id >> 20 << 20) + parent_no
                               and parent.state in ('error', 'upstream_failed')
)
select max(above.step_id) from above where above.state = 'error';
end;

comment on function tasker._failed_ancestor is 'The failed step because of which a step will not run.';
