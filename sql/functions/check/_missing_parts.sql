create or replace function tasker._missing_parts ()
  returns table (part text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What a dump of a part, or without data, leaves out: fixed rows, queues; and what logical
-- replication leaves out: the state of sequences.
--
-- Returns  no rows when nothing is missing
-- Calls    _fixed_limits, _fixed_transitions, _our_queues, _has_queue, _lagging_sequences
#variable_conflict use_column
begin
  return query
  select format('the legal transition "%s"', fixed.transition)
    from tasker._fixed_transitions() as fixed
   where not exists (select from tasker.legal_transitions as had
                      where had.transition = fixed.transition)
   union all
  select format('the limit %s', fixed.name)
    from tasker._fixed_limits() as fixed
   where not exists (select from tasker.limits as had where had.name = fixed.name)
   union all
  select format('the position of the sweep for %s', fixed.action)
    from (values ('lost_messages'), ('unfinalized_tasks')) as fixed (action)
   where not exists (select from tasker.sweep_cursors as had where had.action = fixed.action)
   union all
  select 'the schema tasker_queues' where to_regnamespace('tasker_queues') is null;

  if to_regclass('pgmq.meta') is not null then  -- db check looks for PGMQ itself
    return query
    select format('the queue %s', queue.name)
      from tasker._our_queues() as queue
     where not tasker._has_queue(queue.name);
  end if;

  return query
  select format('the position of the sequence %s', lagging.sequence_name)
    from tasker._lagging_sequences() as lagging;
end;
$$;

comment on function tasker._missing_parts is 'What this installation misses: fixed rows, queues, the state of sequences. db check asks for it, db upgrade restores it.';
