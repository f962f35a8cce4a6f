create or replace function tasker._channel (p_worker text)
  returns text
  language sql
  immutable
begin atomic
-- The channel of one worker.
select 'tasker_' || left(md5(p_worker), 12);
end;

comment on function tasker._channel is 'The channel that notifies one worker: tasker_ and 12 digits of its name''s md5.';
