-- Every row of the state chart happens in some life, and nothing else does.
begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('one', '{"a": []}');
select pg_temp.a_template('pair', '{"a": [], "b": []}');

-- p_path brings the step a of a new task to a state, the last word says what is done then.
create function pg_temp.live (p_path text, p_template text default 'one') returns void
 language plpgsql as $$
declare
  v_task  constant uuid := pg_temp.a_task(p_template, p_options => case when p_path like 'later %'
    then '{"run_at": "2031-01-01T00:00Z"}' else '{}' end::jsonb);
  v_step  constant uuid := pg_temp.step(v_task, 'a');
  v_token uuid;
  v_word  text;
begin
  foreach v_word in array string_to_array(btrim(p_path), ' ') loop
    case v_word
      when 'later' then null;
      when 'claim' then v_token := pg_temp.a_claim(100);
      when 'done' then perform tasker.complete_step(v_step, v_token);
      when 'done_b' then perform tasker.complete_step(pg_temp.step(v_task, 'b'), v_token);
      when 'fail' then perform tasker.fail_step(v_step, v_token, '"no"');
      when 'fatal' then perform tasker.fail_step(v_step, v_token, '"no"', false);
      when 'release' then perform tasker.release_claim(v_token);
      when 'cancel' then perform tasker.cancel_task(v_task, 'why');
      when 'resolve' then perform tasker.resolve_task(v_task, 'why');
      when 'retry' then perform tasker.retry_step(v_step, 'why');
      when 'settle' then perform tasker.resolve_step(v_step, 'why');
      when 'give' then perform tasker.complete_step_manually(v_step, '1', 'why');
    end case;
  end loop;
  perform tasker.cancel_task(v_task, 'clear')
  where pg_temp.task_state(v_task) not in ('complete', 'error', 'cancelled', 'resolved_manually');
end
$$;

select pg_temp.live(before || ' ' || verb)
  from unnest(array['later', '', 'claim', 'claim fail', 'claim fatal']) as before
 cross join unnest(array['cancel', 'resolve', 'settle', 'give', 'retry']) as verb
 where not (verb = 'retry' and before not in ('claim fail', 'claim fatal') or verb = 'cancel'
   and before = 'claim fatal');
select pg_temp.live('claim release claim fail retry claim done');
select pg_temp.live('claim fatal ' || verb, 'pair')
 from unnest(array['cancel', 'resolve', 'settle', 'give', 'retry', 'done_b retry']) as verb;

-- What only happens in gated templates: steps are decided about, reset, and ended for cleanup.
select pg_temp.gated('gated', '[{"name": "a"}, {"name": "b", "dependencies": ["a"]},
  {"name": "ok", "dependencies": ["a"], "if": "$.results.a.n == 7"},
  {"name": "c", "dependencies": ["b", "ok"], "run_on": "failure"},
  {"name": "end", "dependencies": ["c"], "run_on": "end"}]');
select pg_temp.a_task('gated') as task \gset
select pg_temp.play('{"results": {"a": {"m": 1}}}');
select from tasker.retry_step(pg_temp.step(:'task', 'ok'), 'why');
select pg_temp.play();
select pg_temp.a_task('gated') as task \gset
select pg_temp.play('{"fail": ["a", "c"]}');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'why');
select pg_temp.play('{"fail": ["a"], "skip": ["c"]}');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'why');
select pg_temp.play('{"skip": ["a"]}');
select pg_temp.a_task('gated') as task \gset
select pg_temp.play('{"fail": ["b", "c"]}');
select from tasker.resolve_step(pg_temp.step(:'task', 'c'), 'why');
select pg_temp.play();
select from tasker.retry_step(pg_temp.step(:'task', 'b'), 'why');
select from tasker.resolve_step(pg_temp.step(:'task', 'b'), 'why');
select pg_temp.gated('retried', '[{"name": "a", "retry": {"max_attempts": 2}}, {"name": "b"},
  {"name": "c", "run_on": "end"}]');
select pg_temp.a_task('retried') as task \gset
select pg_temp.a_claim(10) as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"');
select from tasker.release_claim(:'token');
select from tasker.cancel_task(:'task', 'why', '{"cleanup": true}');
select from tasker.cancel_task(:'task', 'why');
select pg_temp.a_task('retried', p_options => '{"run_at": "2031-01-01T00:00Z"}') as task \gset
select from tasker.cancel_task(:'task', 'why', '{"cleanup": true}');
select from tasker.cancel_task(:'task', 'why');

-- What only happens to steps that wait, sleep, or ask for a condition.
select pg_temp.gated('waits', format('[{"name": "day", "wait": {"for": "P1D"}},
  {"name": "ask", "wait": %1$s}, {"name": "skip", "wait": %2$s}, {"name": "late", "wait": %2$s},
  {"name": "fail", "wait": %3$s}, {"name": "over", "wait": {"until": "$.context.at",
    "timeout": "PT1S", "on_timeout": "skip"}}, {"name": "bad", "wait": {"until": "$.context.no"}}]',
  '{"until": {"sql": "x.f"}}', '{"until": {"sql": "x.f"}, "timeout": "PT1M", "on_timeout": "skip"}',
  '{"until": {"sql": "x.f"}, "timeout": "PT1M"}')::jsonb);
select pg_temp.a_task('waits', '{"at": "2031-01-01T00:00Z"}') as task \gset
select from (select token, step_uuid from tasker.claim_steps('test', 'w', 3)) as step
 cross join lateral tasker.sleep_step(step_uuid, token, '1 second');
select pg_temp.later('1 second');
select from tasker.sweep();
select from (select token, step_uuid from tasker.claim_steps('test', 'w', 3)) as step
 cross join lateral tasker.fail_step(step_uuid, token, '"no"', p_retry_after => '10 days');
select pg_temp.later('2 days');
select from tasker.sweep();
select pg_temp.a_task('waits', '{"at": "2031-01-01T00:00Z"}') as task \gset
select from tasker.resolve_step(pg_temp.step(:'task', 'day'), 'why');
select from tasker.cancel_task(:'task', 'why');
select pg_temp.a_task('waits', '{"at": "2031-01-01T00:00Z"}') as task \gset
select from tasker.cancel_task(:'task', 'why');

select set_eq('select change from tasker._changes',
  'select transition from tasker.legal_transitions', 'what is legal has happened, and no more');
select set_eq('select transition::text from tasker.legal_transitions',
  $$ select unnest(enum_range(null::tasker.transition))::text $$,
  'every name of a transition is legal');
select is_empty($$ select from tasker.legal_transitions
  where transition::text <> case when from_state is null then entity || ' created'
  else format('%s %s -> %s', entity, from_state, to_state) end $$,
  'the columns say what the name says');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
