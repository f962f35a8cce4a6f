create or replace function tasker._waiting_for (p_step_ids bigint[])
  returns bigint[]
  language sql
  stable
begin atomic
-- Who waits for these steps: their children, and the task of a sink (step_no 0).
--
-- Returns  each once for every step that it waits for
select coalesce(array_agg(own.step_id - link.step_no + child_no), '{}')
  from unnest(p_step_ids) as own (step_id)
 cross join lateral (
       select step.template_id from tasker.steps as step where step.step_id = own.step_id
        limit 1) as step
 cross join lateral (
       select link.step_no, link.children from tasker.template_steps as link
        where link.template_id = step.template_id
          and link.step_no = tasker._step_no(own.step_id) limit 1) as link
 cross join unnest(link.children) as child_no;
end;

comment on function tasker._waiting_for is 'Who waits for these steps: their children, and the task of a sink.';
