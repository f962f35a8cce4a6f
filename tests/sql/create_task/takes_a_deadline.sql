begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_template('plain', '{"only": []}');
select pg_temp.a_template('soon', '{"only": []}', p_more => '{"deadline": "P1D"}');
create function pg_temp.due (p_name text, p_options jsonb default '{}') returns text
 language plpgsql as $$
declare
  v_task constant uuid := pg_temp.a_task(p_name, p_options => p_options);
begin
  return (
    select format('%s %s', own.deadline - tasker._now(), alarm.due_at - own.deadline)
      from tasker.get_task(v_task) as own
      left join tasker.alarms as alarm on alarm.step_id = tasker._step_id(v_task)
                                      and alarm.kind = 'deadline');
end
$$;
select is(trim(pg_temp.due('plain')), '', 'none');
select is(pg_temp.due('soon'), '1 day 00:00:00', 'that of its template');
select is(pg_temp.due('soon', '{"deadline": null}'), '1 day 00:00:00', 'null is none given');
select is(pg_temp.due('plain', '{"deadline": "PT2H"}'), '02:00:00 00:00:00', 'a duration');
select is(pg_temp.due('soon', '{"deadline": "30 minutes"}'), '00:30:00 00:00:00', 'in its place');
select is(pg_temp.due('plain', '{"deadline": "2030-01-01T03:00:00Z"}'), '03:00:00 00:00:00',
  'a time');
select is(pg_temp.due('soon', '{"run_at": "2030-01-01T06:00:00Z"}'), '1 day 06:00:00 00:00:00',
  'a duration counts from when it begins');
select is(pg_temp.refusal(format('select pg_temp.a_task(''plain'', p_options => %L)',
  jsonb_build_object('deadline', value))) like '22023: deadline is %',
  true, 'no deadline: ' || value)
  from unnest('{PT0S,-PT1H,P11Y,soon,2030-02-30T00:00:00Z,2030-01-01}'::text[]) as value;
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
