begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('single', '{"only": []}');

-- Nothing is there; then something is, before the clock has moved on.
select is_empty('select * from tasker.claim_steps(''test'', ''w'')', 'nothing is there');
select pg_temp.a_task('single', p_options => '{"priority": "high"}');
select isnt(pg_temp.a_claim(), null, 'a high one is found in the same moment');
select pg_temp.a_task('single', p_options => '{"priority": "low"}');
select isnt(pg_temp.a_claim(), null, 'and a low one');
select is_empty('select * from tasker.claim_steps(''test'', ''w'')', 'and nothing more');

select * from finish();
rollback;
