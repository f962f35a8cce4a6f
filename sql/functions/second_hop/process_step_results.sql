create or replace function tasker.process_step_results (p_limit bigint default 50)
  returns table (msg_id bigint, completed integer, failed integer, error text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5ms'
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Second hop of the two-hop path: applies messages of orchestration_step_results, each once. A
-- message is {"submission_id": n} as submit_step_results writes it, or
-- {"token": ..., "outcomes": [...]} from a worker that can only write messages. A bad one goes to
-- rejected_messages and stops nothing; one whose rows somebody holds goes to the end of the queue.
--
-- Returns  one row per message applied or rejected; no rows when there is nothing to do
-- Raises   22023 for a limit outside 1 to messages_per_call
-- Locks    as the outcomes ask for, in the order of the messages; waits for nobody longer than 5 ms
-- Calls    _pop_messages, _process_submission, submit_step_results, _postpone, _reject,
--          _note_late_writes
#variable_conflict use_column
declare
  v_message   record;
  v_completed integer;
  v_failed    integer;
  v_error     text;
  v_code      text;
  v_now       constant timestamptz := tasker._now();
begin
  p_limit := coalesce(p_limit, 50);
  perform tasker._check_count(p_limit, 1, 'messages_per_call');
  for v_message in
    select popped.*
      from tasker._pop_messages('orchestration_step_results', p_limit::integer) as popped
  loop
    begin
      v_error := null;
      select done.completed, done.failed
        into v_completed, v_failed
        from tasker._process_submission(
               case
                 when jsonb_typeof(v_message.message) = 'object'
                      and v_message.message ? 'submission_id'
                   then tasker._check_number(v_message.message -> 'submission_id', 'submission_id',
                                             1, 9223372036854775807, null)
                 else (select submission_id
                         from tasker.submit_step_results((v_message.message ->> 'token')::uuid,
                                                         v_message.message -> 'outcomes'))
               end,
               v_now) as done;
    exception
      when lock_not_available then
        perform tasker._postpone('orchestration_step_results', v_message.message);
        continue;
      when others then
        get stacked diagnostics v_error = message_text, v_code = returned_sqlstate;
        v_completed := null;
        v_failed    := null;
        perform tasker._reject('orchestration_step_results', v_message.msg_id, v_message.message,
                               v_code, v_error);
        if v_code = 'TK001' then
          perform tasker._note_late_writes(
            (v_message.message ->> 'token')::uuid,
            array(select tasker._step_id((outcome ->> 'step_uuid')::uuid)
                    from jsonb_array_elements(v_message.message -> 'outcomes') as outcome),
            'a worker that writes messages', v_now);
        end if;
    end;
    return query select v_message.msg_id, coalesce(v_completed, 0), coalesce(v_failed, 0), v_error;
  end loop;
end;
$$;

comment on function tasker.process_step_results is
'Second hop of the two-hop path: applies up to p_limit (1 to messages_per_call) messages of orchestration_step_results, exactly once. A message is {"submission_id"} from submit_step_results, or {"token", "outcomes"} from a worker that can only write messages. Bad or stale messages go to rejected_messages with the error. Raises 22023 (bad limit).';
