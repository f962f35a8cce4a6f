create or replace function tasker._is_gated (p_steps jsonb)
  returns boolean
  language sql
  immutable
begin atomic
-- Whether any step of a definition has run_on, if or on_error.
select jsonb_path_exists(
         p_steps, '$[*] ? (exists (@.run_on) || exists (@."if") || exists (@.on_error))');
end;

comment on function tasker._is_gated is 'Whether any step of a definition has run_on, if or on_error.';
