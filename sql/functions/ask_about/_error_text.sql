create or replace function tasker._error_text (p_error jsonb)
  returns text
  language sql
  immutable
begin atomic
-- What a stored error says, in one line of at most 200 characters.
select left(regexp_replace(concat_ws(': ', p_error ->> 'type', p_error ->> 'message'),
                           '\s+', ' ', 'g'),
            200);
end;

comment on function tasker._error_text is 'What a stored error says, in one line of at most 200 characters.';
