create or replace function tasker._failure_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What ended badly and waits for somebody: steps that failed for good, the 20 most frequent ways
-- one by one, and requests that were refused.
--
-- Returns  problems
-- Calls    dead_letters, _counted, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  with letter as materialized (
    select letter.*, row_number() over (order by letter.count desc, letter.last_at desc) as place
      from tasker.dead_letters as letter
  )
  select 'warning', 'dead_letters',
         format('step %s/%s/%s', letter.namespace, letter.task_name, letter.name),
         letter.first_at,
         format('%s failed for good, last %s ago: %s', letter.count,
                tasker._ago(v_now - letter.last_at), letter.sample_error),
         format('tasker-sql dlq retry --namespace %s --template %s --step %s --fingerprint %s '
                '--reason ''<why>''',
                letter.namespace, letter.task_name, letter.name, letter.fingerprint)
    from letter
   where letter.place <= 20
  union all
  select 'warning', 'dead_letters', 'other steps', min(letter.first_at),
         format('%s failed for good in %s more ways', sum(letter.count), count(*)),
         'tasker-sql dlq list'
    from letter
   where letter.place > 20
  having count(*) > 0
  union all
  select 'warning', 'requests_refused', format('queue %s', refused.queue_name),
         min(refused.rejected_at),
         format('%s refused within a day, the last: %s', tasker._counted(count(*), 'message'),
                (array_agg(refused.error order by refused.rejection_id desc))[1]),
         'select * from tasker.rejected_requests order by rejection_id desc; send them again'
    from (select * from tasker.rejected_messages order by rejection_id desc limit 1000) as refused
   where refused.rejected_at > v_now - interval '1 day'
   group by refused.queue_name;
end;
$$;

comment on function tasker._failure_problems is 'problems: steps that failed for good, and requests that were refused.';
