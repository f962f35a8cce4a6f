begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_template('t', '{"a": [], "x": [], "b": ["a", "x"]}');
-- The setting while children are counted that somebody is at, and after the call.
create temp table patience (given text, counting text, afterwards text);
create function pg_temp.note () returns trigger language plpgsql as $$
begin
  update pg_temp.patience set counting = current_setting('lock_timeout') where counting is null;
  return null;
end $$;
create trigger note after update of waiting_parents on tasker.steps
 for each row execute function pg_temp.note();
create function pg_temp.complete_with (p_patience text) returns void language plpgsql as $$
begin
  perform pg_temp.a_task('t');
  insert into patience (given) values (p_patience);
  perform set_config('lock_timeout', p_patience, true);
  perform from tasker.steps where waiting_parents = 2 for update;  -- this leaves its mark for good
  perform tasker.complete_step(step_uuid, token) from tasker.claim_steps('test', 'w1')
  where name = 'a';
  update patience set afterwards = current_setting('lock_timeout') where afterwards is null;
  perform tasker.complete_step(step_uuid, token) from tasker.claim_steps('test', 'w1');
  perform tasker.complete_step(step_uuid, token) from tasker.claim_steps('test', 'w1');
end $$;

select pg_temp.complete_with(given) from unnest(array['0', '1ms', '500ms', '501ms', '42s'])
 as given;
select results_eq('select given, counting from patience',
  $$ values ('0', '500ms'), ('1ms', '1ms'), ('500ms', '500ms'), ('501ms', '500ms'),
    ('42s', '500ms') $$, 'half a second, or less');
select is_empty('select from patience where afterwards is distinct from given',
  'the setting is given back');

select * from finish();
rollback;
