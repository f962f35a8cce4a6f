begin;
\ir ../fixtures.psql
select plan(17);
create function pg_temp.a_failure () returns uuid language plpgsql as $$
declare
  v_task uuid := pg_temp.a_task('one');
  v_token uuid := pg_temp.a_claim();
begin
  perform tasker.fail_step(pg_temp.step(v_task, 'a'), v_token, '"no"');
  return pg_temp.step(v_task, 'a');
end
$$;
select pg_temp.a_template('one', '{"a": []}', '{"max_attempts": 1}');
select pg_temp.a_failure() as one \gset
select pg_temp.a_failure() as two \gset
select pg_temp.a_failure() as three \gset
select plan_uuid as plan from tasker.plan_repair('retry_step', p_sample => 1) \gset
prepare apply as select applied, refused, remaining,
  last_refusal from tasker.apply_repair(:'plan', 'the bank is back', 2);

select from tasker.resolve_step(:'one', 'by hand');
select results_eq('apply', $$ values (1, 0, 1, null::text) $$,
  'two are looked at; of one somebody has taken care');
select is(pg_temp.step_state(:'one'), 'resolved_manually', 'that stays');
select is(pg_temp.step_state(:'two'), 'enqueued', 'the other runs again');
select results_eq('select verb, subject, reason from tasker.operator_history order by action_id '
  'desc limit 2',
  format($$ values ('apply_repair', %L, 'the bank is back'),
    ('retry_step', %L, 'the bank is back') $$, :'plan', :'two'), 'who and why');
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(:'two', :'token', '"no"');
select results_eq('apply', $$ values (1, 0, 0, null::text) $$, 'the last');
select is(pg_temp.step_state(:'two'), 'error', 'what failed again is not tried for ever');
select is(pg_temp.step_state(:'three'), 'enqueued', 'the last runs again');
select results_eq('apply', $$ values (0, 0, 0, null::text) $$, 'nothing is left');

select pg_temp.a_claim() as token \gset
select plan_uuid as plan from tasker.plan_repair('resolve_step', p_sample => 1) \gset
select from tasker.fail_step(:'three', :'token', '"no"');
deallocate apply;
prepare apply as select applied, refused, remaining,
  last_refusal from tasker.apply_repair(:'plan', 'why not');
select is(pg_temp.refusal(format('select * from tasker.apply_repair(%L, ''why'')', :'plan')),
  'TK003: 1 that were not planned match now', 'one more');
select is(pg_temp.step_state(:'two'), 'error', 'nothing was done');
select plan_uuid as plan from tasker.plan_repair('resolve_task', '{"state": "error"}', 1) \gset
select results_eq(format('select applied, refused, remaining from tasker.apply_repair(%L, ''all of '
  'them'')', :'plan'), $$ values (2, 0, 0) $$, 'whole tasks');
select is_empty('select * from tasker.dead_letters', 'none is left');
select is_empty('select * from tasker.check_invariants()', 'and all is well');

select pg_temp.a_task('one') as open \gset
select plan_uuid as plan from tasker.plan_repair('pause_task') \gset
select results_eq(format('select applied from tasker.apply_repair(%L, ''wait'')', :'plan'),
  $$ values (1) $$, 'paused');
select plan_uuid as plan from tasker.plan_repair('resume_task') \gset
select results_eq(format('select applied from tasker.apply_repair(%L, ''go'')', :'plan'),
  $$ values (1) $$, 'and resumed');
select alike(pg_temp.refusal(format('select * from tasker.apply_repair(%L, null)', :'plan')),
  '22023%', 'no reason');
select alike(pg_temp.refusal('select * from tasker.apply_repair(gen_random_uuid(), ''why'')'),
  'TK002%', 'no plan');

select * from finish();
rollback;
