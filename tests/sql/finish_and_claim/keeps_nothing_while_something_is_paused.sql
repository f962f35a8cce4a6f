begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_template('other', '{"a": []}');
select pg_temp.a_task('chain') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.pause_task(:'task', 'wait');
select format('select name from tasker.finish_and_claim(''test'', ''w1'', %L, %L)', :'token',
  jsonb_build_array(jsonb_build_object('step_uuid', pg_temp.step(:'task', 'a')))) as call \gset
select is_empty(:'call', 'a paused task does not go on');
select is(pg_temp.step_state(pg_temp.step(:'task', 'b')), 'enqueued', 'its next step waits');
select from tasker.resume_task(:'task', 'go on');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select is((select name from tasker.claim_steps('test', 'w1')), 'b', 'until it is resumed');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
