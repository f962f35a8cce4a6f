create or replace function tasker._run_sql_step (
  p_step_uuid       uuid,
  p_token           uuid,
  p_worker          text,
  p_handler         text,
  p_context         jsonb,
  p_results         jsonb,
  p_timeout_seconds double precision,
  p_search_path     text
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Runs a claimed step's SQL function, which returns jsonb or, for a condition, true or false, and
-- completes or fails the step; what comes too late is counted. From PostgreSQL 17 on, a time-out
-- ends the session: nothing else ends a function that runs within a call.
--
-- Calls    complete_step, fail_step, report_late_writes
declare
  v_began   constant timestamptz := tasker._now();
  v_answer  text;
  v_result  jsonb;
  v_code    text;
  v_message text;
  v_detail  text;
  v_hint    text;
  v_context text;
begin
  if p_timeout_seconds > 0 and current_setting('server_version_num')::integer >= 170000 then
    perform set_config('transaction_timeout', (p_timeout_seconds * 1000)::integer::text, true);
  end if;
  begin
    perform set_config('search_path', p_search_path, true);
    execute format('select %I.%I($1, $2)::text',
                   split_part(substr(p_handler, 5), '.', 1), split_part(p_handler, '.', 2))
       into v_answer
      using p_context, p_results;
    v_result := v_answer::jsonb;
    perform set_config('search_path', 'pg_catalog, pg_temp', true);
    perform from tasker.complete_step(
                   p_step_uuid => p_step_uuid,
                   p_token     => p_token,
                   p_result    => v_result,
                   p_seconds   => extract(epoch from tasker._now() - v_began)::double precision);
    return;
  exception when others or query_canceled or assert_failure then  -- which takes the path back, too
    get stacked diagnostics v_code    = returned_sqlstate,
                            v_message = message_text,
                            v_detail  = pg_exception_detail,
                            v_hint    = pg_exception_hint,
                            v_context = pg_exception_context;
  end;
  begin
    perform from tasker.fail_step(
                   p_step_uuid => p_step_uuid,
                   p_token     => p_token,
                   p_error     => jsonb_strip_nulls(jsonb_build_object(
                     'type', 'SqlError', 'message', v_message, 'code', v_code,
                     'detail', nullif(v_detail, ''), 'hint', nullif(v_hint, ''),
                     'context', v_context)),
                   p_retryable => v_code not in ('TK100', '42883', '42501'),
                   p_seconds   => extract(epoch from tasker._now() - v_began)::double precision);
  exception when sqlstate 'TK001' then
    perform from tasker.report_late_writes(
                   p_token => p_token, p_step_uuids => array[p_step_uuid], p_worker => p_worker);
  end;
end;
$$;

comment on function tasker._run_sql_step is 'Runs a claimed step''s SQL function, and completes or fails the step.';
