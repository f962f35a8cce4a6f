begin;
\ir ../fixtures.psql
select plan(9);
\ir ../every_state.psql
select is(pg_temp.refusal(format('select from tasker.complete_step_manually(%L, ''7'', ''by '
  'hand'')', pg_temp.step(:'task', name))), null, name)
  from unnest(array['b', 'c', 'd', 'f']) as name;
select is(pg_temp.states(),
  'a complete, b complete, c complete, d complete, e enqueued, f complete',
  'in progress, waiting, enqueued, in error: all are settled, and their child is enqueued');
select is((select result from tasker.steps
  where step_id = tasker._step_id(pg_temp.step(:'task', 'b'))), '7', 'with the result given');
select is((select count(*) from tasker.step_transitions where task_uuid = :'task'
  and to_state = 'complete' and reason = 'by hand'),
  4::bigint, 'history knows why');
select is((select count(*) from tasker.operator_actions where verb = 'complete_step_manually'
  and reason = 'by hand'), 4::bigint, 'and who');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
