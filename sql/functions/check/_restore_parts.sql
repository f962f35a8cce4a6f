create or replace function tasker._restore_parts ()
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Gives an installation what _missing_parts would name, and a new one what it begins with. What
-- the fixed rows say follows this version; a limit stays as it was set, within its bounds. The
-- sweep then sends the messages that the queues miss.
--
-- Calls    _fixed_limits, _fixed_transitions, _our_queues, _create_queue, _lagging_sequences
declare
  v_key record;
begin
  insert into tasker.legal_transitions as had (transition, entity, from_state, to_state, meaning)
  select transition, entity, from_state, to_state, meaning from tasker._fixed_transitions()
      on conflict (transition) do update
     set meaning = excluded.meaning
   where had.meaning <> excluded.meaning;

  insert into tasker.limits as had (name, value, initial, minimum, maximum, unit, meaning)
  select name, initial, initial, minimum, maximum, unit, meaning from tasker._fixed_limits()
      on conflict (name) do update
     set value   = least(greatest(had.value, excluded.minimum), excluded.maximum),
         initial = excluded.initial,
         minimum = excluded.minimum,
         maximum = excluded.maximum,
         unit    = excluded.unit,
         meaning = excluded.meaning
   where (had.initial, had.minimum, had.maximum, had.unit, had.meaning)
         <> (excluded.initial, excluded.minimum, excluded.maximum, excluded.unit, excluded.meaning);

  insert into tasker.sweep_cursors (action, position)
  values ('lost_messages', 0), ('unfinalized_tasks', 0)
      on conflict do nothing;

  perform tasker._create_queue(queue.name) from tasker._our_queues() as queue order by queue.name;

  perform setval(lagging.sequence_name::regclass, lagging.highest_id)
     from tasker._lagging_sequences() as lagging;

  -- Without a replica identity, nobody could drop a queue once all tables are published.
  for v_key in
    select c.relname as "table", named.relname as index
      from pg_class as c
      join pg_index as i on i.indrelid = c.oid
      join pg_class as named on named.oid = i.indexrelid
     where c.relnamespace = 'pgmq'::regnamespace
       and c.relname in ('meta', 'topic_bindings')
       and c.relreplident = 'd'
       and i.indisunique  -- of columns that are not null, and there is no primary key
  loop
    execute format('alter table pgmq.%I replica identity using index %I',
                   v_key."table", v_key.index);
  end loop;
end;
$$;

comment on function tasker._restore_parts is 'Gives an installation what _missing_parts names, and a new one what it begins with: fixed rows, queues, sequences past the ids in use.';
