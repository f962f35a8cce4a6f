begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(15);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.a_claim() as token \gset

select pg_temp.sees('select', variadic '{}');
select pg_temp.sees('update tasker.steps set attempt = 4 where step_id & 1048575 = 1',
  'safety: attempts stay within their limit');
select pg_temp.sees('update tasker.steps set attempt = 0 where step_id & 1048575 = 1',
  'safety: a running step has an attempt, a token and a start');
select pg_temp.sees('update tasker.steps set claim_token = gen_random_uuid() where step_id & '
  '1048575 = 2', 'safety: a step that never ran has no token');
select pg_temp.sees('update tasker.steps set finished_at = tasker._now() where step_id & 1048575 = '
  '2', 'safety: a step has an end when it has ended');
select pg_temp.sees('update tasker.steps set started_at = ''infinity'' where step_id & 1048575 = 1',
  'safety: the times of a step are finite');
select pg_temp.sees('update tasker.tasks set started_at = ''infinity''',
  'safety: the times of a task are finite');
select pg_temp.sees('update tasker.tasks set started_at = null',
  'safety: a task that has begun has a start');
select pg_temp.sees('delete from tasker.open_tasks',
  'safety: a task is listed as open while it is');
select pg_temp.sees('delete from tasker.template_steps where name = ''a''',
  'safety: a step belongs to a step of its template',
  'safety: a step waits for exactly its open parents');
select from tasker.checkpoint_step(pg_temp.step(:'task', 'a'), :'token', '1');
select pg_temp.sees('update tasker.steps set has_checkpoint = false',
  'safety: a checkpoint is of a step that may go on from it');
select pg_temp.sees('update tasker.steps set finished_at = tasker._now() where step_id & 1048575 = '
  '1', 'safety: a checkpoint is of a step that may go on from it',
  'safety: a step has an end when it has ended');
select pg_temp.sees('update tasker.checkpoints set step_id = 7 << 20 | 1',
  'safety: a checkpoint is of a step that may go on from it');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select pg_temp.sees('update tasker.steps set enqueued_at = null where step_id & 1048575 = 2',
  'safety: an enqueued step knows since when');
select pg_temp.sees('delete from tasker.steps where step_id & 1048575 = 1',
  'safety: a task has all its steps');

select * from finish();
rollback;
