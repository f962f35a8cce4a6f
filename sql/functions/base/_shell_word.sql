create or replace function tasker._shell_word (p_text text)
  returns text
  language sql
  immutable
begin atomic
-- A text as one word of a command in a shell, whatever is in it.
select case when p_text ~ '^[A-Za-z0-9_./:=@%+-]+$' then p_text
            else '''' || replace(p_text, '''', '''\''''') || '''' end;
end;

comment on function tasker._shell_word is 'A text as one word of a command in a shell.';
