begin;
\ir ../fixtures.psql
select plan(5);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
set local client_min_messages = error;
select pg_temp.a_template('single', '{"only": []}');
select pg_temp.a_task('single') from generate_series(1, 2);
select pg_temp.a_claim(1, 'w1', '1 second') as first \gset
select pg_temp.a_claim(1, 'w2', '2 seconds') as second \gset
-- Somebody broke the rows of the first by hand: an attempt past all bounds, and no such template.
update tasker.steps set attempt = 32767, template_id = 42 where claim_token = :'first';
insert into tasker.submissions (token, worker, step_ids, failures, submitted_at)
select gen_random_uuid(), 'w1', array[1], '{"no": "array"}', tasker._now();

select pg_temp.later('1 minute');
select lives_ok('select * from tasker.sweep()', 'the sweep goes on');
select is((select count(*) from tasker.claims where token = :'second'), 0::bigint,
  'and takes back what can be taken back');
select is(pg_temp.swept('queues_recreated'), 0, 'it lives');
select is((select count(*) from tasker.submissions), 1::bigint,
  'a broken submission stays for somebody to look at');
select is((select count(*) from tasker.claim_steps('test', 'w3', 9)), 1::bigint,
  'the other step is claimed again');

select * from finish();
rollback;
