create or replace function tasker._recount (p_step_id bigint, p_below bigint[])
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts again how many parents steps of a gated template wait for, and their task for how many
-- sinks, as if p_step_id were open. What was deferred goes in the statement that counts: it is
-- counted with what it stands for, or not at all.
--
-- Locks    the task; the caller holds p_below
declare
  v_task_id constant bigint := tasker._task_of(p_step_id);
begin
  with gone as (
    delete from tasker.deferred_decrements as deferred where deferred.step_id = any (p_below))
  update tasker.steps as step
     set waiting_parents = (
           select count(*)
             from tasker.template_steps as link
            cross join unnest(link.parents) as parent_no
             join tasker.steps as parent
               on parent.step_id = tasker._id_of_task(v_task_id) + parent_no
            where link.template_id = step.template_id
              and link.step_no = tasker._step_no(step.step_id)
              and (parent.finished_at is null or parent.step_id = p_step_id))
   where step.step_id = any (p_below);
  delete from tasker.undecided as undecided where undecided.step_id = any (p_below);
  perform from tasker.tasks as task where task.task_id = v_task_id for no key update;
  with gone as (
    delete from tasker.deferred_decrements as deferred
     where deferred.step_id = tasker._id_of_task(v_task_id))
  update tasker.tasks as task
     set open_sinks = (
           select count(*)
             from tasker.template_steps as link
             join tasker.steps as sink
               on sink.step_id = tasker._id_of_task(v_task_id) + link.step_no
            where link.template_id = task.template_id
              and link.children = '{0}'
              and (sink.finished_at is null or sink.step_id = p_step_id))
   where task.task_id = v_task_id;
end;
$$;

comment on function tasker._recount is 'Counts again for how many parents steps wait, and their task for how many sinks.';
