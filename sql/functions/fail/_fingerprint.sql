create or replace function tasker._fingerprint (p_error jsonb)
  returns text
  language sql
  immutable
begin atomic
-- What equal errors have in common: type and message without quoted literals, and without words
-- that hold a digit (numbers, uuids, times, addresses, names of machines).
--
-- Returns  12 hexadecimal digits
select left(encode(sha256(convert_to(
         regexp_replace(
           regexp_replace(left(concat_ws(': ', p_error ->> 'type', p_error ->> 'message'), 1000),
                          '(^|[^[:alnum:]])(''[^'']*''|"[^"]*"|`[^`]*`)', '\1?', 'g'),
           '[[:alnum:]_.:+-]*[0-9][[:alnum:]_.:+-]*', '?', 'g'),
         'UTF8')), 'hex'), 12);
end;

comment on function tasker._fingerprint is 'What equal errors have in common, as 12 hexadecimal digits: type and message without literals, numbers, uuids and times.';
