begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('one', '{"only": []}', '{"backoff": "none"}');
select pg_temp.a_task('one') from generate_series(1, 45);
create function pg_temp.swept (p_action text, p_limit integer) returns integer language sql as $$
select affected from tasker.sweep(p_limit) where action = p_action
$$;
select pg_temp.a_claim(1, 'w' || i, i * interval '1 second') from generate_series(3, 1, -1) as i;

select pg_temp.later('1 minute');
select is(pg_temp.swept('claims_taken_back', 1), 1, 'one claim');
select is((select string_agg(worker, ', ' order by worker) from tasker.claims), 'w2, w3',
  'that with the oldest lease first');
select is(pg_temp.swept('claims_taken_back', 1), 1, 'then the next');
select is(pg_temp.swept('claims_taken_back', 1), 1, 'and the next');

-- Lost messages are looked for in ten tasks for each of the limit, in turns.
select pg_temp.a_claim(1000, 'w4', '1 hour') as token \gset
select from tasker.release_claim(:'token');
select pgmq.purge_queue('test_queue');
select pg_temp.later('1 minute');
select is(pg_temp.swept('messages_restored', 2), 15,
  'the calls above have looked through thirty tasks, fifteen are left');
select is(pg_temp.swept('messages_restored', 2), 20, 'then it begins again, with twenty');
select is(pg_temp.swept('messages_restored', 2), 10,
  'of the next twenty, ten were restored before');
select is(pg_temp.swept('messages_restored', 2), 0, 'and so on');
select is(pg_temp.run_all(), 45, 'all runs');

select * from finish();
rollback;
