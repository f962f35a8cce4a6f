begin;
\ir ../fixtures.psql
select plan(12);
create function pg_temp.record (p_ids bigint[], p_changes tasker.transition[]) returns text
 language sql as $$
select pg_temp.refusal(format('select tasker._record(%L, %L, ''w1'', ''why'', tasker._now())',
  p_ids, p_changes))
$$;

select is(pg_temp.record('{1,2,3,4,5}',
  '{step pending -> enqueued,step pending -> enqueued,task created,step pending -> enqueued,step '
  'pending -> enqueued}'), null, 'legal ones are written');
select results_eq('select ids, changes::text[], counts, actor, reason, session_role, application '
  'from tasker.transitions',
  $$ values ('{1,2,3,4,5}'::bigint[],
    '{step pending -> enqueued,task created,step pending -> enqueued}'::text[],
    '{2,1,2}'::integer[], 'w1', 'why',
             session_user::text collate "default", current_setting('application_name')) $$,
             'in one row, runs packed, with who and why');
select results_eq('select id, change::text from tasker._changes order by id',
  $$ values (1::bigint, 'step pending -> enqueued'), (2, 'step pending -> enqueued'),
    (3, 'task created'), (4, 'step pending -> enqueued'), (5, 'step pending -> enqueued') $$,
    'which reads as it was');
select is(pg_temp.record('{6,7}', '{task created,step pending -> enqueued}'), null,
  'different ones');
select is((select counts from tasker.transitions order by transition_id desc limit 1), null,
  'need no counts');

-- The state chart is data: without its row a change is illegal.
delete from tasker.legal_transitions
 where transition in ('step pending -> enqueued', 'task created');
select is(pg_temp.record('{8}', '{step pending -> enqueued}'), 'TK003: step pending -> enqueued',
  'a change that is not in the chart is refused');
select is(pg_temp.record('{8,9,10}',
  '{step error -> enqueued,step pending -> enqueued,task created}'),
  'TK003: step pending -> enqueued, task created', 'also among legal ones');
select isnt(pg_temp.record('{8}', array[null]::tasker.transition[]), null, 'so is null');
select is((select count(*) from tasker.transitions), 2::bigint, 'nothing of it is written');
select pg_temp.a_task();
select pg_temp.a_claim() as token \gset
delete from tasker.legal_transitions where transition = 'step in_progress -> enqueued';
select throws_ok(format('select from tasker.release_claim(%L)', :'token'), 'TK003', null,
  'and what would have made it is undone');
select is((select state::text from tasker.steps), 'in_progress', 'wholly');
select is(pg_temp.record('{}', '{}'), null, 'no change is fine');

select * from finish();
rollback;
