begin;
\ir ../fixtures.psql
select plan(5);
select pg_temp.a_template('soon', '{"a": [], "b": ["a"]}');
-- One task that took 30 minutes for each step.
select pg_temp.a_task('soon') as past \gset
select pg_temp.a_claim(p_lease => '1 hour') as token \gset
select pg_temp.later('30 minutes');
select from tasker.complete_step(pg_temp.step(:'past', 'a'), :'token');
select pg_temp.a_claim(p_lease => '1 hour') as token \gset
select pg_temp.later('30 minutes');
select from tasker.complete_step(pg_temp.step(:'past', 'b'), :'token');
select pg_temp.a_task('soon', p_options => '{"deadline": "PT50M"}') as task \gset
select format('select reason, blocks from tasker.explain_task(%L) where code = ''deadline''',
  :'task') as explain \gset
select results_eq(:'explain',
  $$ values ('it must be done in 50 min; the usual rest takes 60 min', false) $$, 'what is left');
select results_eq($$ select code, problem from tasker.problems where code like 'deadline%' $$,
  $$ values ('deadline_near', 'it must be done in 50 min; the usual rest takes 60 min') $$,
  'less than it takes');
select from tasker.set_deadline(:'task', '2030-01-01 02:10Z', 'x');
select is_empty($$ select from tasker.problems where code like 'deadline%' $$, 'enough');
select pg_temp.a_claim(p_lease => '1 day') as token \gset
select pg_temp.later('75 minutes');
select results_eq($$ select code, problem from tasker.problems where code like 'deadline%' $$,
  $$ values ('deadline_missed',
  'it was to be done 5 min ago, and still has steps that are open') $$,
  'nobody sweeps');
select is((select explained.reason from tasker.explain_task(:'task') as explained
            where explained.code = 'deadline'),
  'it was to be done 5 min ago; the usual rest takes 30 min', 'it is late');
select * from finish();
rollback;
