create or replace function tasker._create_pair (p_queue text)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set client_min_messages = warning
as $$
-- Creates the two functions that know how a pointer lies in a queue, so that their statements are
-- planned once a session, and not once a call. Each first reads nothing from the table in a block
-- of its own: that keeps it from being dropped until the transaction ends, and a block that writes
-- nothing takes no transaction id. A queue that is not there is an empty one. Both return what
-- needs no look at their own definition, which may be dropped with the queue while they run: the
-- lowest msg_id, whether there may be more (1 or 0), and the step_ids.
begin
  execute format(
    'create or replace function tasker_queues.%1$I (p_step_ids bigint[], p_now timestamptz)
       returns void language plpgsql set search_path = pg_catalog, pg_temp as $body$
     begin
       begin
         perform from pgmq.%2$I limit 0;
       exception when undefined_table then
         return;
       end;
       insert into pgmq.%2$I (enqueued_at, vt, message)
       select p_now, p_now, jsonb_build_object(''step_id'', step_id)
         from unnest(p_step_ids) as step_id;
     end $body$', 'push_' || p_queue, 'q_' || p_queue);
  execute format(
    'create or replace function tasker_queues.%1$I (p_limit integer, p_floor bigint)
       returns bigint[] language plpgsql set search_path = pg_catalog, pg_temp as $body$
     declare
       v_got bigint[];
     begin
       begin
         perform from pgmq.%2$I limit 0;
       exception when undefined_table then
         return array[null, 0];
       end;
       with gone as (
         delete from pgmq.%2$I
          where ctid = any (array(
                  select ctid from pgmq.%2$I
                   where msg_id > p_floor
                   order by msg_id
                   limit p_limit
                     for update skip locked))
         returning msg_id, message ->> ''step_id'' as step_id
       )
       select array[min(gone.msg_id),
                    case when p_limit > 0 then (count(*) = p_limit)::integer
                         else exists (select from pgmq.%2$I where msg_id > p_floor)::integer end]
              || array_agg(case when gone.step_id ~ ''^([0-9]{1,18}|[1-4][0-9]{18})$''
                                then gone.step_id::bigint else -1 end
                           order by gone.msg_id)
         into v_got
         from gone;
       return v_got;
     end $body$', 'pop_' || p_queue, 'q_' || p_queue);
end;
$$;

comment on function tasker._create_pair is 'Creates, or replaces, the functions tasker_queues.push_<queue> and pop_<queue>.';
