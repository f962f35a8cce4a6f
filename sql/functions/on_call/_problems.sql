create or replace function tasker._problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '200ms'
as $$
-- What is wrong now, of every kind. A lock on a table hides the kinds that read it, and is itself a
-- problem, which is told without a look at that table.
--
-- Returns  problems
-- Locks    nothing; waits for each kind no longer than 200 ms
-- Calls    _blocked_problems, _queue_problems, _unswept_problems, _work_problems,
--          _failure_problems, _pause_problems, _runner_problems, _database_problems
#variable_conflict use_column
begin
  for kind in 1 .. 8 loop
    begin
      case kind
        when 1 then return query select * from tasker._blocked_problems();
        when 2 then return query select * from tasker._queue_problems();
        when 3 then return query select * from tasker._unswept_problems();
        when 4 then return query select * from tasker._work_problems();
        when 5 then return query select * from tasker._failure_problems();
        when 6 then return query select * from tasker._pause_problems();
        when 7 then return query select * from tasker._runner_problems();
        when 8 then return query select * from tasker._database_problems();
      end case;
    exception when lock_not_available then null;  -- blocked_by says whose lock it is
    end;
  end loop;
end;
$$;

comment on function tasker._problems is 'What is wrong now, of every kind that no lock hides.';
