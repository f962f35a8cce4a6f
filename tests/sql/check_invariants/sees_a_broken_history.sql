begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(9);

select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
select pg_temp.a_claim() as token \gset
select pg_temp.later('1 second');
select from tasker.complete_step(:'step', :'token');
select is_empty('select * from tasker.check_invariants()', 'a task has run');

select pg_temp.sees('delete from tasker.transitions where transition_id = (select '
  'max(transition_id) from tasker.transitions)',
  'safety: the state is where history ends', 'safety: the state is where history ends');
select pg_temp.sees('delete from tasker.transitions where transition_id = (select '
  'min(transition_id) from tasker.transitions)',
  'safety: history is an unbroken chain', 'safety: history is an unbroken chain');
select pg_temp.sees('delete from tasker.transitions where transition_id = (select '
  'min(transition_id) + 1 from tasker.transitions)',
  'safety: history is an unbroken chain', 'safety: history is an unbroken chain');
select pg_temp.sees('delete from tasker.transitions',
  'safety: the state is where history ends', 'safety: the state is where history ends');
select pg_temp.sees('update tasker.transitions set ids = ids[1:1], changes = changes[1:1], counts '
  '= null where ''step in_progress -> complete'' = any (changes)
                        and changes[1] = ''step in_progress -> complete''',
  'safety: the state is where history ends');
select pg_temp.sees('delete from tasker.legal_transitions where transition = ''step enqueued -> '
  'in_progress''',
  'safety: history is an unbroken chain', 'safety: only legal transitions');
select pg_temp.sees('update tasker.steps set claim_token = null',
  'safety: a step is finished by the token that claimed it, or by hand');

-- A second completion does not follow from complete.
select pg_temp.sees(format('insert into tasker.transitions (at, actor, session_role, application, '
  'ids, changes)
  values (tasker._now(), ''x'', ''x'', ''x'', ''{%s}'', ''{step in_progress -> complete}'')',
  tasker._step_id(:'step')),
  'safety: history is an unbroken chain');

select * from finish();
rollback;
