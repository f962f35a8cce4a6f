create or replace function tasker._fail_overfed (
  p_place    tasker.place,
  p_token    uuid,
  p_worker   text,
  p_step_ids bigint[],
  p_now      timestamptz
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Fails those of a new claim's steps whose parents' results are together over input_bytes: they
-- cannot be handed out (a jsonb ends at 256 MB), and would be at the head of their queue for ever.
-- Eight results are never over it. The worker may have nothing left: a notification lets it ask
-- again at once.
--
-- Locks    the claim, the steps, their tasks
-- Calls    _limit, _take_out, _finish, _record, _channel
declare
  v_most     constant integer := tasker._limit('input_bytes');
  v_ids      bigint[];
  v_failures jsonb;
  v_log      record;
begin
  with overfed as (
    select step.step_id, sum(pg_column_size(parent.result #> '{}')) as bytes
      from tasker.steps as step
      join tasker.template_steps as link
        on link.template_id = step.template_id
       and link.step_no = tasker._step_no(step.step_id)
     cross join unnest(link.parents) as parent_no
      join tasker.steps as parent on parent.step_id = step.step_id - link.step_no + parent_no
     where step.step_id = any (p_step_ids)
     group by step.step_id
    having sum(pg_column_size(parent.result #> '{}')) > v_most
  )
  select array_agg(overfed.step_id order by overfed.step_id),
         jsonb_agg(jsonb_build_object(
           'step_id', overfed.step_id,
           'retryable', false,
           'error', jsonb_build_object(
             'type', 'LimitExceeded',
             'code', 'TK006',
             'message', 'the results of the parents are too large to be handed out together',
             'detail', format('%s bytes, at most %s', overfed.bytes, v_most),
             'hint', 'This is the limit input_bytes, which an operator can change with set_limit. '
                     'Large data is better kept in a table of your own.'))
           order by overfed.step_id)
    into v_ids, v_failures
    from overfed;
  if v_ids is not null then
    perform tasker._take_out(p_token, v_ids);
    v_log := tasker._finish(p_token, p_worker, '{}', '{}', v_failures, p_now);
    perform tasker._record(v_log.ids, v_log.changes, p_worker, null, p_now);
    perform pg_notify(tasker._channel(p_worker), p_place.name);
  end if;
end;
$$;

comment on function tasker._fail_overfed is 'Fails those of a claim''s steps whose parents'' results are together over input_bytes.';
