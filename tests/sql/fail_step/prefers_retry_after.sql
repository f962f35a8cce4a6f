begin;
\ir ../fixtures.psql
select plan(13);
select pg_temp.a_template('t', '{"a": []}',
  '{"backoff": "linear", "backoff_base_ms": 7000, "max_backoff_ms": 8000, "jitter": true}');
-- How long a new task's step waits after a failure with that retry_after.
create function pg_temp.wait (p_retry_after interval) returns interval language plpgsql as $$
declare
  v_step record;
  v_due  timestamptz;
begin
  perform pg_temp.a_task('t');
  select step_uuid, token into v_step from tasker.claim_steps('test', 'w1', 1);
  select next_retry_at into v_due
  from tasker.fail_step(v_step.step_uuid, v_step.token, '"boom"', true, p_retry_after);
  return justify_interval(v_due - tasker._now());
end $$;

select is(pg_temp.wait(wanted.retry_after), wanted.wait, coalesce(wanted.retry_after::text, 'null'))
  from (values (interval '42 seconds', interval '42 seconds'), ('1 microsecond', '1 microsecond'),
    ('0', '0'), ('-1 second', '0'), ('-100 years', '0'),
               ('30 days', '30 days'), ('30 days 1 second', '30 days'),
               ('178000000 years', '30 days'), ('1 month -1 day', '29 days'))
               as wanted (retry_after, wait);
select cmp_ok(pg_temp.wait(null), '<=', interval '7 seconds', 'null leaves it to the backoff');

-- Endless intervals exist from version 17 on; before, nobody can ask for one.
select case when current_setting('server_version_num')::integer >= 170000
 then results_eq($$ select pg_temp.wait('infinity') $$, '{30 days}'::interval[], 'endless')
            else throws_ok($$ select interval 'infinity' $$, '22007', null,
              'endless is not an interval') end;
select case when current_setting('server_version_num')::integer >= 170000
 then results_eq($$ select pg_temp.wait('-infinity') $$, '{0}'::interval[], 'less than all')
            else throws_ok($$ select interval '-infinity' $$, '22007', null,
              'less than all is none either') end;
select is((select count(*) from tasker.timers where not isfinite(due_at)), 0::bigint,
  'all of them will come');

select * from finish();
rollback;
