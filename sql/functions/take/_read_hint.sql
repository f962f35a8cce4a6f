create or replace function tasker._read_hint (p_namespace text, p_now timestamptz)
  returns text[]
  language sql
  stable
begin atomic
-- What the session found when it last looked at all queues of a namespace, less than half a second
-- ago: when (in milliseconds); where the messages begin in the high, the normal and the low one;
-- and of the high and the low one, whether it was empty. Null when it was longer ago. It saves
-- work, and decides nothing.
select case when current_setting('tasker.hint_' || p_namespace, true)
                 ~ '^[0-9]{1,15}( [0-9]{1,18}){3}( [tf]){2}$'
            then case when abs(extract(epoch from p_now) * 1000 - split_part(
                             current_setting('tasker.hint_' || p_namespace, true), ' ', 1)::bigint)
                           < 500
                      then string_to_array(current_setting('tasker.hint_' || p_namespace, true),
                                           ' ') end end;
end;

comment on function tasker._read_hint is 'What the session found when it last looked at all queues of a namespace, less than half a second ago.';
