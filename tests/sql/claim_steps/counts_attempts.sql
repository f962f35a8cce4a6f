begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('t', '{"a": []}', '{"max_attempts": 3, "backoff": "none"}');
select pg_temp.a_task('t') as task \gset

create temp view next as select step_uuid, attempt, max_attempts,
  token from tasker.claim_steps('test', 'w1');
select step_uuid as a, attempt, max_attempts, token from next \gset
select is(:attempt, 1, 'from one');
select is(:max_attempts, 3, 'of three');
select tasker.fail_step(:'a', :'token', '"boom"');
select from tasker.sweep();
select attempt, token from next \gset
select is(:attempt, 2, 'a failed one counts');
select tasker.release_claim(:'token');
select attempt, token as lost from next \gset
select is(:attempt, 2, 'one given back does not');
select pg_temp.later('31 seconds');
select from tasker.sweep();
select attempt, token from next \gset
select is(:attempt, 3, 'a lost one does');
select isnt(:'token'::text, :'lost', 'each has a token of its own');
select pg_temp.later('31 seconds');
select from tasker.sweep();
select is_empty('select from next', 'and there is no fourth');

select * from finish();
rollback;
