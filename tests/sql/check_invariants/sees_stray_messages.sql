begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(11);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
create function pg_temp.message (p_queue text, p_step_id bigint) returns text language sql as $$
select format('insert into pgmq.q_%s (enqueued_at, vt, message) values (tasker._now(), '
  'tasker._now(), ''{"step_id": %s}'')', p_queue, p_step_id)
$$;

select is_empty('select * from tasker.check_invariants()', 'one step is enqueued');
select pg_temp.sees(pg_temp.message('test_queue', tasker._step_id(:'a')),
  'safety: a step has at most one message');
select pg_temp.sees(pg_temp.message('test_queue_low', tasker._step_id(:'a')),
  'safety: a message lies in its step''s own queue', 'safety: a step has at most one message');
select pg_temp.sees(pg_temp.message('test_queue', tasker._step_id(:'a') + 1),
  'safety: a message points to an enqueued step');
select pg_temp.sees(pg_temp.message('test_queue', 7),
  'safety: a message points to an enqueued step');
select pg_temp.sees('insert into pgmq.q_test_queue (vt, message) values (tasker._now(), '
  '''{"step_id": "?"}''), (tasker._now(), null)', variadic '{}');

-- A lost message, found only when a sweep has had its chance, and only when somebody could take the
-- step.
select pg_temp.sees('delete from pgmq.q_test_queue', variadic '{}');
select pg_temp.later('61 seconds');
select pg_temp.sees('delete from pgmq.q_test_queue',
  'convergence: an enqueued step has a message or is parked');
select pg_temp.sees(format('delete from pgmq.q_test_queue; select tasker.pause_task(%L, ''wait'')',
  :'task'), variadic '{}');

select pg_temp.run_all();
select pg_temp.sees(pg_temp.message('test_queue', tasker._step_id(:'a')),
  'safety: a message points to an enqueued step');

-- A pointer to a cancelled step stays until a claim comes upon it.
select pg_temp.a_task('pair') as cancelled \gset
select from tasker.cancel_task(:'cancelled', 'enough');
select is_empty('select * from tasker.check_invariants()', 'the pointer lies there');

select * from finish();
rollback;
