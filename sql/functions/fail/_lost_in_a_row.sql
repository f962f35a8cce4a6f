create or replace function tasker._lost_in_a_row (p_step_id bigint)
  returns integer
  language sql
  stable
begin atomic
-- How many attempts before this one were lost, and counted, since one failed or the step was
-- retried.
select least((select count(*)
                from tasker.step_failures as failure
               where failure.step_id = p_step_id
                 and failure.error ->> 'type' = 'LeaseExpired'
                 and failure.failure_id > coalesce((
                       select max(reported.failure_id) from tasker.step_failures as reported
                        where reported.step_id = p_step_id and not reported.lost), 0)),
             (select step.attempt - 1 from tasker.steps as step
               where step.step_id = p_step_id))::integer;
end;

comment on function tasker._lost_in_a_row is 'How many attempts before this one were lost, and counted, since one failed.';
