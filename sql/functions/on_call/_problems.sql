create or replace function tasker._problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '200ms'
as $$
-- What is wrong now, of every kind. A lock on a table hides the kinds that read it: a row names
-- them, and blocked_by names whose lock it is, without a look at that table.
--
-- Returns  problems
-- Locks    nothing; waits for each kind no longer than 200 ms
-- Calls    _blocked_problems, _server_problems, _queue_problems, _handler_problems,
--          _unswept_problems, _work_problems, _wait_problems, _failure_problems,
--          _deadline_problems, _schedule_problems, _pause_problems, _runner_problems,
--          _reported_problems, _database_problems
#variable_conflict use_column
declare
  v_kinds constant text[] := array[
    'locks', 'the server', 'queues', 'handlers', 'what a sweep should do', 'open work', 'waits',
    'failures', 'deadlines', 'schedules', 'pauses', 'runners', 'what runners report', 'vacuum'];
  v_hidden text[] := array[]::text[];
begin
  for kind in 1 .. cardinality(v_kinds) loop
    begin
      case v_kinds[kind]
        when 'locks' then return query select * from tasker._blocked_problems();
        when 'the server' then return query select * from tasker._server_problems();
        when 'queues' then return query select * from tasker._queue_problems();
        when 'handlers' then return query select * from tasker._handler_problems();
        when 'what a sweep should do' then
          return query select * from tasker._unswept_problems();
        when 'open work' then return query select * from tasker._work_problems();
        when 'waits' then return query select * from tasker._wait_problems();
        when 'failures' then return query select * from tasker._failure_problems();
        when 'schedules' then return query select * from tasker._schedule_problems();
        when 'deadlines' then return query select * from tasker._deadline_problems();
        when 'pauses' then return query select * from tasker._pause_problems();
        when 'runners' then return query select * from tasker._runner_problems();
        when 'what runners report' then
          return query select * from tasker._reported_problems();
        when 'vacuum' then return query select * from tasker._database_problems();
      end case;
    exception when lock_not_available then
      v_hidden := v_hidden || v_kinds[kind];
    end;
  end loop;
  return query
  select 'warning', 'answer_incomplete', 'problems', tasker._now(),
         format('a lock on a table hides problems with %s; ask again, blocked_by names its holder '
                'after 2 s', array_to_string(v_hidden, ', ')),
         'select * from tasker.problems', cardinality(v_hidden)::bigint
   where v_hidden <> '{}';
end;
$$;

comment on function tasker._problems is 'What is wrong now, of every kind, and which kinds a lock hides.';
