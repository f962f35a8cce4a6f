create or replace procedure tasker.work (
  p_namespace text,
  p_for       interval default '55 seconds',
  p_worker    text     default null,
  p_lease     interval default '30 seconds'
)
  language plpgsql
as $$
-- Works on steps whose handlers are SQL functions, without any process of ours: driven by psql or
-- pg_cron. Each step is claimed in one transaction, and run and completed in another, so that a
-- handler's writes and its completion stand or fall together. Sweeps once a second.
--
-- It commits, so it can have no settings of its own: handlers have the search_path of the session.
--
-- Raises   22023 for a bad time, lease or worker; TK002 for an unknown namespace; 2D000 inside of a
--          transaction
-- Calls    sweep, claim_steps, _run_sql_step
declare
  v_for    constant interval := coalesce(p_for, '55 seconds');
  v_lease  constant interval := coalesce(p_lease, '30 seconds');
  v_worker constant text := coalesce(p_worker, 'work ' || pg_catalog.pg_backend_pid());
  v_path   constant text := pg_catalog.current_setting('search_path');
  v_ends   timestamptz;
  v_swept  timestamptz := timestamptz '-infinity';
  v_step   record;
begin
  perform tasker._check_lease(v_for);
  v_ends := tasker._now() + v_for;
  loop
    if tasker._now() > v_swept + interval '1 second' then
      perform from tasker.sweep();
      v_swept := tasker._now();
      commit;
    end if;
    select claimed.step_uuid, claimed.token, claimed.handler, claimed.context,
           claimed.dependency_results, claimed.timeout_seconds
      into v_step
      from tasker.claim_steps(
             p_namespace => p_namespace,
             p_worker    => v_worker,
             p_lease     => v_lease,
             p_handlers  => '{sql:*}') as claimed;
    commit;  -- the attempt counts from here
    if v_step.step_uuid is not null then
      perform tasker._run_sql_step(
                v_step.step_uuid, v_step.token, v_worker, v_step.handler, v_step.context,
                v_step.dependency_results, v_step.timeout_seconds, v_path);
      commit;
    end if;
    exit when tasker._now() >= v_ends;
    if v_step.step_uuid is null then
      perform pg_catalog.pg_sleep(0.2);
      commit;
    end if;
  end loop;
end;
$$;

comment on procedure tasker.work is
'Works for p_for (up to lease_seconds) on the steps of a namespace whose handlers are SQL functions, and sweeps: call tasker.work(''shop''), from a loop in psql or a job of pg_cron. It ends after p_for, with the step that it runs. Several calls are several workers. Handlers run one after the other with the caller''s rights and search_path, each in a transaction that also completes its step; one that raises fails its attempt (SQLSTATEs TK100, 42883, 42501: for good). Nothing beats while a handler runs, so p_lease must be longer than the longest handler. A time-out ends the whole session, on PostgreSQL 17 and later, and its step fails when the lease is over; on 15 and 16, or without one, a handler that hangs is ended with pg_cancel_backend of the pid in the worker''s name. statement_timeout counts for the whole call. Call it outside of a transaction block (2D000). Raises 22023 (bad argument), TK002 (unknown namespace).';
