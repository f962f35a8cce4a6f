create or replace function tasker._sweep_messages (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Looks through open tasks in turns (ten times p_limit a call) for steps that should be in a queue
-- and are not. One sweeper at a time; paused tasks are left alone until they are resumed.
--
-- Returns  how many messages were sent anew
-- Locks    the cursor (skipped when another sweeper has it), steps
-- Calls    _restore_messages
declare
  v_cursor bigint;
  v_tasks  bigint[];
begin
  select sweep.position into v_cursor
    from tasker.sweep_cursors as sweep
   where sweep.action = 'lost_messages'
     for update skip locked;
  if not found then
    return 0;
  end if;
  v_tasks := array(
    select open.task_id from tasker.open_tasks as open
     where open.task_id > v_cursor
     order by open.task_id limit p_limit * 10);
  if v_cursor > 0 or cardinality(v_tasks) = p_limit * 10 then
    update tasker.sweep_cursors as sweep
       set position = case when cardinality(v_tasks) = p_limit * 10
                             then v_tasks[cardinality(v_tasks)]
                           else 0 end
     where sweep.action = 'lost_messages';
  end if;
  return tasker._restore_messages(
    array(select task.task_id
            from tasker.tasks as task
            join tasker.task_templates as template on template.template_id = task.template_id
           where task.task_id = any (v_tasks)
             and task.paused_at is null
             and template.paused_at is null),
    p_now - interval '5 seconds', p_now);
end;
$$;

comment on function tasker._sweep_messages is 'Looks through open tasks in turns for enqueued steps without a message. Returns how many were sent anew.';
